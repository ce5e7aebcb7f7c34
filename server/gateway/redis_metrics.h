/* What is told of each server of a worker's Redis: one, or a cluster's nodes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/metric.h"

struct gw_metrics_shard;
struct gw_redis;

#define GW_REDIS_METRICS_MAX 128

/* All zeroes at first. A server that is gone is told as not up. */
struct gw_redis_metrics {
    struct gw_redis_metrics_node {
        char address[96];
        const struct gw_metric *up, *commands;
        bool is_there;
    } nodes[GW_REDIS_METRICS_MAX];
    size_t count;
};

/* Not for the request path. */
void gw_redis_metrics_publish(struct gw_redis_metrics *metrics, struct gw_redis *redis,
                              struct gw_metrics_shard *shard);
