/* What a filter sees of the worker that it runs on. Owned by gateway/worker.c; in tests of a
 * policy, by the test. Its own thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/list.h"
#include "server/core/str.h"

struct gw_buf;
struct gw_fleet;
struct gw_http_client;
struct gw_loop;
struct gw_metrics_shard;
struct gw_record_set;
struct gw_record_writer;
struct gw_redis;

/* What a policy's instance keeps on the worker's loop beyond a request: timers, calls. Instances
 * may outlive their worker; `leave` is called on its thread when it ends, while the loop and the
 * clients still are, and must take all off and the node out of the list. */
struct gw_worker_tenant {
    struct gw_list node; /* in the worker's tenants */
    void (*leave)(struct gw_worker_tenant *tenant);
    const struct gw_worker_exhibit *exhibit; /* NULL: nobody's business */
};

/* What an administrator sees of a tenant, and may have it do. On the worker's thread. */
struct gw_worker_exhibit {
    const char *kind; /* "issuers" */
    /* Lives as long as the tenant. Several may have one name, while a reload replaces one. */
    struct gw_str (*name)(const struct gw_worker_tenant *tenant);
    /* Appends one JSON object. */
    void (*print)(const struct gw_worker_tenant *tenant, struct gw_buf *out);
    /* False: this act is not offered. */
    bool (*act)(struct gw_worker_tenant *tenant, struct gw_str act);
};

struct gw_worker {
    struct gw_loop *loop;
    struct gw_redis *redis; /* its pipelined connection; never NULL in a running worker */
    struct gw_record_writer *record_writer; /* for what must be durable; see store/record.h */
    const struct gw_record_set *records;    /* mirrored here; NULL: none are kept (in tests) */
    struct gw_fleet *fleet;                 /* who else is there; NULL: nobody */
    struct gw_http_client *http;            /* for all that goes out */
    struct gw_metrics_shard *metrics;       /* see observe/metrics.h; NULL: nothing is counted */
    unsigned index;                         /* 0 ... count - 1 */
    unsigned count; /* of workers in this process; 0 on the main thread (the admin listener's) */
    struct gw_list tenants; /* struct gw_worker_tenant */
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
