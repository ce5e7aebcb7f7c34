/* A worker: a thread with a loop, its listeners, its connections to Redis and to the backends.
 *
 * Created, started and joined by the main thread; everything between happens on its own. The main
 * thread hands it views and asks it to drain; it answers through `on_event`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/gateway/config.h"
#include "server/gateway/view.h"

struct gw_access_log;
struct gw_command_desk;
struct gw_enrichment_order;
struct gw_errand_part;
struct gw_landscape_board;
struct gw_metrics;
struct gw_record_set;
struct gw_redis_setup;
struct gw_snapshot;
struct gw_worker_thread;

struct gw_worker_setup {
    const struct gw_snapshot *snapshot; /* for the listeners; needed during create only */
    const int *fds;                     /* listening sockets, one per listener; taken over */
    const struct gw_redis_setup *redis;
    struct gw_metrics *metrics;
    struct gw_access_log *access_log; /* may be NULL */
    struct gw_landscape_board *landscape_board;
    struct gw_command_desk *const *command_desk; /* where it will be */
    unsigned index, count;
    struct gw_str instance; /* names this process in the fleet */
    /* Any thread: a view was adopted or retired, or the worker has become empty while draining. */
    void (*on_event)(void *self);
    void *on_event_self;
};

GW_MUST_CHECK
int gw_worker_create(const struct gw_worker_setup *setup, struct gw_worker_thread **out_worker,
                     struct gw_error *error);

/* The view is the worker's from now on. Called before start and later, one at a time: wait until
 * gw_worker_has_adopted(). */
void gw_worker_hand_over(struct gw_worker_thread *worker, struct gw_view *view);
bool gw_worker_has_adopted(const struct gw_worker_thread *worker);

GW_MUST_CHECK
int gw_worker_start(struct gw_worker_thread *worker, struct gw_error *error);

/* The worker does it on its thread, and then calls on_event. One that has ended does not. */
void gw_worker_give(struct gw_worker_thread *worker, struct gw_errand_part *part);

/* The same of what an event asks: it comes back to telemetry in any case. Any thread. */
void gw_worker_enrich(struct gw_worker_thread *worker, struct gw_enrichment_order *order);

/* Takes no new connection and lets the exchanges end. */
void gw_worker_drain(struct gw_worker_thread *worker);
bool gw_worker_is_empty(const struct gw_worker_thread *worker);

/* Stops the loop (cutting what is left), joins the thread and frees all. NULL is safe. */
void gw_worker_destroy(struct gw_worker_thread *worker);

/* Its records, for handing changes over; and telling it that there are some (any thread). */
struct gw_record_set *gw_worker_get_records(struct gw_worker_thread *worker);
void gw_worker_wake(void *self);

/* Is its Redis up? For readiness; any thread. */
bool gw_worker_has_redis(const struct gw_worker_thread *worker);
