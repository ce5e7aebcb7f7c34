#include "server/gateway/probes.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/server_state.h"
#include "server/net/http_client.h"
#include "server/upstream/target.h"

#define ROUND_NS (1 * GW_NS_PER_SECOND) /* how often is looked for another configuration */
#define MAX_PROBES 1024

enum probe_state { PROBE_UNKNOWN, PROBE_UP, PROBE_DOWN };

/* One target's; it lives as long as its target is configured, and its strings are its own. */
struct probe {
    struct gw_probes *probes;
    char *backend, *url;
    char *request_target, *host;
    struct gw_str method;
    struct gw_http_origin *origin;
    struct gw_http_call *call;
    struct gw_target_mark *mark;
    struct gw_probe_rule rule;
    struct gw_timer timer;
    enum probe_state state;
    uint32_t row; /* results in a row that speak against the state */
    char reason[160];
    bool is_decisive; /* the operator configured it: workers leave the target out for it */
};

struct gw_probes {
    struct gw_server *server;
    uint64_t generation; /* of the configuration that the probes are for */
    struct gw_timer round;
    struct probe *items[MAX_PROBES];
    size_t count;
};

/* --- results --- */

static void set_state(struct probe *probe, enum probe_state state, const char *reason)
{
    if (probe->state != PROBE_UNKNOWN || state == PROBE_DOWN)
        gw_log(state == PROBE_UP ? GW_LOG_INFO : GW_LOG_WARN, "backend %s at %s is %s%s%s",
               probe->backend, probe->url, state == PROBE_UP ? "up" : "away",
               reason[0] != '\0' ? ": " : "", reason);
    if (probe->is_decisive && probe->mark != NULL) {
        if (state == PROBE_UP && probe->state == PROBE_DOWN)
            atomic_store(&probe->mark->up_since_ns, gw_clock_monotonic_ns());
        atomic_store(&probe->mark->is_down, state == PROBE_DOWN);
    }
    probe->state = state;
    probe->row = 0;
}

/* The first result counts at once; a change of mind takes several. */
static void take_result(struct probe *probe, enum probe_state state, const char *reason)
{
    uint32_t needed = state == PROBE_UP ? probe->rule.healthy : probe->rule.unhealthy;

    probe->call = NULL;
    snprintf(probe->reason, sizeof(probe->reason), "%s", reason);
    if (state == probe->state)
        probe->row = 0;
    else if (probe->state == PROBE_UNKNOWN || ++probe->row >= needed)
        set_state(probe, state, reason);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct probe *probe = self;
    char reason[64] = "";

    if (head->status >= 500)
        snprintf(reason, sizeof(reason), "the probe was answered %d", head->status);
    gw_http_call_cancel(probe->call); /* the body is of no interest */
    take_result(probe, head->status < 500 ? PROBE_UP : PROBE_DOWN, reason);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    char reason[160];

    snprintf(reason, sizeof(reason), "%s: %s", gw_http_failure_name(failure), detail);
    take_result(self, PROBE_DOWN, reason);
}

static const struct gw_http_call_events probe_events = {.on_head = on_head,
                                                        .on_failure = on_failure};

/* --- asking --- */

static const struct gw_backend_config *find_backend(const struct gw_probes *probes,
                                                    const char *name)
{
    const struct gw_snapshot *snapshot = probes->server->current;

    for (size_t i = 0; i < snapshot->backend_count; i++) {
        if (gw_str_equal(snapshot->backends[i].name, gw_str_of(name)))
            return &snapshot->backends[i];
    }
    return NULL;
}

static void on_due(struct gw_timer *timer)
{
    struct probe *probe = GW_CONTAINER_OF(timer, struct probe, timer);
    const struct gw_backend_config *backend = find_backend(probe->probes, probe->backend);
    struct gw_http_request request = {
        .method = probe->method,
        .target = gw_str_of(probe->request_target),
        .host = gw_str_of(probe->host),
        .first_byte_ns = probe->rule.timeout_ns,
        .total_ns = probe->rule.timeout_ns,
    };

    gw_timer_start(probe->probes->server->loop, timer, probe->rule.interval_ns, on_due);
    if (probe->call != NULL || backend == NULL)
        return;
    request.fields = backend->fields;
    request.field_count = backend->field_count;
    if (gw_http_call_start(probe->origin, &request, &probe_events, probe, &probe->call) != 0)
        take_result(probe, PROBE_DOWN, "the probe cannot be sent");
}

/* --- following the configuration --- */

static void free_probe(struct probe *probe)
{
    gw_timer_stop(&probe->timer);
    gw_http_call_cancel(probe->call);
    if (probe->origin != NULL)
        gw_http_origin_put(probe->origin);
    free(probe->backend);
    free(probe->url);
    free(probe->request_target);
    free(probe->host);
    free(probe);
}

static char *copy(struct gw_str text)
{
    return gw_str_duplicate(text);
}

/* Without a path of its own, a target is asked for HEAD of its base: any answer below 500 means
 * that it is there. 0, or -1 without memory. */
static int set_up(struct probe *probe, const struct gw_backend_config *backend,
                  const struct gw_target_config *target)
{
    struct gw_str base = target->base_path.len > 0 ? target->base_path : GW_STR("/");
    struct gw_str path = backend->probe.path.len > 0 ? backend->probe.path : base;
    struct gw_http_origin *origin = NULL;
    struct gw_error error;

    if (gw_http_origin_get(probe->probes->server->main_worker.http, &target->origin, &origin,
                           &error) != 0)
        return -1;
    if (probe->origin != NULL)
        gw_http_origin_put(probe->origin);
    probe->origin = origin;
    free(probe->request_target);
    free(probe->host);
    probe->request_target = copy(path);
    probe->host = copy(target->authority);
    probe->method = backend->probe.path.len > 0 ? GW_STR("GET") : GW_STR("HEAD");
    probe->mark = target->mark;
    probe->rule = backend->probe;
    probe->is_decisive = backend->probe.path.len > 0;
    probe->rule.path = GW_STR(""); /* it is of the snapshot's life */
    if (probe->mark != NULL)
        atomic_store(&probe->mark->is_down, probe->is_decisive && probe->state == PROBE_DOWN);
    return probe->request_target == NULL || probe->host == NULL ? -1 : 0;
}

static struct probe *find(struct gw_probes *probes, struct gw_str backend, struct gw_str url)
{
    for (size_t i = 0; i < probes->count; i++) {
        if (gw_str_equal(gw_str_of(probes->items[i]->backend), backend) &&
            gw_str_equal(gw_str_of(probes->items[i]->url), url))
            return probes->items[i];
    }
    struct probe *probe = probes->count == MAX_PROBES ? NULL : calloc(1, sizeof(*probe));
    if (probe == NULL)
        return NULL;
    probe->probes = probes;
    probe->backend = copy(backend);
    probe->url = copy(url);
    if (probe->backend == NULL || probe->url == NULL) {
        free_probe(probe);
        return NULL;
    }
    probes->items[probes->count++] = probe;
    return probe;
}

/* Puts it behind those that are still configured: what is left at the end is not. */
static void place(struct gw_probes *probes, struct probe *probe, size_t at)
{
    size_t from = at;

    while (probes->items[from] != probe)
        from++;
    probes->items[from] = probes->items[at];
    probes->items[at] = probe;
}

static void follow(struct gw_probes *probes, const struct gw_snapshot *snapshot)
{
    size_t placed = 0;

    for (size_t i = 0; i < snapshot->backend_count; i++) {
        const struct gw_backend_config *backend = &snapshot->backends[i];
        for (size_t at = 0; at < backend->target_count; at++) {
            const struct gw_target_config *target = &backend->targets[at];
            struct probe *probe = find(probes, backend->name, target->url);
            if (probe == NULL || set_up(probe, backend, target) != 0)
                continue;
            place(probes, probe, placed++);
            on_due(&probe->timer);
        }
    }
    while (probes->count > placed)
        free_probe(probes->items[--probes->count]);
}

static void on_round(struct gw_timer *timer)
{
    struct gw_probes *probes = GW_CONTAINER_OF(timer, struct gw_probes, round);
    const struct gw_snapshot *snapshot = probes->server->current;

    gw_timer_start(probes->server->loop, timer, ROUND_NS, on_round);
    if (snapshot->generation == probes->generation)
        return;
    probes->generation = snapshot->generation;
    follow(probes, snapshot);
}

/* --- telling --- */

bool gw_probes_has_backend(const struct gw_probes *probes)
{
    for (size_t i = 0; i < probes->count; i++) {
        if (probes->items[i]->state != PROBE_DOWN)
            return true;
    }
    return probes->count == 0;
}

static void print_member(struct gw_buf *out, const char *name, const char *text)
{
    gw_buf_printf(out, "\"%s\":\"", name);
    gw_buf_append_json(out, gw_str_of(text));
    gw_buf_append_byte(out, '"');
}

static void print_state(struct gw_buf *out, enum probe_state state, const char *reason)
{
    static const char *const state_names[] = {"unknown", "up", "down"};

    print_member(out, "state", state_names[state]);
    if (reason[0] != '\0') {
        gw_buf_append_byte(out, ',');
        print_member(out, "reason", reason);
    }
}

static void print_target(const struct probe *probe, struct gw_buf *out, uint64_t now_ns)
{
    const struct gw_target_mark *mark = probe->mark;

    gw_buf_append_byte(out, '{');
    print_member(out, "url", probe->url);
    gw_buf_append_byte(out, ',');
    print_state(out, probe->state, probe->reason);
    if (mark != NULL && now_ns < atomic_load(&mark->ejected_until_ns))
        gw_buf_append_text(out, ",\"ejected\":true");
    if (mark != NULL && now_ns < atomic_load(&mark->open_until_ns))
        gw_buf_append_text(out, ",\"breaker\":\"open\"");
    gw_buf_append_byte(out, '}');
}

static void print_maintenance(const struct gw_backend_config *backend, struct gw_buf *out)
{
    uint64_t now_s = gw_clock_realtime_ns() / GW_NS_PER_SECOND;
    uint64_t end_s = backend == NULL
                         ? 0
                         : gw_schedule_end(backend->maintenance, backend->maintenance_count, now_s);

    if (end_s > 0)
        gw_buf_printf(out, ",\"maintenance_seconds_left\":%llu",
                      (unsigned long long)(end_s - now_s));
}

/* The probes of one backend stand together. Returns the first one behind them. */
static size_t print_backend(const struct gw_probes *probes, size_t first, struct gw_buf *out)
{
    const struct probe *best = probes->items[first];
    size_t end = first;

    for (; end < probes->count; end++) {
        const struct probe *probe = probes->items[end];
        if (strcmp(probe->backend, probes->items[first]->backend) != 0)
            break;
        if (best->state == PROBE_DOWN && probe->state != PROBE_DOWN)
            best = probe;
    }
    gw_buf_append_byte(out, '"');
    gw_buf_append_json(out, gw_str_of(best->backend));
    gw_buf_append_text(out, "\":{");
    print_state(out, best->state, best->reason);
    print_maintenance(find_backend(probes, best->backend), out);
    gw_buf_append_text(out, ",\"targets\":[");
    for (size_t i = first; i < end; i++) {
        if (i > first)
            gw_buf_append_byte(out, ',');
        print_target(probes->items[i], out, gw_clock_monotonic_ns());
    }
    gw_buf_append_text(out, "]}");
    return end;
}

void gw_probes_print(const struct gw_probes *probes, struct gw_buf *out)
{
    gw_buf_append_text(out, "\"backends\":{");
    for (size_t at = 0; at < probes->count;) {
        if (at > 0)
            gw_buf_append_byte(out, ',');
        at = print_backend(probes, at, out);
    }
    gw_buf_append_byte(out, '}');
}

/* --- life --- */

struct gw_probes *gw_probes_create(struct gw_server *server)
{
    struct gw_probes *probes = calloc(1, sizeof(*probes));

    if (probes == NULL)
        return NULL;
    probes->server = server;
    on_round(&probes->round);
    return probes;
}

void gw_probes_destroy(struct gw_probes *probes)
{
    if (probes == NULL)
        return;
    gw_timer_stop(&probes->round);
    for (size_t i = 0; i < probes->count; i++)
        free_probe(probes->items[i]);
    free(probes);
}
