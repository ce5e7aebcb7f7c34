/* Metrics: counted per worker without locks, added up when they are read.
 *
 * Each worker writes its own shard; one reader (the admin listener) sums them up as Prometheus text
 * (exposition format 0.0.4). Labels are bounded by construction: a metric's labels are part of its
 * description in the code, and routes come from contracts, never from a request. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/metric.h"
#include "server/core/str.h"

#define GW_METRICS_MAX_ROUTES 16384 /* beyond, routes are counted together as "other" */

struct gw_metrics;
struct gw_metrics_shard;

/* For `shard_count` workers. NULL without memory. */
GW_MUST_CHECK
struct gw_metrics *gw_metrics_create(size_t shard_count);
void gw_metrics_destroy(struct gw_metrics *metrics); /* NULL is safe */
struct gw_metrics_shard *gw_metrics_get_shard(struct gw_metrics *metrics, size_t index);

/* Owner's thread. A NULL shard or metric is accepted and counts nothing. */
void gw_metrics_add(struct gw_metrics_shard *shard, const struct gw_metric *metric, uint64_t by);
void gw_metrics_set(struct gw_metrics_shard *shard, const struct gw_metric *metric, uint64_t value);

/* The description with these labels, `issuer="plant"`, which come from the configuration; the same
 * address whenever it is asked for. NULL for a NULL shard, or at a bound (see metric_labels.h). Any
 * thread; not for the request path. */
const struct gw_metric *gw_metrics_labelled(struct gw_metrics_shard *shard,
                                            const struct gw_metric *metric, const char *labels);

/* The number under which a route is counted; the same for the same text, for good. Main thread. */
size_t gw_metrics_route(struct gw_metrics *metrics, const char *method, struct gw_str route);

/* One finished exchange. Status 0: the client left before it was answered. Owner's thread. */
void gw_metrics_exchange(struct gw_metrics_shard *shard, size_t route, int status,
                         uint64_t duration_ns);

/* Writes all of it. Any one thread. */
void gw_metrics_print(const struct gw_metrics *metrics, struct gw_buf *out);
