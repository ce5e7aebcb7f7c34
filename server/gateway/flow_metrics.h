/* What is counted of flows: runs by flow and outcome. Made with a snapshot, on the main thread;
 * counting is the worker's. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_flow_error;
struct gw_flow_metrics;
struct gw_metrics_shard;

/* Of the flow of that name. `shard` is any of the process, or NULL. NULL without memory: then
 * nothing is counted. */
struct gw_flow_metrics *gw_flow_metrics_make(struct gw_metrics_shard *shard, struct gw_str flow);
void gw_flow_metrics_free(struct gw_flow_metrics *metrics); /* NULL is safe */

/* One run has ended; `error` NULL: well. `metrics` may be NULL. */
void gw_flow_metrics_count(const struct gw_flow_metrics *metrics, struct gw_metrics_shard *shard,
                           const struct gw_flow_error *error);
