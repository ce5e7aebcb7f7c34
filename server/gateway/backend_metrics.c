#include "server/gateway/backend_metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"
#include "server/upstream/target.h"
#include "server/upstream/upstreams.h"

#define MAX_BACKENDS 256
#define MAX_TARGETS 1024
#define MAX_LABEL_BYTES 2048

#define MIRRORS "millgate_backend_mirrored_total", "Copies of reads, by what came of them."
#define RETRIES "millgate_backend_retries_total", "Requests sent to a backend once more, by reason."

/* `labels` are those beside the backend's name. */
static const struct gw_metric backend_kinds[] = {
    {"millgate_backend_calls_total", "Calls started, by backend.", NULL, false},
    {"millgate_backend_failures_total", "Calls that got no usable answer, by backend.", NULL,
     false},
    {"millgate_backend_connects_total", "Connections made, by backend.", NULL, false},
    {"millgate_backend_connect_failures_total", "Connections that could not be made, by backend.",
     NULL, false},
    {"millgate_backend_connections", "Open connections, by backend.", NULL, true},
    {"millgate_backend_waiting", "Calls that wait for a connection, by backend.", NULL, true},
    {"millgate_backend_refused_total", "Requests for which no target might be asked.", NULL, false},
    {"millgate_backend_over_budget_total", "Retries and hedges that the budget forbade.", NULL,
     false},
    {"millgate_backend_held_back_total", "Requests refused in maintenance, or as asked for.", NULL,
     false},
    {"millgate_backend_throttled", "Workers that make a pause that the backend asked for.", NULL,
     true},
    {"millgate_backend_queued", "Requests that wait for their turn at the backend.", NULL, true},
    {"millgate_backend_hedges_total", "Reads that a second target was asked for.", NULL, false},
    {"millgate_backend_hedges_won_total", "Of these, answered by the second.", NULL, false},
    {RETRIES, "reason=\"connect\"", false},
    {RETRIES, "reason=\"reset\"", false},
    {RETRIES, "reason=\"timeout\"", false},
    {RETRIES, "reason=\"502\"", false},
    {RETRIES, "reason=\"503\"", false},
    {RETRIES, "reason=\"504\"", false},
    {MIRRORS, "result=\"same\"", false},
    {MIRRORS, "result=\"other-status\"", false},
    {MIRRORS, "result=\"other-body\"", false},
    {MIRRORS, "result=\"failed\"", false},
    {MIRRORS, "result=\"uncompared\"", false},
    {MIRRORS, "result=\"dropped\"", false},
};

static const struct gw_metric target_kinds[] = {
    {"millgate_target_requests_total", "Requests made, by backend and target.", NULL, false},
    {"millgate_target_failures_total", "Requests that failed, or were answered 5xx.", NULL, false},
    {"millgate_target_ejections_total", "Times that a target was left out.", NULL, false},
    {"millgate_target_breaker_openings_total", "Times that a target's breaker opened.", NULL,
     false},
    {"millgate_target_outstanding", "Requests that a target has not answered yet.", NULL, true},
    {"millgate_target_ejected", "Workers that leave the target out now.", NULL, true},
    {"millgate_target_breaker_open", "Workers whose breaker for the target is open.", NULL, true},
};

#define BACKEND_KINDS GW_COUNT_OF(backend_kinds)
#define TARGET_KINDS GW_COUNT_OF(target_kinds)
#define MIRRORS_AT (BACKEND_KINDS - GW_MIRROR_RESULT_COUNT)
#define RETRIES_AT (MIRRORS_AT - GW_RETRY_REASON_COUNT)

struct gw_backend_metrics {
    struct gw_backend_metrics *next;
    char *name;
    struct gw_metric metrics[BACKEND_KINDS];
};

struct gw_target_board {
    struct gw_target_mark mark; /* first: what is handed out */
    struct gw_target_board *next;
    char *name;
    struct gw_metric metrics[TARGET_KINDS];
};

/* --- names --- */

static void append_label(struct gw_buf *out, const char *name, struct gw_str value)
{
    gw_buf_printf(out, "%s=\"", name);
    gw_buf_append_json(out, value); /* a label has the escapes that such values can need */
    gw_buf_append_byte(out, '"');
}

/* NULL without memory. `url` is empty for a backend's own. */
static char *make_labels(struct gw_str backend, struct gw_str url, const char *more)
{
    struct gw_buf text;

    gw_buf_init(&text, MAX_LABEL_BYTES);
    append_label(&text, "backend", backend);
    if (url.len > 0) {
        gw_buf_append_byte(&text, ',');
        append_label(&text, "target", url);
    }
    if (more != NULL)
        gw_buf_printf(&text, ",%s", more);
    char *labels = text.has_failed ? NULL : gw_str_duplicate(gw_buf_str(&text));
    gw_buf_finish(&text);
    return labels;
}

static bool describe(struct gw_metric *out, const struct gw_metric *kinds, size_t count,
                     struct gw_str backend, struct gw_str url)
{
    bool is_done = true;

    for (size_t i = 0; i < count; i++) {
        out[i] = kinds[i];
        out[i].labels = make_labels(backend, url, kinds[i].labels);
        is_done &= out[i].labels != NULL;
    }
    return is_done;
}

static void free_labels(struct gw_metric *metrics, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)metrics[i].labels);
}

static void free_backend(struct gw_backend_metrics *entry)
{
    free_labels(entry->metrics, BACKEND_KINDS);
    free(entry->name);
    free(entry);
}

static void free_target(struct gw_target_board *entry)
{
    free_labels(entry->metrics, TARGET_KINDS);
    free(entry->name);
    free(entry);
}

const struct gw_backend_metrics *gw_backend_board_get(struct gw_backend_board *board,
                                                      struct gw_str name)
{
    for (struct gw_backend_metrics *entry = board->backends; entry != NULL; entry = entry->next) {
        if (gw_str_equal(gw_str_of(entry->name), name))
            return entry;
    }
    struct gw_backend_metrics *made =
        board->backend_count == MAX_BACKENDS ? NULL : calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    made->name = gw_str_duplicate(name);
    if (!describe(made->metrics, backend_kinds, BACKEND_KINDS, name, GW_STR("")) ||
        made->name == NULL) {
        free_backend(made);
        return NULL;
    }
    made->next = board->backends;
    board->backends = made;
    board->backend_count++;
    return made;
}

struct gw_target_mark *gw_backend_board_get_mark(struct gw_backend_board *board,
                                                 struct gw_str backend, struct gw_str url)
{
    char *name = NULL;

    if (asprintf(&name, "%.*s %.*s", GW_STR_ARG(backend), GW_STR_ARG(url)) < 0)
        return NULL;
    for (struct gw_target_board *entry = board->targets; entry != NULL; entry = entry->next) {
        if (strcmp(entry->name, name) == 0) {
            free(name);
            return &entry->mark;
        }
    }
    struct gw_target_board *made =
        board->target_count == MAX_TARGETS ? NULL : calloc(1, sizeof(*made));
    if (made == NULL) {
        free(name);
        return NULL;
    }
    made->name = name;
    if (!describe(made->metrics, target_kinds, TARGET_KINDS, backend, url)) {
        free_target(made);
        return NULL;
    }
    made->next = board->targets;
    board->targets = made;
    board->target_count++;
    return &made->mark;
}

void gw_backend_board_finish(struct gw_backend_board *board)
{
    while (board->backends != NULL) {
        struct gw_backend_metrics *entry = board->backends;
        board->backends = entry->next;
        free_backend(entry);
    }
    while (board->targets != NULL) {
        struct gw_target_board *entry = board->targets;
        board->targets = entry->next;
        free_target(entry);
    }
}

/* --- numbers --- */

static void publish_target(const struct gw_target *target, struct gw_metrics_shard *shard,
                           uint64_t now_ns)
{
    const struct gw_target_board *entry =
        GW_CONTAINER_OF(target->mark, struct gw_target_board, mark);
    const uint64_t values[TARGET_KINDS] = {
        target->stats.requests,  target->stats.failures,
        target->stats.ejections, target->stats.breaker_openings,
        target->outstanding,     gw_outlier_is_ejected(&target->outlier, now_ns),
        target->breaker.is_open,
    };

    for (size_t i = 0; i < TARGET_KINDS; i++)
        gw_metrics_set(shard, &entry->metrics[i], values[i]);
}

static struct gw_http_origin_stats sum_origins(const struct gw_backend *backend)
{
    struct gw_http_origin_stats sum = {0};

    for (size_t i = 0; i < backend->config->target_count; i++) {
        struct gw_http_origin_stats stats;
        gw_http_origin_get_stats(backend->targets[i]->origin, &stats);
        sum.calls += stats.calls;
        sum.failures += stats.failures;
        sum.connects += stats.connects;
        sum.connect_failures += stats.connect_failures;
        sum.connections += stats.connections;
        sum.waiting += stats.waiting;
    }
    return sum;
}

void gw_backend_metrics_publish(const struct gw_backend_metrics *metrics,
                                struct gw_metrics_shard *shard, const struct gw_backend *backend)
{
    const struct gw_http_origin_stats sum = sum_origins(backend);
    const struct gw_backend_stats *stats = &backend->state->stats;
    const struct gw_backend_state *state = backend->state;
    uint64_t now_ns = gw_loop_now_ns(backend->upstreams->loop);
    uint64_t values[BACKEND_KINDS] = {
        sum.calls,
        sum.failures,
        sum.connects,
        sum.connect_failures,
        sum.connections,
        sum.waiting,
        stats->refused,
        stats->over_budget,
        stats->held_back,
        state->throttle.until_ns > now_ns,
        state->bulkhead.queued,
        stats->hedges,
        stats->hedges_won,
    };

    memcpy(values + RETRIES_AT, stats->retries, sizeof(stats->retries));
    memcpy(values + MIRRORS_AT, stats->mirrored, sizeof(stats->mirrored));
    for (size_t i = 0; metrics != NULL && i < BACKEND_KINDS; i++)
        gw_metrics_set(shard, &metrics->metrics[i], values[i]);
    for (size_t i = 0; i < backend->config->target_count; i++) {
        if (backend->targets[i]->mark != NULL)
            publish_target(backend->targets[i], shard, now_ns);
    }
}
