/* What a filter sees of the worker that it runs on. Owned by gateway/worker.c; in tests of a
 * policy, by the test. Its own thread only. */
#pragma once

#include <stdint.h>

#include "server/core/list.h"

struct gw_fleet;
struct gw_http_client;
struct gw_loop;
struct gw_metrics_shard;
struct gw_redis;

/* What a policy's instance keeps on the worker's loop beyond a request: timers, calls. Instances
 * may outlive their worker; `leave` is called on its thread when it ends, while the loop and the
 * clients still are, and must take all off and the node out of the list. */
struct gw_worker_tenant {
    struct gw_list node; /* in the worker's tenants */
    void (*leave)(struct gw_worker_tenant *tenant);
};

struct gw_worker {
    struct gw_loop *loop;
    struct gw_redis *redis;           /* its pipelined connection; never NULL in a running worker */
    struct gw_fleet *fleet;           /* who else is there; NULL: nobody */
    struct gw_http_client *http;      /* for all that goes out */
    struct gw_metrics_shard *metrics; /* see observe/metrics.h; NULL: nothing is counted */
    unsigned index;                   /* 0 ... count - 1 */
    unsigned count;                   /* of workers in this process */
    struct gw_list tenants;           /* struct gw_worker_tenant */
};

/* The worker ends. */
static inline void gw_worker_send_off(struct gw_worker *worker)
{
    while (!gw_list_is_empty(&worker->tenants)) {
        struct gw_worker_tenant *tenant =
            GW_LIST_ITEM(worker->tenants.next, struct gw_worker_tenant, node);
        tenant->leave(tenant);
    }
}
