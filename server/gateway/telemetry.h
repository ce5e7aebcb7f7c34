/* Telemetry's own thread: the lane with its loop, its Redis and its brokers.
 *
 * Made, handed snapshots and ended by the main thread; what others want of it comes as questions
 * that any thread may send. Where a snapshot has no section `iot` it has nothing to do. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/list.h"
#include "server/gateway/snapshot.h"

struct gw_lane;
struct gw_metrics_shard;
struct gw_redis_setup;
struct gw_telemetry;
struct gw_worker_thread;

struct gw_telemetry_setup {
    const struct gw_redis_setup *redis;      /* outlives it */
    struct gw_metrics_shard *metrics;        /* its own */
    struct gw_str state_dir;                 /* where the instance's name is kept; copied */
    struct gw_worker_thread *const *workers; /* who asks for events; outlive the thread */
    size_t worker_count;
};

/* Starts the thread. */
GW_MUST_CHECK
int gw_telemetry_create(const struct gw_telemetry_setup *setup, struct gw_telemetry **out_telemetry,
                        struct gw_error *error);
/* Lets the lane finish what it has (5 s at most) and joins the thread; questions are refused from
 * then on. The workers are still needed. NULL is safe. */
void gw_telemetry_end(struct gw_telemetry *telemetry);
/* Ends it, if that is not done. Nobody asks any more. NULL is safe. */
void gw_telemetry_destroy(struct gw_telemetry *telemetry);

/* From now on this snapshot counts, of which it takes a reference. Main thread. */
void gw_telemetry_adopt(struct gw_telemetry *telemetry, struct gw_snapshot *snapshot);

/* A question to the lane, from any thread. The asker's until `answered`, which comes on telemetry's
 * thread once `ask` has run there; without a lane (none is configured) `lane` is NULL. */
struct gw_telemetry_question {
    struct gw_telemetry_question *next; /* telemetry's own */
    void (*ask)(struct gw_telemetry_question *question, struct gw_lane *lane);
};
/* False: the thread has ended, `ask` will not be called. */
bool gw_telemetry_ask(struct gw_telemetry *telemetry, struct gw_telemetry_question *question);
