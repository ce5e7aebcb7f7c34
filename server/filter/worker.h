/* What a filter sees of the worker that it runs on. Owned by gateway/worker.c; in tests of a
 * policy, by the test. Its own thread only. */
#pragma once

#include <stdint.h>

struct gw_http_client;
struct gw_loop;
struct gw_metrics_shard;
struct gw_redis;

struct gw_worker {
    struct gw_loop *loop;
    struct gw_redis *redis;           /* its pipelined connection; never NULL in a running worker */
    struct gw_http_client *http;      /* for all that goes out */
    struct gw_metrics_shard *metrics; /* see observe/metrics.h; NULL: nothing is counted */
    unsigned index;                   /* 0 ... count - 1 */
    unsigned count;                   /* of workers in this process */
};
