/* All that one worker knows of backends, over all configurations: states of backends and targets,
 * by name. Created with the worker, on its thread only. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/http/exchange.h"
#include "server/upstream/budget.h"
#include "server/upstream/bulkhead.h"
#include "server/upstream/mirror.h"
#include "server/upstream/retry.h"
#include "server/upstream/throttle.h"

struct gw_http_client;
struct gw_loop;
struct gw_worker;

struct gw_backend_stats {
    uint64_t retries[GW_RETRY_REASON_COUNT]; /* in the order of the reasons */
    uint64_t over_budget;                    /* retries and hedges that it forbade */
    uint64_t refused;                        /* no target might be asked */
    uint64_t held_back;                      /* in maintenance, or throttled */
    uint64_t hedges, hedges_won;
    uint64_t mirrored[GW_MIRROR_RESULT_COUNT];
};

/* A backend's state in one worker. */
struct gw_backend_state {
    struct gw_list node;
    struct gw_upstreams *upstreams;
    unsigned references;
    char *name;
    struct gw_budget budget;
    struct gw_bulkhead bulkhead;
    struct gw_throttle throttle;
    unsigned mirror_count; /* copies under way */
    struct gw_backend_stats stats;
    void *connector_counters; /* see connector/count.h; one allocation */
};

struct gw_upstreams {
    struct gw_worker *worker;
    struct gw_loop *loop; /* the worker's, as the client is */
    struct gw_http_client *client;
    struct gw_list backends, targets, mirrors;
    struct gw_throttle_poll throttle_poll;
    struct gw_exchange_pool calls; /* of connectors: see call.h */
    uint64_t random;               /* for gw_balance_random() */
};

/* The worker needs a loop and a client; its Redis may come later. */
void gw_upstreams_init(struct gw_upstreams *upstreams, struct gw_worker *worker);
/* Every view must be gone. Safe on a zeroed one. */
void gw_upstreams_finish(struct gw_upstreams *upstreams);

/* The state of that name, or NULL; no reference is taken. */
struct gw_backend_state *gw_backend_state_find(struct gw_upstreams *upstreams, struct gw_str name);

/* The state of that name, made on first use. NULL without memory. */
GW_MUST_CHECK
struct gw_backend_state *gw_backend_state_get(struct gw_upstreams *upstreams, struct gw_str name);
/* The same once more. */
struct gw_backend_state *gw_backend_state_hold(struct gw_backend_state *state);
void gw_backend_state_put(struct gw_backend_state *state); /* NULL is safe */
