/* What an edge says of itself: /healthz, /readyz, /metrics and /status, on this machine alone. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/event/database.h"
#include "server/event/spool.h"
#include "server/gateway/edge_decide.h"
#include "server/gateway/edge_decision.h"
#include "server/gateway/edge_private.h"
#include "server/gateway/edge_samples.h"
#include "server/gateway/listen_socket.h"
#include "server/http/listener.h"
#include "server/http/problem.h"
#include "server/observe/metrics.h"

#define MAX_CONNECTIONS 64
#define POOL_BYTES (16 * 1024)
#define MAX_ANSWER_BYTES (1024 * 1024)

#define COUNTER(name, metric, help) static const struct gw_metric name = {metric, help, NULL, false}
#define GAUGE(name, metric, help) static const struct gw_metric name = {metric, help, NULL, true}
#define DECISIONS "millgate_edge_decisions_total"
#define DECISIONS_HELP "What was decided here, by outcome."

GAUGE(spool_events, "millgate_edge_spool_events", "Events that wait to be forwarded.");
GAUGE(spool_bytes, "millgate_edge_spool_bytes", "Bytes of the events that wait.");
GAUGE(spool_age, "millgate_edge_spool_age_seconds", "For how long the oldest has waited.");
GAUGE(file_bytes, "millgate_edge_file_bytes", "The spool's file, without its write-ahead log.");
GAUGE(centre_up, "millgate_edge_centre_up", "1: the last batch was acknowledged.");
GAUGE(acknowledged_at, "millgate_edge_acknowledged_timestamp_seconds",
      "When the last batch was acknowledged; 0: never.");
GAUGE(slowest_commit, "millgate_edge_commit_slowest_ms", "The slowest commit since the start.");
COUNTER(spooled, "millgate_edge_spooled_total",
        "Events that were spooled, since the file was made.");
COUNTER(dropped, "millgate_edge_dropped_total", "Events that were dropped as the spool was full.");
COUNTER(refused, "millgate_edge_spool_refused_total",
        "Attempts to spool an event that a full spool refused.");
COUNTER(acknowledged, "millgate_edge_acknowledged_total", "Events that the centre has.");
COUNTER(lost, "millgate_edge_centre_lost_total",
        "Sequences that the centre had acknowledged and did not know any more.");
COUNTER(refused_there, "millgate_edge_centre_refused_total",
        "Events that the centre refused for what they are.");
COUNTER(batches, "millgate_edge_batches_total", "Batches that were acknowledged.");
COUNTER(failures, "millgate_edge_batch_failures_total", "Batches that were not.");
GAUGE(samples_waiting, "millgate_edge_samples_waiting", "Samples that wait to be forwarded.");
GAUGE(samples_bytes, "millgate_edge_samples_bytes", "Their bytes on the disk.");
COUNTER(samples_forwarded, "millgate_edge_samples_forwarded_total", "Samples that the centre has.");
COUNTER(samples_dropped, "millgate_edge_samples_dropped_total",
        "Samples that were dropped, as more than samples.max_bytes waited.");
COUNTER(samples_refused, "millgate_edge_samples_refused_total",
        "Samples whose device or metric the centre does not know.");
COUNTER(commits, "millgate_edge_commits_total", "Commits of the spool's file.");
GAUGE(disk_failing, "millgate_edge_disk_failing",
      "1: the last commit failed, and nothing more is kept.");
COUNTER(commit_failures, "millgate_edge_commit_failures_total", "Commits that failed.");

static const struct gw_metric decisions[GW_EDGE_OUTCOME_COUNT] = {
    {DECISIONS, DECISIONS_HELP, "outcome=\"done\"", false},
    {DECISIONS, DECISIONS_HELP, "outcome=\"failed\"", false},
    {DECISIONS, DECISIONS_HELP, "outcome=\"refused\"", false},
    {DECISIONS, DECISIONS_HELP, "outcome=\"limited\"", false},
    {DECISIONS, DECISIONS_HELP, "outcome=\"late\"", false},
};

struct gw_edge_status {
    struct gw_edge *edge;
    struct gw_exchange_pool pool;
    struct gw_listener *listener;
};

/* All that there is to tell, at one moment. */
struct picture {
    struct gw_spool_state spool;
    struct gw_database_stats database;
    struct gw_edge_forward_stats forward;
    struct gw_edge_decide_stats decide;
    struct gw_edge_samples_stats samples;
    struct gw_lane_stats lane;
    size_t nodes, brokers, brokers_up; /* nodes: registered */
    double age_s;                      /* of the oldest event */
};

static struct picture take_picture(const struct gw_edge *edge)
{
    struct picture picture = {.age_s = 0};
    int64_t now_ms = (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);

    gw_spool_get_state(edge->spool, &picture.spool);
    gw_database_get_stats(edge->database, &picture.database);
    gw_edge_forward_get_stats(edge->forward, &picture.forward);
    gw_edge_decide_get_stats(edge->decide, &picture.decide);
    gw_edge_samples_get_stats(edge->samples, &picture.samples);
    if (edge->lane != NULL) {
        gw_lane_get_stats(edge->lane, &picture.lane);
        picture.nodes = gw_registry_node_count(edge->config->documents.registry);
        picture.brokers = edge->config->base->iot.broker_count; /* the lane connects when loaded */
        for (size_t i = 0; i < gw_lane_broker_count(edge->lane); i++)
            picture.brokers_up += gw_lane_is_broker_up(edge->lane, i);
    }
    if (picture.spool.oldest_ms > 0 && now_ms > picture.spool.oldest_ms)
        picture.age_s = (double)(now_ms - picture.spool.oldest_ms) / 1000;
    return picture;
}

/* --- answers --- */

void gw_edge_status_answer(struct gw_exchange *ex, int status, struct gw_str type,
                           struct gw_buf *text)
{
    struct gw_str body = gw_arena_copy(&ex->arena, gw_buf_str(text));

    ex->response.status = status;
    ex->response.body = body;
    if (text->has_failed || body.ptr == NULL ||
        gw_response_add_field(ex, GW_STR("Content-Type"), type) != 0)
        gw_problem_set(ex, "overloaded", NULL);
    gw_buf_finish(text);
    gw_exchange_respond(ex);
}

static void tell_health(const struct gw_edge *edge, struct gw_exchange *ex)
{
    struct gw_buf text;
    (void)edge;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_buf_append_text(&text, "{\"status\":\"alive\",\"version\":\"" MILLGATE_VERSION "\"}\n");
    gw_edge_status_answer(ex, 200, GW_STR("application/json"), &text);
}

/* It takes telemetry in and keeps it; the centre is not asked for that. */
static void tell_readiness(const struct gw_edge *edge, struct gw_exchange *ex)
{
    struct picture picture = take_picture(edge);
    const char *why = edge->lane == NULL                     ? "there is no telemetry"
                      : picture.lane.nodes < picture.nodes   ? "edge nodes are being loaded"
                      : picture.database.is_failing          ? "the disk cannot be written"
                      : picture.brokers_up < picture.brokers ? "a broker is away"
                                                             : NULL;
    struct gw_buf text;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    if (why == NULL)
        gw_buf_append_text(&text, "{\"status\":\"ready\"}\n");
    else
        gw_buf_printf(&text, "{\"status\":\"not ready\",\"why\":\"%s\"}\n", why);
    gw_edge_status_answer(ex, why == NULL ? 200 : 503, GW_STR("application/json"), &text);
}

static void set_metrics(const struct gw_edge *edge, const struct picture *picture)
{
    struct gw_metrics_shard *shard = edge->worker.metrics;
    const struct {
        const struct gw_metric *metric;
        uint64_t value;
    } all[] = {{&spool_events, picture->spool.events},
               {&spool_bytes, picture->spool.bytes},
               {&spool_age, (uint64_t)picture->age_s},
               {&file_bytes, picture->database.file_bytes},
               {&centre_up, picture->forward.state == GW_EDGE_CENTRE_UP},
               {&acknowledged_at, (uint64_t)picture->spool.acknowledged_ms / 1000},
               {&slowest_commit, picture->database.slowest_ns / GW_NS_PER_MS},
               {&spooled, picture->spool.spooled},
               {&dropped, picture->spool.dropped},
               {&refused, picture->spool.refused},
               {&acknowledged, picture->spool.acknowledged},
               {&lost, picture->spool.lost_at_centre},
               {&refused_there, picture->forward.refused_events},
               {&batches, picture->forward.batches},
               {&failures, picture->forward.failures},
               {&samples_waiting, picture->samples.waiting},
               {&samples_bytes, picture->samples.bytes},
               {&samples_forwarded, picture->samples.forwarded},
               {&samples_dropped, picture->samples.dropped},
               {&samples_refused, picture->samples.refused},
               {&commits, picture->database.commits},
               {&disk_failing, picture->database.is_failing},
               {&commit_failures, picture->database.failures}};

    for (size_t i = 0; i < GW_COUNT_OF(all); i++)
        gw_metrics_set(shard, all[i].metric, all[i].value);
    for (size_t i = 0; i < GW_EDGE_OUTCOME_COUNT; i++)
        gw_metrics_set(shard, &decisions[i], picture->decide.outcomes[i]);
}

static void tell_metrics(const struct gw_edge *edge, struct gw_exchange *ex)
{
    struct picture picture = take_picture(edge);
    struct gw_buf text;

    set_metrics(edge, &picture);
    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_metrics_print(edge->metrics, &text);
    gw_edge_status_answer(ex, 200, GW_STR("text/plain; version=0.0.4; charset=utf-8"), &text);
}

static void print_text(struct gw_buf *text, const char *name, struct gw_str value)
{
    gw_buf_printf(text, "\"%s\":\"", name);
    gw_buf_append_json(text, value);
    gw_buf_append_byte(text, '"');
}

static void print_spool(struct gw_buf *text, const struct picture *picture)
{
    const struct gw_spool_state *spool = &picture->spool;
    char time[GW_CLOCK_TEXT_BYTES];

    gw_clock_text(time, spool->acknowledged_ms);
    gw_buf_printf(text,
                  ",\"spool\":{\"epoch\":\"%s\",\"events\":%" PRIu64 ",\"bytes\":%" PRIu64
                  ",\"oldest_seconds\":%.3f,\"spooled\":%" PRIu64 ",\"repeated\":%" PRIu64
                  ",\"dropped\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"acknowledged\":%" PRIu64,
                  spool->epoch, spool->events, spool->bytes, picture->age_s, spool->spooled,
                  spool->repeated, spool->dropped, spool->refused, spool->acknowledged);
    if (spool->acknowledged_ms > 0)
        gw_buf_printf(text, ",\"acknowledged_at\":\"%s\"", time);
    gw_buf_printf(text,
                  ",\"lost_at_centre\":%" PRIu64 ",\"file_bytes\":%" PRIu64 ",\"commits\":%" PRIu64
                  ",\"commit_failures\":%" PRIu64 ",\"disk_failing\":%s}",
                  spool->lost_at_centre, picture->database.file_bytes, picture->database.commits,
                  picture->database.failures, picture->database.is_failing ? "true" : "false");
}

static void print_centre(struct gw_buf *text, const struct picture *picture)
{
    const struct gw_edge_forward_stats *forward = &picture->forward;

    gw_buf_printf(text,
                  ",\"centre\":{\"state\":\"%s\",\"batches\":%" PRIu64 ",\"failures\":%" PRIu64
                  ",\"refused_events\":%" PRIu64 ",\"bytes\":%" PRIu64 ",",
                  gw_edge_centre_state_name(forward->state), forward->batches, forward->failures,
                  forward->refused_events, forward->bytes);
    print_text(text, "last_error", gw_str_of(forward->last_error));
    gw_buf_append_byte(text, '}');
}

static void print_samples(struct gw_buf *text, const struct picture *picture)
{
    const struct gw_edge_samples_stats *samples = &picture->samples;

    gw_buf_printf(text,
                  ",\"samples\":{\"state\":\"%s\",\"waiting\":%" PRIu64 ",\"bytes\":%" PRIu64
                  ",\"kept\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"forwarded\":%" PRIu64
                  ",\"refused\":%" PRIu64 ",\"failures\":%" PRIu64 ",",
                  gw_edge_centre_state_name(samples->state), samples->waiting, samples->bytes,
                  samples->kept, samples->dropped, samples->forwarded, samples->refused,
                  samples->failures);
    print_text(text, "last_error", gw_str_of(samples->last_error));
    gw_buf_append_byte(text, '}');
}

static void tell_status(const struct gw_edge *edge, struct gw_exchange *ex)
{
    struct picture picture = take_picture(edge);
    struct gw_buf text;

    gw_buf_init(&text, MAX_ANSWER_BYTES);
    gw_buf_append_byte(&text, '{');
    print_text(&text, "edge", edge->config->id);
    gw_buf_append_byte(&text, ',');
    print_text(&text, "plant", edge->config->plant);
    print_spool(&text, &picture);
    print_centre(&text, &picture);
    if (edge->samples != NULL)
        print_samples(&text, &picture);
    gw_buf_printf(&text,
                  ",\"telemetry\":{\"edge_nodes\":%zu,\"owned\":%zu,\"brokers\":%zu,"
                  "\"brokers_up\":%zu,\"messages\":%" PRIu64 ",\"samples\":%" PRIu64
                  ",\"journal_pending_bytes\":%zu,\"unacknowledged\":%zu,"
                  "\"events_pending\":%zu}",
                  picture.nodes, picture.lane.nodes, picture.brokers, picture.brokers_up,
                  picture.lane.messages, picture.lane.samples, picture.lane.pending_bytes,
                  picture.lane.owed, picture.lane.pending_events);
    gw_buf_append_text(&text, ",\"decisions\":{");
    for (size_t i = 0; i < GW_EDGE_OUTCOME_COUNT; i++)
        gw_buf_printf(&text, "\"%s\":%" PRIu64 ",", gw_edge_outcome_name((enum gw_edge_outcome)i),
                      picture.decide.outcomes[i]);
    gw_buf_printf(&text, "\"repeated\":%" PRIu64 "}}\n", picture.decide.repeated);
    gw_edge_status_answer(ex, 200, GW_STR("application/json"), &text);
}

/* --- requests --- */

/* A web page that has this address under a name of its own is not asked in. */
static bool is_ours(const struct gw_edge_status *status, struct gw_str host)
{
    struct gw_str name = host;

    if (status->edge->config->status_socket.len > 0)
        return true;
    while (name.len > 0 && name.ptr[name.len - 1] >= '0' && name.ptr[name.len - 1] <= '9')
        name.len--;
    if (name.len > 0 && name.ptr[name.len - 1] == ':')
        name.len--;
    else
        name = host;
    return gw_str_equal_nocase(name, GW_STR("localhost")) || gw_str_equal(name, GW_STR("[::1]")) ||
           gw_str_equal(name, GW_STR("127.0.0.1"));
}

static void begin(void *self, struct gw_exchange *ex)
{
    static const struct {
        struct gw_str path;
        void (*tell)(const struct gw_edge *edge, struct gw_exchange *ex);
    } pages[] = {{GW_STR_INIT("/healthz"), tell_health},
                 {GW_STR_INIT("/readyz"), tell_readiness},
                 {GW_STR_INIT("/metrics"), tell_metrics},
                 {GW_STR_INIT("/status"), tell_status},
                 {GW_STR_INIT("/decisions"), gw_edge_decisions_tell}};
    const struct gw_edge_status *status = self;

    if (!is_ours(status, ex->request.host)) {
        gw_problem_set(ex, "misdirected-request", NULL);
        gw_exchange_respond(ex);
        return;
    }
    for (size_t i = 0; i < GW_COUNT_OF(pages); i++) {
        if (!gw_str_equal(ex->request.path, pages[i].path))
            continue;
        if (ex->request.method == GW_METHOD_GET) {
            pages[i].tell(status->edge, ex);
            return;
        }
        gw_problem_set(ex, "method-not-allowed", NULL);
        if (gw_response_add_field(ex, GW_STR("Allow"), GW_STR("GET")) != 0)
            gw_problem_set(ex, "overloaded", NULL);
        gw_exchange_respond(ex);
        return;
    }
    gw_problem_set(ex, "not-found", NULL);
    gw_exchange_respond(ex);
}

static void finish(void *self, struct gw_exchange *ex)
{
    (void)self, (void)ex;
}

/* --- life --- */

static int open_socket(const struct gw_edge_config *config, int *out_fd, struct gw_error *error)
{
    char url[96];
    int rc;

    if (config->status_socket.len > 0) {
        int fd = gw_listen_unix(config->status_socket.ptr, error);
        if (fd < 0)
            return fd;
        fprintf(stderr, "status on unix:%s\n", config->status_socket.ptr);
        *out_fd = fd;
        return 0;
    }
    rc = gw_listen_sockets(&config->status, 1, out_fd, error);
    if (rc == 0) {
        gw_listen_url(*out_fd, false, url, sizeof(url));
        fprintf(stderr, "status on %s\n", url);
    }
    return rc;
}

int gw_edge_status_create(struct gw_edge *edge, struct gw_edge_status **out_status,
                          struct gw_error *error)
{
    static const struct gw_exchange_handler handler = {.begin = begin, .finish = finish};
    struct gw_edge_status *status;
    int fd = -1;

    if (edge->config->status.address_len == 0 && edge->config->status_socket.len == 0)
        return 0;
    status = calloc(1, sizeof(*status));
    if (status == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    status->edge = edge;
    gw_exchange_pool_init(&status->pool, 2 * MAX_CONNECTIONS, 4 * MAX_ANSWER_BYTES);
    int rc = open_socket(edge->config, &fd, error);
    const struct gw_listener_config listener = {
        .fd = fd,
        .worker = &edge->worker,
        .loop = edge->loop,
        .pool = &status->pool,
        .handler = &handler,
        .handler_self = status,
        .max_connections = MAX_CONNECTIONS,
        .pool_bytes = POOL_BYTES,
        .head_timeout_ns = 10 * GW_NS_PER_SECOND,
        .idle_timeout_ns = 60 * GW_NS_PER_SECOND,
        .write_timeout_ns = 30 * GW_NS_PER_SECOND,
    };
    if (rc == 0)
        rc = gw_listener_create(&listener, &status->listener, error);
    if (rc != 0) {
        gw_edge_status_destroy(status);
        return rc;
    }
    *out_status = status;
    return 0;
}

void gw_edge_status_destroy(struct gw_edge_status *status)
{
    if (status == NULL)
        return;
    gw_listener_destroy(status->listener);
    if (status->edge->config->status_socket.len > 0)
        unlink(status->edge->config->status_socket.ptr);
    gw_exchange_pool_finish(&status->pool);
    free(status);
}
