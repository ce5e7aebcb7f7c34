#include "server/gateway/edge_decide.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/database.h"
#include "server/gateway/edge_allow.h"
#include "server/gateway/edge_config.h"
#include "server/gateway/edge_decision.h"
#include "server/iot/lane.h"
#include "server/iot/signal_cloud.h"
#include "server/net/http_client.h"

#define MAX_UNDER_WAY 256
#define KEPT 100000 /* decisions that are remembered */
#define CALL_NS (10 * GW_NS_PER_SECOND)
#define MINUTE_NS (60 * GW_NS_PER_SECOND)
#define ARENA_BYTES (256u << 10)
#define OUTCOME_BYTES 160

const char gw_edge_decide_schema[] =
    "CREATE TABLE IF NOT EXISTS edge_decision (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    "  at_ms INTEGER NOT NULL, what TEXT NOT NULL, outcome TEXT NOT NULL);";

struct gw_edge_decide {
    struct gw_loop *loop;
    struct gw_database *database;
    const struct gw_edge_config *config;
    struct gw_edge_allow *allow;
    struct gw_lane *lane;
    const struct gw_registry *registry;
    struct gw_http_origin *origins[GW_EDGE_MAX_BACKENDS];
    struct gw_list decisions; /* under way */
    size_t count;
    uint64_t full_at_ns; /* of the rate's bucket */
    struct gw_edge_decide_stats stats;
};

/* One event's, in three steps: its id is kept, it is done, the outcome is kept. The compiled part
 * of the signal is copied: the signals may be gone before the thread has answered. */
struct decision {
    struct gw_database_job job; /* first */
    struct gw_list node;
    struct gw_edge_decide *decide; /* NULL: it has gone */
    struct gw_signal_local local;
    struct gw_str id, what, device, group, edge_node;
    int64_t event_ms;
    bool is_new;
    char outcome[OUTCOME_BYTES]; /* its name, and why */
    struct gw_http_call *call;
    int status;
    struct gw_arena arena;
};

const char *gw_edge_outcome_name(enum gw_edge_outcome outcome)
{
    static const char *const names[] = {"done", "failed", "refused", "limited", "late"};

    return names[outcome];
}

static void end(struct decision *decision)
{
    if (decision->decide != NULL) {
        gw_list_remove(&decision->node);
        decision->decide->count--;
    }
    gw_arena_finish(&decision->arena);
    free(decision);
}

/* --- behind it --- */

static int keep_outcome(struct gw_database_job *job, struct gw_database *database)
{
    struct decision *decision = GW_CONTAINER_OF(job, struct decision, job);
    const struct gw_database_value values[] = {GW_DB_TEXT(decision->id),
                                               GW_DB_TEXT(gw_str_of(decision->outcome))};

    return gw_database_do(database, "UPDATE edge_decision SET outcome = ?2 WHERE id = ?1", values,
                          2);
}

static void on_kept(struct gw_database_job *job, int rc)
{
    struct decision *decision = GW_CONTAINER_OF(job, struct decision, job);

    if (rc != 0)
        gw_log_error("edge: the outcome of %.*s cannot be kept: %s", GW_STR_ARG(decision->id),
                     strerror(-rc));
    end(decision);
}

static void settle(struct decision *decision, enum gw_edge_outcome outcome, const char *why)
{
    struct gw_edge_decide *decide = decision->decide;

    decide->stats.outcomes[outcome]++;
    snprintf(decision->outcome, sizeof(decision->outcome), "%s%s%s", gw_edge_outcome_name(outcome),
             why != NULL ? ":" : "", why != NULL ? why : "");
    gw_log(outcome == GW_EDGE_DONE ? GW_LOG_INFO : GW_LOG_WARN, "edge: %.*s for event %.*s: %s%s%s",
           GW_STR_ARG(decision->what), GW_STR_ARG(decision->id), gw_edge_outcome_name(outcome),
           why != NULL ? ": " : "", why != NULL ? why : "");
    decision->job = (struct gw_database_job){.run = keep_outcome, .done = on_kept};
    gw_database_submit(decide->database, &decision->job);
}

/* --- doing it --- */

static void send_command(struct decision *decision)
{
    struct gw_edge_decide *decide = decision->decide;
    const struct gw_signal_local *local = &decision->local;
    const struct gw_edge_node_config *node =
        decide->lane == NULL
            ? NULL
            : gw_registry_find_node(decide->registry, decision->group, decision->edge_node);
    struct gw_sparkplug_metric metric = {
        .name = local->metric, .has_type = true, .type = local->type};

    if (local->value.type == GW_JSON_STRING) {
        metric.value = GW_SAMPLE_TEXT;
        metric.text = local->value.text;
    } else if (local->value.type != GW_JSON_NUMBER) {
        metric.value = GW_SAMPLE_BOOLEAN;
        metric.boolean = local->value.type == GW_JSON_TRUE;
    } else if (local->type == GW_SPARKPLUG_FLOAT || local->type == GW_SPARKPLUG_DOUBLE) {
        metric.value = GW_SAMPLE_REAL;
        metric.real = strtod(local->value.text.ptr, NULL);
    } else {
        metric.value = GW_SAMPLE_INTEGER;
        metric.integer = strtoll(local->value.text.ptr, NULL, 10);
    }
    int rc = node == NULL ? -ENOENT
                          : gw_lane_command(decide->lane, node, decision->device, &metric,
                                            (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS));
    settle(decision, rc == 0 ? GW_EDGE_DONE : GW_EDGE_FAILED, rc == 0 ? NULL : strerror(-rc));
}

static void on_readable(void *self)
{
    struct decision *decision = self;
    char bytes[4096], why[40];

    for (;;) {
        ssize_t len = gw_http_call_read(decision->call, bytes, sizeof(bytes));
        if (len == -EAGAIN || len == -EPIPE)
            return;
        if (len == 0)
            break;
    }
    decision->call = NULL;
    snprintf(why, sizeof(why), "status %d", decision->status);
    bool is_done = decision->status >= 200 && decision->status < 300;
    settle(decision, is_done ? GW_EDGE_DONE : GW_EDGE_FAILED, why);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct decision *decision = self;

    decision->status = head->status;
    on_readable(decision);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct decision *decision = self;
    (void)detail;

    decision->call = NULL;
    settle(decision, GW_EDGE_FAILED, gw_http_failure_name(failure));
}

static const struct gw_edge_target *find_backend(const struct gw_edge_decide *decide,
                                                 struct gw_str name, size_t *out_index)
{
    for (size_t i = 0; i < decide->config->backend_count; i++) {
        *out_index = i;
        if (gw_str_equal(decide->config->backends[i].name, name))
            return &decide->config->backends[i];
    }
    return NULL;
}

static void start_call(struct decision *decision)
{
    static const struct gw_http_call_events events = {
        .on_head = on_head, .on_readable = on_readable, .on_failure = on_failure};
    const struct gw_signal_local *local = &decision->local;
    size_t index = 0;
    const struct gw_edge_target *backend = find_backend(decision->decide, local->backend, &index);
    /* A backend that knows keys knows this one again. */
    const struct gw_field fields[] = {{GW_STR("Content-Type"), GW_STR("application/json")},
                                      {GW_STR("Idempotency-Key"), decision->id}};
    char target[2048];

    if (backend == NULL) {
        settle(decision, GW_EDGE_FAILED, "the backend is not configured");
        return;
    }
    int len = snprintf(target, sizeof(target), "%.*s%.*s", GW_STR_ARG(backend->base_path),
                       GW_STR_ARG(local->path));
    const struct gw_http_request request = {.method = GW_STR("POST"),
                                            .target = gw_str_from(target, (size_t)len),
                                            .host = backend->authority,
                                            .fields = fields,
                                            .field_count = 2,
                                            .body_bytes = (int64_t)local->body.len,
                                            .body = local->body,
                                            .first_byte_ns = CALL_NS,
                                            .total_ns = CALL_NS};
    int rc = gw_http_call_start(decision->decide->origins[index], &request, &events, decision,
                                &decision->call);
    if (rc != 0)
        settle(decision, GW_EDGE_FAILED, strerror(-rc));
}

/* --- before it --- */

/* As policies/rate_limit/token_bucket.h has it. */
static bool take_token(struct gw_edge_decide *decide)
{
    uint64_t now_ns = gw_loop_now_ns(decide->loop);
    uint64_t from_ns = decide->full_at_ns > now_ns ? decide->full_at_ns : now_ns;
    uint64_t full_at_ns = from_ns + MINUTE_NS / gw_edge_allow_per_minute(decide->allow);

    if (full_at_ns - now_ns > MINUTE_NS)
        return false;
    decide->full_at_ns = full_at_ns;
    return true;
}

static void judge(struct decision *decision)
{
    struct gw_edge_decide *decide = decision->decide;
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);
    const char *refusal =
        gw_edge_allow_refusal(decide->allow, &decision->local, decision->device, now_ms);

    if (refusal != NULL)
        settle(decision, GW_EDGE_REFUSED, refusal);
    else if (now_ms - decision->event_ms > (int64_t)decide->config->max_age_ms)
        settle(decision, GW_EDGE_LATE, NULL);
    else if (!take_token(decide))
        settle(decision, GW_EDGE_LIMITED, NULL);
    else if (decision->local.is_command)
        send_command(decision);
    else
        start_call(decision);
}

static int keep_id(struct gw_database_job *job, struct gw_database *database)
{
    struct decision *decision = GW_CONTAINER_OF(job, struct decision, job);
    const struct gw_database_value values[] = {GW_DB_TEXT(decision->id),
                                               GW_DB_INTEGER(gw_clock_realtime_ns() / GW_NS_PER_MS),
                                               GW_DB_TEXT(decision->what)};
    int rc = gw_database_do(database,
                            "INSERT INTO edge_decision (id, at_ms, what, outcome) VALUES (?1, ?2, "
                            "?3, 'begun') ON CONFLICT DO NOTHING",
                            values, 3);

    if (rc != 0)
        return rc;
    decision->is_new = gw_database_changed(database) > 0;
    return gw_database_do(database,
                          "DELETE FROM edge_decision WHERE number <= (SELECT max(number) FROM "
                          "edge_decision) - ?1",
                          (struct gw_database_value[]){GW_DB_INTEGER(KEPT)}, 1);
}

static void on_id(struct gw_database_job *job, int rc)
{
    struct decision *decision = GW_CONTAINER_OF(job, struct decision, job);

    if (decision->decide != NULL && rc == 0 && decision->is_new) {
        judge(decision);
        return;
    }
    if (decision->decide != NULL && rc == 0)
        decision->decide->stats.repeated++;
    else if (decision->decide != NULL)
        gw_log_error("edge: %.*s for event %.*s is not done: %s", GW_STR_ARG(decision->what),
                     GW_STR_ARG(decision->id), strerror(-rc));
    end(decision);
}

/* --- what is asked for --- */

static struct gw_str print_event(const struct gw_signal_event *event, struct gw_arena *arena)
{
    struct gw_event cloud;
    struct gw_buf text;
    struct gw_str copy = {NULL, 0};

    gw_buf_init(&text, GW_EVENT_MAX_BYTES);
    if (gw_signal_event_to_cloud(event, arena, &cloud) == 0) {
        gw_event_write(&cloud, &text);
        if (!text.has_failed)
            copy = gw_arena_copy(arena, gw_buf_str(&text));
    }
    gw_buf_finish(&text);
    return copy;
}

static bool fill(struct decision *decision, const struct gw_signal_event *event)
{
    struct gw_arena *arena = &decision->arena;
    const struct gw_signal_local *from = event->local;
    struct gw_signal_local *local = &decision->local;
    struct gw_str value = from->value.type == GW_JSON_STRING || from->value.type == GW_JSON_NUMBER
                              ? from->value.text
                              : GW_STR("");

    *local = *from;
    decision->id = gw_arena_copy(arena, event->id);
    decision->group = gw_arena_copy(arena, event->device->group);
    decision->edge_node = gw_arena_copy(arena, event->device->edge_node);
    decision->device =
        gw_arena_copy(arena, from->device.len > 0 ? from->device : event->device->device);
    local->metric = gw_arena_copy(arena, from->metric);
    local->backend = gw_arena_copy(arena, from->backend);
    local->path = gw_arena_copy(arena, from->path);
    if (value.len > 0) {
        local->value.text = gw_arena_copy(arena, value);
        if (local->value.text.ptr == NULL)
            return false;
    }
    if (!from->is_command)
        local->body =
            from->body.len > 0 ? gw_arena_copy(arena, from->body) : print_event(event, arena);
    decision->what = gw_edge_decision_describe(event, local, decision->device, arena);
    decision->event_ms = event->time_ms;
    return decision->id.ptr != NULL && decision->group.ptr != NULL &&
           decision->edge_node.ptr != NULL && decision->device.ptr != NULL &&
           local->metric.ptr != NULL && local->backend.ptr != NULL && local->path.ptr != NULL &&
           decision->what.ptr != NULL && (from->is_command || local->body.ptr != NULL);
}

static bool is_asked_for(const struct gw_signal_event *event)
{
    return event->alarm == GW_ALARM_NONE ||
           (event->alarm == GW_ALARM_RAISED && event->local->on_raised) ||
           (event->alarm == GW_ALARM_CLEARED && event->local->on_cleared);
}

void gw_edge_decide_event(struct gw_edge_decide *decide, const struct gw_signal_event *event)
{
    struct decision *decision;

    if (!is_asked_for(event))
        return;
    decision = decide->count < MAX_UNDER_WAY ? calloc(1, sizeof(*decision)) : NULL;
    if (decision == NULL) {
        decide->stats.outcomes[GW_EDGE_LIMITED]++;
        gw_log_error("edge: too much is being decided: event %.*s is left", GW_STR_ARG(event->id));
        return;
    }
    gw_arena_init(&decision->arena, 4096, ARENA_BYTES);
    if (!fill(decision, event)) {
        gw_log_error("edge: no memory to decide on event %.*s", GW_STR_ARG(event->id));
        end(decision);
        return;
    }
    decision->decide = decide;
    gw_list_append(&decide->decisions, &decision->node);
    decide->count++;
    decision->job = (struct gw_database_job){.run = keep_id, .done = on_id};
    gw_database_submit(decide->database, &decision->job);
}

void gw_edge_decide_get_stats(const struct gw_edge_decide *decide,
                              struct gw_edge_decide_stats *out_stats)
{
    *out_stats = decide != NULL ? decide->stats : (struct gw_edge_decide_stats){.repeated = 0};
}

void gw_edge_decide_set_lane(struct gw_edge_decide *decide, struct gw_lane *lane,
                             const struct gw_registry *registry)
{
    if (decide == NULL)
        return;
    decide->lane = lane;
    decide->registry = registry;
}

/* --- life --- */

static int open_origins(struct gw_edge_decide *decide, struct gw_http_client *http,
                        struct gw_error *error)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < decide->config->backend_count; i++) {
        const struct gw_edge_target *backend = &decide->config->backends[i];
        const struct gw_http_origin_config origin = {.host = backend->host,
                                                     .port = backend->port,
                                                     .is_tls = backend->is_tls,
                                                     .ca_pem = backend->ca_pem,
                                                     .max_connections = 8};
        rc = gw_http_origin_get(http, &origin, &decide->origins[i], error);
    }
    return rc;
}

int gw_edge_decide_create(struct gw_loop *loop, struct gw_http_client *http,
                          struct gw_database *database, const struct gw_edge_config *config,
                          struct gw_edge_decide **out_decide, struct gw_error *error)
{
    const struct gw_edge_allow_source source = {.text = config->allow,
                                                .signature = config->signature,
                                                .public_key = config->public_key,
                                                .edge = config->id};
    struct gw_edge_decide *decide = calloc(1, sizeof(*decide));

    if (decide == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_list_init(&decide->decisions);
    decide->loop = loop;
    decide->database = database;
    decide->config = config;
    int rc = gw_edge_allow_load(&source, &decide->allow, error);
    if (rc == 0)
        rc = open_origins(decide, http, error);
    if (rc != 0) {
        gw_edge_decide_destroy(decide);
        return gw_error_prefix(error, rc, "edge.local");
    }
    *out_decide = decide;
    return 0;
}

void gw_edge_decide_follow(struct gw_edge_decide *decide, const struct gw_edge_decide *before)
{
    if (decide == NULL || before == NULL)
        return;
    decide->stats = before->stats;
    decide->full_at_ns = before->full_at_ns;
}

void gw_edge_decide_destroy(struct gw_edge_decide *decide)
{
    struct gw_list *node;

    if (decide == NULL)
        return;
    while ((node = gw_list_take(&decide->decisions)) != NULL) {
        struct decision *decision = GW_LIST_ITEM(node, struct decision, node);
        bool has_call = decision->call != NULL;
        gw_http_call_cancel(decision->call);
        decision->decide = NULL;
        if (has_call) /* no job has it */
            end(decision);
    }
    for (size_t i = 0; i < GW_COUNT_OF(decide->origins); i++)
        if (decide->origins[i] != NULL)
            gw_http_origin_put(decide->origins[i]);
    gw_edge_allow_destroy(decide->allow);
    free(decide);
}
