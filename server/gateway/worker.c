#include "server/gateway/worker_private.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/filter/worker.h"
#include "server/gateway/backend_metrics.h"
#include "server/gateway/command_desk.h"
#include "server/gateway/enrichment_call.h"
#include "server/gateway/errand.h"
#include "server/gateway/events.h"
#include "server/gateway/flow_host.h"
#include "server/gateway/trust.h"
#include "server/gateway/worker_metrics.h"
#include "server/http/inner.h"
#include "server/http/listener.h"
#include "server/net/http_client.h"
#include "server/net/loop.h"
#include "server/observe/access_log.h"
#include "server/observe/metrics.h"
#include "server/store/fleet.h"
#include "server/store/record_change.h"
#include "server/store/record_set.h"
#include "server/store/redis.h"
#include "server/upstream/upstreams.h"

static void notify(struct gw_worker_thread *worker)
{
    worker->on_event(worker->on_event_self);
}

/* --- views --- */

static void retire_view(struct gw_worker_thread *worker, struct gw_view *view)
{
    if (view == NULL)
        return;
    if (view->exchange_count == 0) {
        gw_view_destroy(view);
        return;
    }
    gw_list_append(&worker->retired, &view->node);
}

/* The listeners stay; what they show and believe is the snapshot's, which lives as long as the view
 * does. One that the configuration does not have any more keeps its certificates. */
static void pass_on_trust(struct gw_worker_thread *worker, const struct gw_snapshot *snapshot)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        const struct gw_listener_trust *trust =
            gw_trust_find(snapshot, i, gw_str_of(worker->addresses[i]),
                          gw_listener_has_tls(worker->listeners[i]));
        gw_listener_set_trust(worker->listeners[i], trust);
    }
}

static void adopt(struct gw_worker_thread *worker, struct gw_view *view)
{
    struct gw_view *old = worker->requests.view;

    gw_view_adopt(view, &worker->upstreams);
    pass_on_trust(worker, view->snapshot);
    worker->requests.view = view;
    retire_view(worker, old);
    notify(worker);
}

static void sweep_retired(struct gw_worker_thread *worker)
{
    struct gw_list *next;
    bool has_freed = false;

    for (struct gw_list *node = worker->retired.next; node != &worker->retired; node = next) {
        struct gw_view *view = GW_LIST_ITEM(node, struct gw_view, node);
        next = node->next;
        has_freed = gw_view_let_go(view) || has_freed;
        if (view->exchange_count > 0)
            continue;
        gw_list_remove(node);
        gw_view_destroy(view);
        has_freed = true;
    }
    if (has_freed)
        notify(worker);
}

/* --- the loop --- */

static void publish_backends(struct gw_worker_thread *worker)
{
    const struct gw_view *view = worker->requests.view;

    for (size_t i = 0; view != NULL && i < view->snapshot->backend_count; i++) {
        if (view->backends[i].upstreams == NULL)
            continue;
        gw_backend_metrics_publish(view->snapshot->backend_metrics[i],
                                   worker->requests.worker.metrics, &view->backends[i]);
    }
}

static void publish_state(struct gw_worker_thread *worker)
{
    struct gw_metrics_shard *metrics = worker->requests.worker.metrics;
    struct gw_listener_stats sum = {0};

    for (size_t i = 0; i < worker->listener_count; i++) {
        struct gw_listener_stats stats;
        gw_listener_get_stats(worker->listeners[i], &stats);
        sum.connections += stats.connections;
        sum.exchanges += stats.exchanges;
        sum.suspended += stats.suspended;
        sum.tunnels += stats.tunnels;
    }
    gw_metrics_set(metrics, &gw_worker_connections, sum.connections);
    gw_metrics_set(metrics, &gw_worker_exchanges, sum.exchanges);
    gw_metrics_set(metrics, &gw_worker_suspended, sum.suspended);
    gw_metrics_set(metrics, &gw_worker_websockets, sum.tunnels);

    struct gw_redis_stats redis;
    gw_redis_get_stats(worker->requests.worker.redis, &redis);
    gw_metrics_set(metrics, &gw_worker_redis_commands, redis.commands);
    gw_metrics_set(metrics, &gw_worker_redis_timeouts, redis.timeouts);
    gw_metrics_set(metrics, &gw_worker_redis_disconnects, redis.disconnects);
    gw_redis_metrics_publish(&worker->redis_metrics, worker->requests.worker.redis, metrics);
    bool is_up = gw_redis_is_up(worker->requests.worker.redis);
    gw_metrics_set(metrics, &gw_worker_redis_up, is_up);
    if (worker->requests.worker.index == 0) /* the shards are summed */
        gw_metrics_set(metrics, &gw_worker_fleet, gw_fleet_get_size(worker->requests.worker.fleet));
    if (atomic_exchange_explicit(&worker->has_redis, is_up, memory_order_relaxed) != is_up)
        gw_log(is_up ? GW_LOG_INFO : GW_LOG_WARN, "worker %u: Redis is %s%s%s",
               worker->requests.worker.index, is_up ? "up" : "away", is_up ? "" : ": ",
               is_up ? "" : gw_redis_get_reason(worker->requests.worker.redis));
}

static void check_empty(struct gw_worker_thread *worker)
{
    if (!atomic_load_explicit(&worker->must_drain, memory_order_relaxed) ||
        atomic_load_explicit(&worker->is_empty, memory_order_relaxed))
        return;
    for (size_t i = 0; i < worker->listener_count; i++) {
        if (!gw_listener_is_empty(worker->listeners[i]))
            return;
    }
    if (worker->requests.inner.live_count > 0)
        return; /* a write goes on whose client has left */
    atomic_store_explicit(&worker->is_empty, true, memory_order_release);
    notify(worker);
}

void gw_worker_on_tick(struct gw_timer *timer)
{
    struct gw_worker_thread *worker = GW_CONTAINER_OF(timer, struct gw_worker_thread, tick);

    gw_timer_start(worker->loop, timer, GW_WORKER_TICK_NS, gw_worker_on_tick);
    publish_state(worker);
    publish_backends(worker);
    gw_event_service_publish_state(&worker->requests);
    sweep_retired(worker);
    check_empty(worker);
}

void gw_worker_on_check(void *self)
{
    struct gw_worker_thread *worker = self;

    gw_access_log_flush(worker->requests.access_log, gw_loop_now_ns(worker->loop));
    gw_request_owner_turn(&worker->requests);
}

void gw_worker_on_wake(void *self)
{
    struct gw_worker_thread *worker = self;
    struct gw_view *view = atomic_exchange_explicit(&worker->inbox, NULL, memory_order_acq_rel);
    struct gw_errand_part *errands =
        atomic_exchange_explicit(&worker->errands, NULL, memory_order_acq_rel);

    gw_record_set_take(&worker->records);
    if (view != NULL)
        adopt(worker, view);
    if (errands != NULL) {
        gw_errand_do(errands, &worker->requests.worker);
        notify(worker);
    }
    gw_enrichment_do(atomic_exchange_explicit(&worker->enrichments, NULL, memory_order_acq_rel),
                     &worker->requests);
    if (atomic_load_explicit(&worker->must_drain, memory_order_relaxed)) {
        for (size_t i = 0; i < worker->listener_count; i++)
            gw_listener_drain(worker->listeners[i]);
        gw_event_service_drain(&worker->requests);
    }
    if (atomic_load_explicit(&worker->must_stop, memory_order_relaxed))
        gw_loop_stop(worker->loop);
}

/* What belongs to the loop's thread ends on it. */
static void finish(struct gw_worker_thread *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++)
        gw_listener_destroy(worker->listeners[i]);
    worker->listener_count = 0;
    gw_enrichment_leave(&worker->requests);
    gw_inner_cancel_all(&worker->requests.inner);
    sweep_retired(worker);
    gw_view_destroy(worker->requests.view);
    worker->requests.view = NULL;
    gw_worker_send_off(&worker->requests.worker);
    gw_flow_host_finish(&worker->requests);
    gw_event_service_finish(&worker->requests);
    gw_command_port_close(worker->requests.commands);
    worker->requests.commands = NULL;
    gw_upstreams_finish(&worker->upstreams);
    gw_timer_stop(&worker->tick);
    gw_check_destroy(worker->check);
    gw_fleet_destroy(worker->requests.worker.fleet);
    gw_record_access_close(&worker->record_access);
    gw_redis_access_close(&worker->redis);
    gw_http_client_destroy(worker->requests.worker.http);
}

static void *run(void *self)
{
    struct gw_worker_thread *worker = self;

    gw_worker_on_wake(worker);
    gw_loop_run(worker->loop);
    finish(worker);
    return NULL;
}

/* --- for the main thread --- */

void gw_worker_hand_over(struct gw_worker_thread *worker, struct gw_view *view)
{
    /* One that the worker has not even looked at can only be the first, in a reload right at start.
     */
    gw_view_destroy(atomic_exchange_explicit(&worker->inbox, view, memory_order_acq_rel));
    if (worker->is_started)
        gw_async_send(worker->wake);
}

void gw_worker_give(struct gw_worker_thread *worker, struct gw_errand_part *part)
{
    struct gw_errand_part *list = atomic_load_explicit(&worker->errands, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(&worker->errands, &list,
                                                  gw_errand_put(part, list), memory_order_release,
                                                  memory_order_relaxed))
        continue;
    if (worker->is_started)
        gw_async_send(worker->wake);
}

void gw_worker_enrich(struct gw_worker_thread *worker, struct gw_enrichment_order *order)
{
    struct gw_enrichment_order *list =
        atomic_load_explicit(&worker->enrichments, memory_order_relaxed);

    while (!atomic_compare_exchange_weak_explicit(&worker->enrichments, &list,
                                                  gw_enrichment_put(order, list),
                                                  memory_order_release, memory_order_relaxed))
        continue;
    gw_async_send(worker->wake);
}

bool gw_worker_has_adopted(const struct gw_worker_thread *worker)
{
    return atomic_load_explicit(&worker->inbox, memory_order_acquire) == NULL;
}

void gw_worker_drain(struct gw_worker_thread *worker)
{
    atomic_store_explicit(&worker->must_drain, true, memory_order_relaxed);
    gw_async_send(worker->wake);
}

bool gw_worker_is_empty(const struct gw_worker_thread *worker)
{
    return atomic_load_explicit(&worker->is_empty, memory_order_acquire);
}

struct gw_record_set *gw_worker_get_records(struct gw_worker_thread *worker)
{
    return &worker->records;
}

void gw_worker_wake(void *self)
{
    struct gw_worker_thread *worker = self;
    gw_async_send(worker->wake);
}

bool gw_worker_has_redis(const struct gw_worker_thread *worker)
{
    return atomic_load_explicit(&worker->has_redis, memory_order_relaxed);
}

int gw_worker_create(const struct gw_worker_setup *setup, struct gw_worker_thread **out_worker,
                     struct gw_error *error)
{
    struct gw_worker_thread *worker = calloc(1, sizeof(*worker));

    if (worker == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_list_init(&worker->retired);
    gw_list_init(&worker->requests.enrichments);
    gw_record_set_init(&worker->records, GW_RECORD_MAX_COUNT);
    worker->on_event = setup->on_event;
    worker->on_event_self = setup->on_event_self;
    int rc = gw_worker_set_up(worker, setup, error);
    if (rc != 0) {
        gw_worker_destroy(worker);
        return rc;
    }
    *out_worker = worker;
    return 0;
}

int gw_worker_start(struct gw_worker_thread *worker, struct gw_error *error)
{
    int rc = -pthread_create(&worker->thread, NULL, run, worker);

    worker->is_started = rc == 0;
    return rc == 0 ? 0 : gw_error_set(error, rc, "cannot start a worker: %s", strerror(-rc));
}

void gw_worker_destroy(struct gw_worker_thread *worker)
{
    if (worker == NULL)
        return;
    if (worker->is_started) {
        atomic_store_explicit(&worker->must_stop, true, memory_order_relaxed);
        gw_async_send(worker->wake);
        pthread_join(worker->thread, NULL);
    } else {
        finish(worker);
    }
    gw_view_destroy(atomic_load_explicit(&worker->inbox, memory_order_relaxed));
    gw_errand_drop(atomic_load_explicit(&worker->errands, memory_order_relaxed));
    gw_enrichment_drop(atomic_load_explicit(&worker->enrichments, memory_order_acquire));
    gw_exchange_pool_finish(&worker->pool);
    gw_exchange_pool_finish(&worker->requests.inner);
    for (size_t i = 0; i < GW_WORKER_MAX_LISTENERS; i++)
        free(worker->addresses[i]);
    gw_async_destroy(worker->wake);
    gw_loop_destroy(worker->loop);
    gw_record_set_finish(&worker->records);
    free(worker);
}
