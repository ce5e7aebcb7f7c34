/* What a worker keeps for events. */
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/event/event_metrics.h"
#include "server/gateway/events.h"
#include "server/gateway/events_private.h"
#include "server/gateway/request.h"
#include "server/observe/metrics.h"

#define STALL_NS (5 * GW_NS_PER_SECOND) /* a blocking read answers late */

struct gw_event_log_config gw_event_log_settings(const struct gw_config_events *events)
{
    return (struct gw_event_log_config){
        .partitions = events->partitions,
        .keep_s = events->keep_s,
        .guard_s = events->guard_s,
        .max_events = events->max_events,
        .archive = events->archive.ptr,
    };
}

static void destroy(struct gw_event_service *service)
{
    if (service == NULL)
        return;
    gw_event_hub_destroy(service->hub);
    gw_event_log_destroy(service->log);
    gw_redis_access_close(&service->blocking);
    free(service);
}

static struct gw_event_service *create(struct gw_request_owner *owner,
                                       const struct gw_config_events *events)
{
    struct gw_worker *worker = &owner->worker;
    struct gw_event_service *service = calloc(1, sizeof(*service));
    const struct gw_event_log_config settings = gw_event_log_settings(events);
    struct gw_redis_setup blocking = *owner->redis_setup;
    struct gw_error error = {.text = "out of memory"};

    if (service == NULL)
        return NULL;
    gw_list_init(&service->streams);
    blocking.client.client_name = GW_STR("millgate-events");
    blocking.client.stall_ns = STALL_NS;
    int rc = 0;
    if (!gw_redis_is_cluster(worker->redis))
        rc = gw_redis_access_open(&service->blocking, worker->loop, &blocking, &error);
    if (rc == 0) {
        service->log =
            gw_event_log_create(worker->redis, worker->record_writer, &settings, worker->metrics);
        service->hub = gw_event_hub_create(worker->loop, worker->redis, service->blocking.redis,
                                           events->partitions, worker->metrics);
    }
    if (service->log != NULL && service->hub != NULL)
        return service;
    gw_log_error("worker %u: events: %s", worker->index, error.text);
    destroy(service);
    return NULL;
}

struct gw_event_service *gw_event_service_get(struct gw_exchange *ex)
{
    struct gw_request_owner *owner = GW_CONTAINER_OF(ex->worker, struct gw_request_owner, worker);

    if (owner->events == NULL)
        owner->events = create(owner, &ex->view->snapshot->config->events);
    if (owner->events == NULL)
        gw_problem_set(ex, "unavailable", NULL);
    return owner->events;
}

void gw_event_service_finish(struct gw_request_owner *owner)
{
    destroy(owner->events);
    owner->events = NULL;
}

void gw_event_service_drain(struct gw_request_owner *owner)
{
    if (owner->events == NULL || owner->events->is_draining)
        return;
    owner->events->is_draining = true;
    gw_event_streams_end(owner->events);
}

void gw_event_service_publish_state(struct gw_request_owner *owner)
{
    struct gw_metrics_shard *metrics = owner->worker.metrics;

    if (owner->events == NULL)
        return;
    gw_metrics_set(metrics, &gw_event_subscribers, gw_event_hub_count(owner->events->hub));
    gw_metrics_set(metrics, &gw_event_lag_ms, gw_event_hub_lag_ms(owner->events->hub));
}
