/* All that one worker knows of backends, over all configurations: states of backends and targets,
 * by name. Created with the worker, on its thread only. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/upstream/budget.h"
#include "server/upstream/retry.h"

struct gw_http_client;
struct gw_loop;

struct gw_backend_stats {
    uint64_t retries[GW_RETRY_REASON_COUNT]; /* in the order of the reasons */
    uint64_t over_budget;                    /* retries and hedges that it forbade */
    uint64_t refused;                        /* no target might be asked */
};

/* A backend's state in one worker. */
struct gw_backend_state {
    struct gw_list node;
    struct gw_upstreams *upstreams;
    unsigned references;
    char *name;
    struct gw_budget budget;
    struct gw_backend_stats stats;
};

struct gw_upstreams {
    struct gw_loop *loop;
    struct gw_http_client *client;
    struct gw_list backends, targets;
    uint64_t random; /* for gw_balance_random() */
};

void gw_upstreams_init(struct gw_upstreams *upstreams, struct gw_loop *loop,
                       struct gw_http_client *client);
/* Every view must be gone. Safe on a zeroed one. */
void gw_upstreams_finish(struct gw_upstreams *upstreams);

/* The state of that name, made on first use. NULL without memory. */
GW_MUST_CHECK
struct gw_backend_state *gw_backend_state_get(struct gw_upstreams *upstreams, struct gw_str name);
void gw_backend_state_put(struct gw_backend_state *state); /* NULL is safe */
