/* What the files gateway/worker*.c share: a worker's thread, and what its loop calls. Not for
 * others. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "server/gateway/redis_metrics.h"
#include "server/gateway/redis_setup.h"
#include "server/gateway/request.h"
#include "server/gateway/worker.h"
#include "server/http/listener.h"
#include "server/net/loop.h"
#include "server/store/record_set.h"
#include "server/upstream/upstreams.h"

#define GW_WORKER_TICK_NS (100 * GW_NS_PER_MS)
#define GW_WORKER_MAX_LISTENERS 64 /* as in the table of the configuration */

struct gw_worker_thread {
    struct gw_request_owner requests; /* first: handlers get a pointer to it */
    struct gw_loop *loop;
    struct gw_listener *listeners[GW_WORKER_MAX_LISTENERS];
    char *addresses[GW_WORKER_MAX_LISTENERS]; /* as configured when they were opened */
    size_t listener_count;
    struct gw_exchange_pool pool;
    struct gw_redis_access redis;
    struct gw_upstreams upstreams;
    struct gw_record_access record_access;
    struct gw_record_set records;
    struct gw_check *check;
    struct gw_async *wake;
    struct gw_timer tick;
    struct gw_list retired; /* views with exchanges still on them */
    void (*on_event)(void *self);
    void *on_event_self;
    pthread_t thread;
    bool is_started;
    /* --- shared with the main thread --- */
    _Atomic(struct gw_view *) inbox;
    _Atomic(struct gw_errand_part *) errands;          /* the newest first */
    _Atomic(struct gw_enrichment_order *) enrichments; /* likewise */
    atomic_bool must_drain, must_stop, is_empty, has_redis;
    struct gw_redis_metrics redis_metrics;
};

/* Makes what a zeroed one needs (its lists are made), on the main thread; the loop does not turn
 * yet. On failure what was made is there still. */
GW_MUST_CHECK
int gw_worker_set_up(struct gw_worker_thread *worker, const struct gw_worker_setup *setup,
                     struct gw_error *error);

/* What the loop calls: each TICK, at the end of each turn, and when another thread has something.
 */
void gw_worker_on_tick(struct gw_timer *timer);
void gw_worker_on_check(void *self);
void gw_worker_on_wake(void *self);
