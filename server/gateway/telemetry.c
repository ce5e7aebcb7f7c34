#include "server/gateway/telemetry.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/log.h"
#include "server/gateway/enrichment.h"
#include "server/gateway/events.h"
#include "server/gateway/redis_setup.h"
#include "server/gateway/telemetry_metrics.h"
#include "server/gateway/telemetry_name.h"
#include "server/iot/board.h"
#include "server/iot/lane.h"
#include "server/iot/members.h"
#include "server/iot/store_redis.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"

#define STOP_NS (5 * GW_NS_PER_SECOND)
#define TICK_NS (250 * GW_NS_PER_MS)

struct gw_telemetry {
    struct gw_loop *loop;
    struct gw_async *wake;
    struct gw_redis_access redis;
    struct gw_record_access records;
    struct gw_metrics_shard *metrics;
    struct gw_timer tick;
    struct gw_enrichment *enrichment;
    char instance[GW_IOT_MEMBER_BYTES];
    char name[GW_IOT_MEMBER_BYTES + 1];
    char client_id[GW_IOT_MEMBER_BYTES + 16];
    int instance_fd; /* locked as long as we live; -1: none */
    /* --- of the snapshot that is in use --- */
    struct gw_snapshot *snapshot;
    struct gw_snapshot *coming; /* the lane changes to it; NULL: it does not */
    struct gw_snapshot *next;   /* to be used once the lane has stopped, or changed */
    struct gw_event_log *log;
    struct gw_iot_store *store;
    struct gw_iot_members *members;
    struct gw_iot_board *board;
    struct gw_lane *lane;
    bool is_stopping; /* the lane finishes what it has */
    bool has_stopped; /* it may go */
    bool is_ending;   /* and the thread after it */
    /* --- shared --- */
    pthread_t thread;
    bool is_started;
    atomic_bool must_end, has_ended;
    _Atomic(struct gw_snapshot *) inbox;
    _Atomic(struct gw_telemetry_question *) questions; /* the newest first */
};

/* --- who we are --- */

/* As the configuration has it, or else our own. */
static struct gw_str name_of(const struct gw_telemetry *telemetry,
                             const struct gw_snapshot *snapshot)
{
    struct gw_str given = snapshot->config->iot.instance;

    return given.len > 0 ? given : gw_str_of(telemetry->instance);
}

/* --- the lane --- */

static bool is_mine(void *self, const struct gw_edge_node_config *node)
{
    const struct gw_telemetry *telemetry = self;

    return gw_iot_members_is_mine(telemetry->members, node->id);
}

static void on_members(void *self)
{
    struct gw_telemetry *telemetry = self;

    gw_log_info("iot: %zu gateways share the edge nodes", gw_iot_members_count(telemetry->members));
    if (telemetry->lane == NULL)
        return;
    /* Where Redis does not answer nobody is known. What is ours stays so: its messages wait, and if
     * somebody else takes a node over meanwhile, the next append says so. */
    if (gw_iot_members_count(telemetry->members) > 0)
        gw_lane_set_owned(telemetry->lane, is_mine, telemetry);
    gw_lane_set_primary(telemetry->lane,
                        gw_iot_members_is_mine(telemetry->members, GW_STR("STATE")));
}

static void stop_parts(struct gw_telemetry *telemetry)
{
    if (telemetry->board != NULL)
        gw_iot_board_set_lane(telemetry->board, NULL);
    gw_lane_destroy(telemetry->lane);
    gw_iot_board_destroy(telemetry->board);
    gw_iot_members_destroy(telemetry->members);
    if (telemetry->store != NULL)
        telemetry->store->ops->destroy(telemetry->store);
    gw_event_log_destroy(telemetry->log);
    telemetry->lane = NULL;
    telemetry->board = NULL;
    telemetry->members = NULL;
    telemetry->store = NULL;
    telemetry->log = NULL;
    telemetry->has_stopped = false;
}

/* `brokers`: room for GW_LANE_MAX_BROKERS, to which it points. */
static struct gw_lane_config configure_lane(struct gw_telemetry *telemetry,
                                            const struct gw_snapshot *snapshot,
                                            struct gw_lane_broker *brokers)
{
    const struct gw_config_iot *iot = &snapshot->config->iot;

    for (size_t i = 0; i < iot->broker_count; i++) {
        brokers[i] = iot->brokers[i];
        brokers[i].mqtt.client_id = gw_str_of(telemetry->client_id);
    }
    return (struct gw_lane_config){.loop = telemetry->loop,
                                   .store = telemetry->store,
                                   .registry = snapshot->registry,
                                   .signals = snapshot->signals,
                                   .brokers = brokers,
                                   .broker_count = iot->broker_count,
                                   .host_id = iot->host_id,
                                   .events = gw_iot_board_events(telemetry->board),
                                   .asker = gw_enrichment_asker(telemetry->enrichment, iot),
                                   .host_limits = iot->host_limits,
                                   .checkpoint_ns = iot->checkpoint_ns,
                                   .silence_ms = iot->silence_ms,
                                   .max_pending_bytes = iot->max_pending_bytes};
}

static struct gw_iot_board_config configure_board(const struct gw_telemetry *telemetry,
                                                  const struct gw_snapshot *snapshot)
{
    const struct gw_config_iot *iot = &snapshot->config->iot;

    return (struct gw_iot_board_config){.values = {telemetry->loop, telemetry->redis.redis,
                                                   snapshot->registry, gw_str_of(telemetry->name),
                                                   iot->history_samples},
                                        .writer = telemetry->records.writer,
                                        .export_folder = iot->export_folder,
                                        .export_keep_s = iot->export_keep_s};
}

static int start_lane(struct gw_telemetry *telemetry, struct gw_error *error)
{
    struct gw_lane_broker brokers[GW_LANE_MAX_BROKERS];
    const struct gw_lane_config config = configure_lane(telemetry, telemetry->snapshot, brokers);
    int rc = gw_lane_create(&config, &telemetry->lane, error);

    if (rc == 0)
        gw_iot_board_set_lane(telemetry->board, telemetry->lane);
    return rc;
}

static int start_parts(struct gw_telemetry *telemetry, struct gw_error *error)
{
    const struct gw_config *config = telemetry->snapshot->config;
    struct gw_str instance = name_of(telemetry, telemetry->snapshot);

    snprintf(telemetry->name, sizeof(telemetry->name), "%.*s", GW_STR_ARG(instance));
    snprintf(telemetry->client_id, sizeof(telemetry->client_id), "millgate-%.*s",
             GW_STR_ARG(instance));
    const struct gw_event_log_config log = gw_event_log_settings(&config->events);
    telemetry->log = gw_event_log_create(telemetry->redis.redis, telemetry->records.writer, &log,
                                         telemetry->metrics);
    const struct gw_iot_redis_config store = {telemetry->redis.redis, telemetry->records.writer,
                                              telemetry->log, instance};
    telemetry->store = telemetry->log == NULL ? NULL : gw_iot_redis_create(&store);
    telemetry->members = gw_iot_members_create(telemetry->loop, telemetry->redis.redis, instance,
                                               on_members, telemetry);
    const struct gw_iot_board_config board = configure_board(telemetry, telemetry->snapshot);
    telemetry->board = gw_iot_board_create(&board);
    if (telemetry->store == NULL || telemetry->members == NULL || telemetry->board == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    return start_lane(telemetry, error);
}

/* Nothing is at work. */
static void take_next(struct gw_telemetry *telemetry)
{
    struct gw_error error;

    gw_snapshot_release(telemetry->snapshot);
    telemetry->snapshot = telemetry->next;
    telemetry->next = NULL;
    if (telemetry->snapshot == NULL || telemetry->snapshot->registry == NULL)
        return;
    if (start_parts(telemetry, &error) != 0) {
        gw_log_error("iot: telemetry is not taken in: %s", error.text);
        stop_parts(telemetry);
    }
}

static void on_lane_stopped(void *self)
{
    struct gw_telemetry *telemetry = self;

    telemetry->is_stopping = false;
    telemetry->has_stopped = true; /* the tick goes on: not within the lane's own call */
}

/* It finishes what it has, and then there is another, or none. */
static void stop_lane(struct gw_telemetry *telemetry)
{
    if (telemetry->lane == NULL || telemetry->is_stopping)
        return;
    telemetry->is_stopping = true;
    gw_snapshot_release(telemetry->coming);
    telemetry->coming = NULL;
    /* Alone, or about to go on: what comes meanwhile waits for us. */
    bool keeps_sessions = !telemetry->is_ending || gw_iot_members_count(telemetry->members) <= 1;
    gw_lane_stop(telemetry->lane, keeps_sessions, STOP_NS, on_lane_stopped, telemetry);
}

static bool has_same_log(const struct gw_snapshot *a, const struct gw_snapshot *b)
{
    const struct gw_config_events *one = &a->config->events, *other = &b->config->events;

    return one->partitions == other->partitions && one->keep_s == other->keep_s &&
           one->guard_s == other->guard_s && one->max_events == other->max_events;
}

/* What has not changed has not noticed. */
static void on_lane_changed(void *self, int rc)
{
    struct gw_telemetry *telemetry = self;
    struct gw_snapshot *last = rc == 0 ? telemetry->snapshot : telemetry->coming;

    if (rc == 0) {
        telemetry->snapshot = telemetry->coming;
        const struct gw_iot_board_config board = configure_board(telemetry, telemetry->snapshot);
        const struct gw_event_log_config log =
            gw_event_log_settings(&telemetry->snapshot->config->events);
        gw_iot_board_change(telemetry->board, &board);
        gw_event_log_change(telemetry->log, &log);
        gw_log_info("iot: the new configuration is at work");
    } else {
        gw_log_error("iot: telemetry goes on as it was: %s", strerror(-rc));
    }
    telemetry->coming = NULL;
    gw_snapshot_release(last);
}

static bool can_change(const struct gw_telemetry *telemetry, const struct gw_snapshot *snapshot)
{
    return telemetry->lane != NULL && snapshot->registry != NULL &&
           gw_str_equal(gw_str_of(telemetry->name), name_of(telemetry, snapshot)) &&
           telemetry->snapshot->config->events.partitions == snapshot->config->events.partitions;
}

static void change_lane(struct gw_telemetry *telemetry)
{
    struct gw_lane_broker brokers[GW_LANE_MAX_BROKERS];

    telemetry->coming = telemetry->next;
    telemetry->next = NULL;
    const struct gw_lane_config config = configure_lane(telemetry, telemetry->coming, brokers);
    int rc = gw_lane_change(telemetry->lane, &config, STOP_NS, on_lane_changed, telemetry);
    if (rc != 0)
        on_lane_changed(telemetry, rc);
}

static void go_on(struct gw_telemetry *telemetry)
{
    if (telemetry->is_stopping)
        return;
    if (telemetry->has_stopped)
        stop_parts(telemetry);
    if (telemetry->is_ending)
        gw_loop_stop(telemetry->loop);
    else if (telemetry->next == NULL || telemetry->coming != NULL)
        return;
    else if (can_change(telemetry, telemetry->next))
        change_lane(telemetry);
    else if (telemetry->lane != NULL)
        stop_lane(telemetry);
    else
        take_next(telemetry);
}

static bool is_same(const struct gw_telemetry *telemetry, const struct gw_snapshot *snapshot)
{
    const struct gw_snapshot *current = telemetry->snapshot;

    return !telemetry->is_stopping && !telemetry->has_stopped && telemetry->coming == NULL &&
           current != NULL && current->registry == snapshot->registry &&
           current->signals == snapshot->signals &&
           (current->registry == NULL) == (telemetry->lane == NULL) &&
           json_equal(json_object_get(current->config->checked, "iot"),
                      json_object_get(snapshot->config->checked, "iot")) &&
           has_same_log(current, snapshot);
}

static void adopt(struct gw_telemetry *telemetry, struct gw_snapshot *snapshot)
{
    gw_snapshot_release(telemetry->next);
    telemetry->next = NULL;
    if (is_same(telemetry, snapshot)) {
        gw_snapshot_release(telemetry->snapshot); /* nothing of ours has changed */
        telemetry->snapshot = snapshot;
        return;
    }
    telemetry->next = snapshot;
}

/* --- the thread --- */

static void answer_questions(struct gw_telemetry *telemetry)
{
    struct gw_telemetry_question *newest =
        atomic_exchange_explicit(&telemetry->questions, NULL, memory_order_acq_rel);
    struct gw_telemetry_question *oldest = NULL;

    while (newest != NULL) {
        struct gw_telemetry_question *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct gw_telemetry_question *next = oldest->next;
        oldest->ask(oldest, telemetry->is_stopping ? NULL : telemetry->lane);
        oldest = next;
    }
}

static void on_wake(void *self)
{
    struct gw_telemetry *telemetry = self;
    struct gw_snapshot *snapshot =
        atomic_exchange_explicit(&telemetry->inbox, NULL, memory_order_acq_rel);

    answer_questions(telemetry);
    if (snapshot != NULL)
        adopt(telemetry, snapshot);
    if (atomic_load_explicit(&telemetry->must_end, memory_order_relaxed) && !telemetry->is_ending) {
        telemetry->is_ending = true;
        stop_lane(telemetry);
    }
    go_on(telemetry);
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_telemetry *telemetry = GW_CONTAINER_OF(timer, struct gw_telemetry, tick);

    gw_timer_start(telemetry->loop, timer, TICK_NS, on_tick);
    if (telemetry->lane != NULL)
        gw_telemetry_metrics_publish(telemetry->metrics, telemetry->lane, telemetry->board,
                                     gw_enrichment_count(telemetry->enrichment),
                                     gw_iot_members_count(telemetry->members));
    go_on(telemetry);
}

static void *run(void *self)
{
    struct gw_telemetry *telemetry = self;

    on_wake(telemetry);
    gw_loop_run(telemetry->loop);
    stop_parts(telemetry);
    gw_enrichment_destroy(telemetry->enrichment);
    telemetry->enrichment = NULL;
    /* Whoever sees it keeps the question, in which nothing of ours is any more. */
    atomic_store_explicit(&telemetry->has_ended, true, memory_order_release);
    answer_questions(telemetry);
    return NULL;
}

/* --- for others --- */

void gw_telemetry_adopt(struct gw_telemetry *telemetry, struct gw_snapshot *snapshot)
{
    gw_snapshot_retain(snapshot);
    gw_snapshot_release(
        atomic_exchange_explicit(&telemetry->inbox, snapshot, memory_order_acq_rel));
    gw_async_send(telemetry->wake);
}

bool gw_telemetry_ask(struct gw_telemetry *telemetry, struct gw_telemetry_question *question)
{
    if (atomic_load_explicit(&telemetry->has_ended, memory_order_acquire))
        return false;
    question->next = atomic_load_explicit(&telemetry->questions, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&telemetry->questions, &question->next, question,
                                                  memory_order_release, memory_order_relaxed))
        continue;
    gw_async_send(telemetry->wake);
    return true;
}

static int set_up(struct gw_telemetry *telemetry, const struct gw_telemetry_setup *setup,
                  struct gw_error *error)
{
    int rc = gw_loop_create(&telemetry->loop, error);

    if (rc == 0)
        rc = gw_async_create(telemetry->loop, on_wake, telemetry, &telemetry->wake);
    if (rc == 0)
        rc = gw_redis_access_open(&telemetry->redis, telemetry->loop, setup->redis, error);
    if (rc == 0)
        rc = gw_record_access_open(&telemetry->records, telemetry->loop, setup->redis,
                                   telemetry->redis.redis, error);
    if (rc != 0)
        return gw_error_prefix(error, rc, "telemetry");
    telemetry->enrichment = gw_enrichment_create(telemetry, setup->workers, setup->worker_count);
    if (telemetry->enrichment == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    telemetry->instance_fd = gw_telemetry_name_keep(setup->state_dir, telemetry->instance);
    gw_timer_start(telemetry->loop, &telemetry->tick, TICK_NS, on_tick);
    rc = -pthread_create(&telemetry->thread, NULL, run, telemetry);
    telemetry->is_started = rc == 0;
    return rc == 0 ? 0 : gw_error_set(error, rc, "cannot start telemetry: %s", strerror(-rc));
}

int gw_telemetry_create(const struct gw_telemetry_setup *setup, struct gw_telemetry **out_telemetry,
                        struct gw_error *error)
{
    struct gw_telemetry *telemetry = calloc(1, sizeof(*telemetry));

    if (telemetry == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    telemetry->metrics = setup->metrics;
    telemetry->instance_fd = -1;
    int rc = set_up(telemetry, setup, error);
    if (rc != 0) {
        gw_telemetry_destroy(telemetry);
        return rc;
    }
    *out_telemetry = telemetry;
    return 0;
}

void gw_telemetry_end(struct gw_telemetry *telemetry)
{
    if (telemetry == NULL || !telemetry->is_started)
        return;
    atomic_store_explicit(&telemetry->must_end, true, memory_order_relaxed);
    gw_async_send(telemetry->wake);
    pthread_join(telemetry->thread, NULL);
    telemetry->is_started = false;
}

void gw_telemetry_destroy(struct gw_telemetry *telemetry)
{
    if (telemetry == NULL)
        return;
    gw_telemetry_end(telemetry);
    answer_questions(telemetry); /* that were asked at the very end */
    gw_enrichment_destroy(telemetry->enrichment);
    gw_snapshot_release(telemetry->snapshot);
    gw_snapshot_release(telemetry->coming);
    gw_snapshot_release(telemetry->next);
    gw_snapshot_release(atomic_load_explicit(&telemetry->inbox, memory_order_relaxed));
    gw_timer_stop(&telemetry->tick);
    gw_record_access_close(&telemetry->records);
    gw_redis_access_close(&telemetry->redis);
    gw_async_destroy(telemetry->wake);
    gw_loop_destroy(telemetry->loop);
    if (telemetry->instance_fd >= 0)
        close(telemetry->instance_fd);
    free(telemetry);
}
