#include "server/gateway/edge.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/database.h"
#include "server/event/spool.h"
#include "server/gateway/edge_decide.h"
#include "server/gateway/edge_private.h"
#include "server/gateway/edge_samples.h"
#include "server/gateway/telemetry_metrics.h"
#include "server/iot/store_sqlite.h"
#include "server/net/http_client.h"
#include "server/observe/metrics.h"

#define STOP_NS (5 * GW_NS_PER_SECOND)
#define TICK_NS (250 * GW_NS_PER_MS)

/* --- what depends on the configuration --- */

static bool is_mine(void *self, const struct gw_edge_node_config *node)
{
    (void)self, (void)node;
    return true;
}

static void on_event(void *self, const struct gw_signal_event *event)
{
    struct gw_edge *edge = self;

    if (edge->decide != NULL && event->local != NULL)
        gw_edge_decide_event(edge->decide, event);
}

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    struct gw_edge *edge = self;

    gw_edge_samples_take(edge->samples, node, samples, count);
}

/* In place of those that are kept; what was taken is still written. */
static int start_samples(struct gw_edge *edge, const struct gw_edge_config *config,
                         struct gw_error *error)
{
    const struct gw_edge_samples_setup setup = {edge->loop, edge->worker.http, edge->database,
                                                edge->spool, config};
    struct gw_edge_samples *samples = NULL;
    int rc = 0;

    if (config->keeps_samples && config->documents.registry != NULL)
        rc = gw_edge_samples_create(&setup, &samples, error);
    if (rc != 0)
        return rc;
    gw_edge_samples_destroy(edge->samples);
    edge->samples = samples;
    edge->samples_config = config;
    return 0;
}

/* Before the lane tells anything of it. */
static int on_registry(void *self, struct gw_registry *registry)
{
    struct gw_edge *edge = self;

    struct gw_error error = {0};

    int rc = start_samples(edge, edge->coming, &error);
    if (rc == 0)
        gw_edge_decide_set_lane(edge->decide, edge->lane, registry);
    return rc;
}

/* `brokers`: room for GW_LANE_MAX_BROKERS, to which it points. */
static struct gw_lane_config configure_lane(struct gw_edge *edge, const struct gw_edge_config *from,
                                            struct gw_lane_broker *brokers)
{
    const struct gw_config_iot *iot = &from->base->iot;

    for (size_t i = 0; i < iot->broker_count; i++) {
        brokers[i] = iot->brokers[i];
        brokers[i].mqtt.client_id = gw_str_of(edge->client_id);
    }
    return (struct gw_lane_config){
        .loop = edge->loop,
        .store = edge->store,
        .registry = from->documents.registry,
        .signals = from->documents.signals,
        .brokers = brokers,
        .broker_count = iot->broker_count,
        .host_id = iot->host_id,
        .events = {.self = edge,
                   .on_event = on_event,
                   .on_samples = on_samples,
                   .on_registry = on_registry},
        .host_limits = iot->host_limits,
        .checkpoint_ns = iot->checkpoint_ns,
        .silence_ms = iot->silence_ms,
        .max_pending_bytes = iot->max_pending_bytes,
    };
}

static int start_lane(struct gw_edge *edge, struct gw_error *error)
{
    struct gw_lane_broker brokers[GW_LANE_MAX_BROKERS];

    if (edge->config->documents.signals == NULL)
        return 0;
    const struct gw_lane_config config = configure_lane(edge, edge->config, brokers);
    int rc = gw_lane_create(&config, &edge->lane, error);
    if (rc != 0)
        return rc;
    gw_edge_decide_set_lane(edge->decide, edge->lane, edge->config->documents.registry);
    gw_lane_set_owned(edge->lane, is_mine, edge);
    gw_lane_set_primary(edge->lane, true);
    return 0;
}

static int start_store(struct gw_edge *edge, struct gw_error *error)
{
    const struct gw_iot_sqlite_config store = {.database = edge->database,
                                               .spool = edge->spool,
                                               .max_journal_bytes =
                                                   edge->config->max_journal_bytes};

    edge->store = gw_iot_sqlite_create(&store);
    return edge->store != NULL ? 0 : gw_error_set(error, -ENOMEM, "out of memory");
}

/* What is done with events. */
static int start_outlets(struct gw_edge *edge, struct gw_error *error)
{
    const struct gw_edge_config *config = edge->config;
    int rc = 0;

    gw_spool_set_bounds(edge->spool, &config->spool);
    if (config->has_centre)
        rc = gw_edge_forward_create(edge->loop, edge->worker.http, edge->spool, config,
                                    &edge->forward, error);
    if (rc == 0 && config->allow.len > 0)
        rc = gw_edge_decide_create(edge->loop, edge->worker.http, edge->database, config,
                                   &edge->decide, error);
    return rc;
}

static void stop_outlets(struct gw_edge *edge)
{
    gw_edge_decide_destroy(edge->decide);
    edge->decide = NULL;
    gw_edge_forward_destroy(edge->forward);
    edge->forward = NULL;
}

static int change_outlets(struct gw_edge *edge, struct gw_error *error)
{
    struct gw_edge_forward_stats forwarded;
    struct gw_edge_decide *decide = edge->decide;

    edge->decide = NULL;
    gw_edge_forward_get_stats(edge->forward, &forwarded);
    stop_outlets(edge); /* of two that forward each would send what the other has under way */
    int rc = start_outlets(edge, error);
    gw_edge_forward_follow(edge->forward, &forwarded);
    gw_edge_decide_follow(edge->decide, decide);
    gw_edge_decide_set_lane(edge->decide, edge->lane, edge->config->documents.registry);
    gw_edge_decide_destroy(decide);
    if (edge->samples_config == edge->config)
        return rc;
    int samples_rc = start_samples(edge, edge->config, error);
    if (samples_rc != 0) { /* those that are kept know the last configuration, which goes */
        gw_edge_samples_destroy(edge->samples);
        edge->samples = NULL;
    }
    return rc != 0 ? rc : samples_rc;
}

static int start_parts(struct gw_edge *edge, struct gw_error *error)
{
    snprintf(edge->client_id, sizeof(edge->client_id), "millgate-edge-%.*s",
             GW_STR_ARG(edge->config->id));
    int rc = start_store(edge, error);
    if (rc == 0)
        rc = start_outlets(edge, error);
    if (rc == 0)
        rc = start_samples(edge, edge->config, error);
    return rc == 0 ? start_lane(edge, error) : rc;
}

static void stop_parts(struct gw_edge *edge)
{
    gw_lane_destroy(edge->lane);
    edge->lane = NULL;
    gw_edge_samples_destroy(edge->samples);
    edge->samples = NULL;
    stop_outlets(edge);
    if (edge->store != NULL)
        edge->store->ops->destroy(edge->store);
    edge->store = NULL;
    edge->has_stopped = false;
}

/* --- ending and reloading --- */

static void tell_outcome(const struct gw_edge *edge, int rc, const char *why)
{
    if (rc != 0)
        gw_log_error("edge: not all of the new configuration is at work: %s", why);
    else
        gw_log_info("edge: the new configuration is at work");
    gw_log_set_level(edge->config->base->log_level);
}

/* Nothing is at work but the spool. */
static void take_next(struct gw_edge *edge)
{
    struct gw_error error;

    stop_parts(edge);
    gw_edge_config_destroy(edge->config);
    edge->config = edge->next;
    edge->next = NULL;
    tell_outcome(edge, start_parts(edge, &error), error.text);
}

/* The lane goes on with the new documents, and knew nothing of what is done with its events. */
static void on_lane_changed(void *self, int rc)
{
    struct gw_edge *edge = self;
    struct gw_edge_config *last = rc == 0 ? edge->config : edge->coming;
    struct gw_error error = {.text = "out of memory"};

    if (rc == 0) {
        edge->config = edge->coming;
        gw_iot_sqlite_set_max(edge->store, edge->config->max_journal_bytes);
        rc = change_outlets(edge, &error);
    }
    edge->coming = NULL;
    gw_edge_config_destroy(last);
    tell_outcome(edge, rc, error.text);
}

static bool can_change(const struct gw_edge *edge, const struct gw_edge_config *next)
{
    return edge->lane != NULL && next->documents.signals != NULL &&
           gw_str_equal(edge->config->id, next->id);
}

static void change_lane(struct gw_edge *edge)
{
    struct gw_lane_broker brokers[GW_LANE_MAX_BROKERS];

    edge->coming = edge->next;
    edge->next = NULL;
    const struct gw_lane_config config = configure_lane(edge, edge->coming, brokers);
    int rc = gw_lane_change(edge->lane, &config, STOP_NS, on_lane_changed, edge);
    if (rc != 0)
        on_lane_changed(edge, rc);
}

static void stop_lane(struct gw_edge *edge);

/* Not within the lane's own call. */
static void go_on(struct gw_edge *edge)
{
    if (edge->is_stopping)
        return;
    if (edge->is_ending)
        gw_loop_stop(edge->loop);
    else if (edge->next == NULL || edge->coming != NULL)
        return;
    else if (!edge->has_stopped && can_change(edge, edge->next))
        change_lane(edge);
    else if (!edge->has_stopped && edge->lane != NULL)
        stop_lane(edge);
    else
        take_next(edge);
}

static void on_lane_stopped(void *self)
{
    struct gw_edge *edge = self;

    edge->is_stopping = false;
    edge->has_stopped = true; /* the tick goes on */
}

static void stop_lane(struct gw_edge *edge)
{
    if (edge->lane == NULL || edge->is_stopping)
        return;
    edge->is_stopping = true;
    gw_edge_config_destroy(edge->coming);
    edge->coming = NULL;
    gw_lane_stop(edge->lane, true, STOP_NS, on_lane_stopped, edge);
}

static void check_fixed(const struct gw_edge *edge, const struct gw_edge_config *next)
{
    if (!gw_str_equal(edge->config->database, next->database) ||
        !gw_str_equal(edge->config->status.text, next->status.text) ||
        !gw_str_equal(edge->config->status_socket, next->status_socket))
        gw_log_warn("edge: spool.path and status are as they were until a restart");
}

static void reload(struct gw_edge *edge)
{
    struct gw_edge_config *next = NULL;
    struct gw_diagnostics diagnostics;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_edge_config_load(edge->config_path, edge->config, &diagnostics, &next);
    gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    if (rc != 0) {
        gw_log_error("edge: the configuration has problems; it stays as it was");
        return;
    }
    check_fixed(edge, next);
    gw_edge_config_destroy(edge->next);
    edge->next = next;
    go_on(edge);
}

static void on_signal(void *self, int number)
{
    struct gw_edge *edge = self;

    if (number == SIGHUP) {
        if (!edge->is_ending)
            reload(edge);
    } else if (edge->is_ending) {
        gw_log_warn("stopping at once");
        gw_loop_stop(edge->loop);
    } else {
        edge->is_ending = true;
        stop_lane(edge);
    }
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_edge *edge = GW_CONTAINER_OF(timer, struct gw_edge, tick);

    gw_timer_start(edge->loop, timer, TICK_NS, on_tick);
    if (edge->lane != NULL)
        gw_telemetry_metrics_publish(edge->worker.metrics, edge->lane, NULL, 0, 1);
    go_on(edge);
}

/* --- starting --- */

static int start_loop(struct gw_edge *edge, struct gw_error *error)
{
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};
    int rc = gw_loop_create(&edge->loop, error);

    if (rc != 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < GW_COUNT_OF(numbers); i++)
        rc = gw_signal_create(edge->loop, numbers[i], on_signal, edge, &edge->signals[i]);
    edge->metrics = gw_metrics_create(1);
    if (rc != 0 || edge->metrics == NULL)
        return gw_error_set(error, rc != 0 ? rc : -ENOMEM, "the loop cannot be begun");
    edge->worker.loop = edge->loop;
    edge->worker.metrics = gw_metrics_get_shard(edge->metrics, 0);
    gw_list_init(&edge->worker.tenants);
    return gw_http_client_create(edge->loop, &edge->worker.http, error);
}

static int load_first(struct gw_edge *edge, struct gw_error *error)
{
    struct gw_diagnostics diagnostics;

    gw_diagnostics_init(&diagnostics);
    int rc = gw_edge_config_load(edge->config_path, NULL, &diagnostics, &edge->config);
    gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    if (rc != 0)
        return gw_error_set(error, rc, "%s has problems", edge->config_path);
    gw_log_set_level(edge->config->base->log_level);
    return 0;
}

static int open_spool(struct gw_edge *edge, struct gw_error *error)
{
    static const char *const schemas[] = {gw_spool_schema, gw_iot_sqlite_schema,
                                          gw_edge_decide_schema, gw_edge_samples_schema, NULL};
    const struct gw_database_config config = {
        .loop = edge->loop, .path = edge->config->database.ptr, .schemas = schemas};
    int rc = gw_database_open(&config, &edge->database, error);

    if (rc != 0)
        return rc;
    struct gw_spool_config spool = edge->config->spool;
    spool.database = edge->database;
    return gw_spool_create(&spool, &edge->spool, error);
}

static int start(struct gw_edge *edge, struct gw_error *error)
{
    int rc = start_loop(edge, error);

    if (rc == 0)
        rc = load_first(edge, error);
    if (rc == 0)
        rc = open_spool(edge, error);
    if (rc == 0)
        rc = start_parts(edge, error);
    if (rc == 0)
        rc = gw_edge_status_create(edge, &edge->status, error);
    return rc;
}

static void finish(struct gw_edge *edge)
{
    gw_timer_stop(&edge->tick);
    gw_edge_status_destroy(edge->status);
    stop_parts(edge);
    gw_spool_destroy(edge->spool);
    gw_database_close(edge->database);
    gw_http_client_destroy(edge->worker.http);
    for (size_t i = 0; i < GW_COUNT_OF(edge->signals); i++)
        gw_signal_destroy(edge->signals[i]);
    gw_loop_destroy(edge->loop);
    gw_metrics_destroy(edge->metrics);
    gw_edge_config_destroy(edge->next);
    gw_edge_config_destroy(edge->coming);
    gw_edge_config_destroy(edge->config);
}

int gw_edge_run(const char *config_path)
{
    struct gw_edge *edge = calloc(1, sizeof(*edge));
    struct gw_error error = {0};
    int exit_code = EXIT_FAILURE;

    if (edge == NULL)
        return EXIT_FAILURE;
    edge->config_path = config_path;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of its write */
    if (start(edge, &error) != 0) {
        gw_log_error("%s", error.text);
    } else {
        exit_code = EXIT_SUCCESS;
        gw_timer_start(edge->loop, &edge->tick, TICK_NS, on_tick);
        fprintf(stderr, "ready\n");
        gw_loop_run(edge->loop);
        gw_log_info("stopped");
    }
    finish(edge);
    free(edge);
    return exit_code;
}
