/* The event log as an API: builtins for publishing, reading and acknowledging, and what a worker
 * keeps for them (docs/events.md). */
#pragma once

#include "server/event/hub.h"
#include "server/event/log.h"
#include "server/gateway/builtin.h"
#include "server/gateway/redis_setup.h"

struct gw_config_events;
struct gw_request_owner;

extern const struct gw_builtin gw_events_publish, gw_events_poll, gw_events_stream, gw_events_get,
    gw_events_types, gw_events_consume, gw_events_acknowledge, gw_events_rewind, gw_events_forget;

/* Of one worker, made when it is first needed, with the configuration of then. */
struct gw_event_service {
    struct gw_event_log *log;
    struct gw_event_hub *hub;
    struct gw_redis_access blocking; /* the hub's */
    struct gw_list streams;          /* that are open: see events_stream.c */
    bool is_draining;
    uint64_t unasked_until_ns; /* what edges deliver goes into the log without asking */
};

/* The exchange's worker's. NULL: it cannot be had, and a problem is the response. */
struct gw_event_service *gw_event_service_get(struct gw_exchange *ex);
/* How the log is set up. */
struct gw_event_log_config gw_event_log_settings(const struct gw_config_events *events);
/* The worker ends: no exchange is left. */
void gw_event_service_finish(struct gw_request_owner *owner);
/* Streams end, so that their clients begin again elsewhere. */
void gw_event_service_drain(struct gw_request_owner *owner);
void gw_event_service_publish_state(struct gw_request_owner *owner);
