#include "server/gateway/readiness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/certificates.h"
#include "server/gateway/records.h"
#include "server/gateway/server_metrics.h"
#include "server/gateway/server_state.h"
#include "server/net/http_client.h"
#include "server/store/health.h"

#define ROUND_NS (10 * GW_NS_PER_SECOND)
#define PROBE_NS (5 * GW_NS_PER_SECOND)
#define MAX_BACKENDS 256

enum probe_state { PROBE_UNKNOWN, PROBE_UP, PROBE_DOWN };

/* One backend's; it lives as long as its probe, and its name is its own. */
struct probe {
    struct gw_readiness *readiness;
    char name[128];
    struct gw_http_origin *origin;
    struct gw_http_call *call;
    enum probe_state state;
    char reason[160];
    bool is_seen; /* still in the configuration */
};

struct gw_readiness {
    struct gw_server *server;
    struct gw_redis_health *redis;
    struct gw_timer round;
    struct probe *probes[MAX_BACKENDS];
    size_t probe_count;
};

/* --- backends --- */

static void set_state(struct probe *probe, enum probe_state state, const char *reason)
{
    if (probe->state != state && (probe->state != PROBE_UNKNOWN || state == PROBE_DOWN))
        gw_log(state == PROBE_UP ? GW_LOG_INFO : GW_LOG_WARN, "backend %s is %s%s%s", probe->name,
               state == PROBE_UP ? "up" : "away", reason[0] != '\0' ? ": " : "", reason);
    probe->state = state;
    snprintf(probe->reason, sizeof(probe->reason), "%s", reason);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct probe *probe = self;
    char reason[64] = "";

    if (head->status >= 500)
        snprintf(reason, sizeof(reason), "the probe was answered %d", head->status);
    set_state(probe, head->status < 500 ? PROBE_UP : PROBE_DOWN, reason);
    gw_http_call_cancel(probe->call); /* the body is of no interest */
    probe->call = NULL;
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct probe *probe = self;
    char reason[160];

    probe->call = NULL;
    snprintf(reason, sizeof(reason), "%s: %s", gw_http_failure_name(failure), detail);
    set_state(probe, PROBE_DOWN, reason);
}

static const struct gw_http_call_events probe_events = {.on_head = on_head,
                                                        .on_failure = on_failure};

/* Without a path of its own, a backend is asked for HEAD of its base: any answer means that it is
 * there. */
static void start_probe(struct probe *probe, const struct gw_config_backend *config,
                        const struct gw_backend_config *backend)
{
    struct gw_http_request request = {
        .method = config->probe_path.ptr != NULL ? GW_STR("GET") : GW_STR("HEAD"),
        .target = config->probe_path.ptr != NULL ? config->probe_path
                  : config->base_path.len > 0    ? config->base_path
                                                 : GW_STR("/"),
        .host = backend->authority,
        .fields = backend->fields,
        .field_count = backend->field_count,
        .first_byte_ns = PROBE_NS,
        .total_ns = PROBE_NS,
    };

    if (gw_http_call_start(probe->origin, &request, &probe_events, probe, &probe->call) != 0) {
        probe->call = NULL;
        set_state(probe, PROBE_DOWN, "the probe cannot be sent");
    }
}

static struct probe *find_probe(struct gw_readiness *readiness, struct gw_str name)
{
    for (size_t i = 0; i < readiness->probe_count; i++) {
        if (gw_str_equal(gw_str_of(readiness->probes[i]->name), name))
            return readiness->probes[i];
    }
    struct probe *probe = readiness->probe_count == MAX_BACKENDS ? NULL : calloc(1, sizeof(*probe));
    if (probe == NULL)
        return NULL;
    probe->readiness = readiness;
    snprintf(probe->name, sizeof(probe->name), "%.*s", GW_STR_ARG(name));
    readiness->probes[readiness->probe_count++] = probe;
    return probe;
}

static void free_probe(struct probe *probe)
{
    gw_http_call_cancel(probe->call);
    if (probe->origin != NULL)
        gw_http_origin_put(probe->origin);
    free(probe);
}

static void probe_backends(struct gw_readiness *readiness)
{
    const struct gw_snapshot *snapshot = readiness->server->current;
    struct gw_error error;
    size_t kept = 0;

    for (size_t i = 0; i < snapshot->backend_count; i++) {
        struct probe *probe = find_probe(readiness, snapshot->backends[i].name);
        struct gw_http_origin *origin = NULL;
        if (probe == NULL)
            continue;
        probe->is_seen = true;
        if (probe->call != NULL ||
            gw_http_origin_get(readiness->server->main_worker.http, &snapshot->backends[i].origin,
                               &origin, &error) != 0)
            continue;
        if (probe->origin != NULL)
            gw_http_origin_put(probe->origin);
        probe->origin = origin;
        start_probe(probe, &snapshot->config->backends[i], &snapshot->backends[i]);
    }
    for (size_t i = 0; i < readiness->probe_count; i++) {
        struct probe *probe = readiness->probes[i];
        if (!probe->is_seen) {
            free_probe(probe);
            continue;
        }
        probe->is_seen = false;
        readiness->probes[kept++] = probe;
    }
    readiness->probe_count = kept;
}

static void on_round(struct gw_timer *timer)
{
    struct gw_readiness *readiness = GW_CONTAINER_OF(timer, struct gw_readiness, round);

    gw_timer_start(readiness->server->loop, timer, ROUND_NS, on_round);
    probe_backends(readiness);
}

/* --- the answer --- */

static size_t count_workers_with_redis(const struct gw_server *server)
{
    size_t count = 0;

    for (size_t i = 0; i < server->worker_count; i++)
        count += gw_worker_has_redis(server->workers[i]);
    return count;
}

static void print_probes(const struct gw_readiness *readiness, struct gw_buf *out)
{
    static const char *const state_names[] = {"unknown", "up", "down"};

    gw_buf_append_text(out, ",\"backends\":{");
    for (size_t i = 0; i < readiness->probe_count; i++) {
        const struct probe *probe = readiness->probes[i];
        gw_buf_printf(out, "%s\"", i == 0 ? "" : ",");
        gw_buf_append_json(out, gw_str_of(probe->name));
        gw_buf_printf(out, "\":{\"state\":\"%s\"", state_names[probe->state]);
        if (probe->reason[0] != '\0') {
            gw_buf_append_text(out, ",\"reason\":\"");
            gw_buf_append_json(out, gw_str_of(probe->reason));
            gw_buf_append_byte(out, '"');
        }
        gw_buf_append_byte(out, '}');
    }
    gw_buf_append_byte(out, '}');
}

/* Some backend answers, or none is configured, or it is too early to say. */
static bool has_backend(const struct gw_readiness *readiness)
{
    for (size_t i = 0; i < readiness->probe_count; i++) {
        if (readiness->probes[i]->state != PROBE_DOWN)
            return true;
    }
    return readiness->probe_count == 0;
}

static void print_configuration(const struct gw_server *server, struct gw_buf *out)
{
    const struct gw_snapshot *snapshot = server->current;

    gw_buf_printf(out, ",\"configuration\":{\"generation\":%llu,",
                  (unsigned long long)snapshot->generation);
    gw_buf_printf(out, "\"contracts\":%zu,\"operations\":%zu}", snapshot->contract_count,
                  snapshot->service_count);
}

static void print_redis(const struct gw_server *server, const struct gw_redis_problems *problems,
                        struct gw_buf *out)
{
    gw_buf_printf(out, ",\"redis\":{\"state\":\"%s\",", gw_redis_is_fit(problems) ? "up" : "down");
    gw_buf_printf(out, "\"workers_connected\":%zu,\"workers\":%zu,\"problems\":[",
                  count_workers_with_redis(server), server->worker_count);
    for (size_t i = 0; i < problems->count; i++) {
        gw_buf_printf(out, "%s{\"name\":\"%s\",\"node\":\"", i == 0 ? "" : ",",
                      problems->items[i].name);
        gw_buf_append_json(out, gw_str_of(problems->items[i].node));
        gw_buf_append_text(out, "\",\"reason\":\"");
        gw_buf_append_json(out, gw_str_of(problems->items[i].text));
        gw_buf_append_text(out, "\"}");
    }
    gw_buf_append_text(out, "]}");
}

bool gw_readiness_has_redis(struct gw_readiness *readiness)
{
    const struct gw_server *server = readiness->server;

    return gw_redis_is_fit(gw_redis_health_get(readiness->redis)) &&
           count_workers_with_redis(server) == server->worker_count;
}

bool gw_readiness_print(struct gw_readiness *readiness, struct gw_buf *out)
{
    static const char *const phase_names[] = {"starting", "serving", "draining"};
    struct gw_server *server = readiness->server;
    const struct gw_redis_problems *problems = gw_redis_health_get(readiness->redis);
    bool is_ready = server->phase == GW_SERVER_SERVING && gw_readiness_has_redis(readiness) &&
                    gw_records_are_known(server->records) && has_backend(readiness);

    gw_metrics_set(server->main_worker.metrics, &gw_server_ready, is_ready);
    gw_buf_printf(out, "{\"ready\":%s,\"phase\":\"%s\"", is_ready ? "true" : "false",
                  phase_names[server->phase]);
    print_configuration(server, out);
    print_redis(server, problems, out);
    gw_records_print(server->records, out);
    print_probes(readiness, out);
    gw_buf_append_text(out, ",\"certificates\":");
    gw_certificates_print_state(server->current,
                                (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_SECOND), out);
    gw_buf_append_text(out, "}\n");
    return is_ready;
}

/* --- life --- */

int gw_readiness_create(struct gw_server *server, struct gw_readiness **out_readiness,
                        struct gw_error *error)
{
    struct gw_readiness *readiness = calloc(1, sizeof(*readiness));

    if (readiness == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    readiness->server = server;
    const struct gw_config_redis *config = &server->current->config->redis;
    const struct gw_redis_needs needs = {.must_append = config->must_append,
                                         .min_replicas = config->min_replicas,
                                         .wants_replica = config->kind == GW_REDIS_SENTINEL ||
                                                          config->kind == GW_REDIS_CLUSTER};
    readiness->redis = gw_redis_health_create(server->loop, server->redis.redis, &needs);
    if (readiness->redis == NULL) {
        free(readiness);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    on_round(&readiness->round);
    *out_readiness = readiness;
    return 0;
}

void gw_readiness_destroy(struct gw_readiness *readiness)
{
    if (readiness == NULL)
        return;
    gw_timer_stop(&readiness->round);
    gw_redis_health_destroy(readiness->redis);
    for (size_t i = 0; i < readiness->probe_count; i++)
        free_probe(readiness->probes[i]);
    free(readiness);
}
