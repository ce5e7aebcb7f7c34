/* What happens to a request on a worker: route, policies, backend, log. */
#pragma once

#include <stdint.h>

#include "server/filter/worker.h"
#include "server/flow/flow.h"
#include "server/gateway/view.h"
#include "server/http/exchange.h"

struct gw_access_log_shard;
struct gw_command_desk;
struct gw_command_port;
struct gw_event_service;
struct gw_landscape_board;
struct gw_redis_setup;

struct gw_request_owner {
    struct gw_worker worker; /* what policies see; ex->worker points here */
    struct gw_view *view;    /* the current one; NULL before the first */
    struct gw_access_log_shard *access_log;
    struct gw_exchange_pool inner; /* of operations that flows call in-process */
    struct gw_flow_host flow_host; /* see flow_host.h */
    struct gw_landscape_board *landscape_board;
    const struct gw_redis_setup *redis_setup;    /* of the process */
    struct gw_command_desk *const *command_desk; /* the process's; not there before telemetry is */
    struct gw_command_port *commands;            /* NULL: not needed yet */
    struct gw_list enrichments;                  /* under way, see enrichment_call.h */
    struct gw_event_service *events;             /* NULL: not needed yet; see events.h */
    unsigned shadow_count;      /* reads under way for comparison, see landscape_shadow.h */
    uint64_t shadow_told_ns;    /* when the last differences were logged */
    unsigned shadow_told;       /* since then */
    unsigned char random[1024]; /* drawn from the kernel ahead */
    size_t random_left;
};

/* begin and finish; `self` is the owner. */
extern const struct gw_exchange_handler gw_request_handler;

/* The end of every view's chain: the backend. */
void gw_request_forward(struct gw_exchange *ex);

/* Once per loop turn: draws random bytes while nobody waits for them. */
void gw_request_owner_turn(struct gw_request_owner *owner);
