/* What is counted per backend. Labels are backends' names, so there are as many as the operator
 * configures; a name keeps its descriptions for the life of the process, over all reloads.
 *
 * Main thread, but for publish, which belongs to the worker whose shard it is. */
#pragma once

#include "server/core/attr.h"
#include "server/core/metric.h"
#include "server/core/str.h"
#include "server/net/http_client.h"

#define GW_BACKEND_METRIC_COUNT 6

struct gw_backend_metrics {
    struct gw_backend_metrics *next;
    char *name;
    char labels[192]; /* `backend="erp"` */
    struct gw_metric metrics[GW_BACKEND_METRIC_COUNT];
};

/* The descriptions of that name, made on first use and kept in *list. NULL without memory, or when
 * 256 names are kept: then the backend is not counted. */
struct gw_backend_metrics *gw_backend_metrics_get(struct gw_backend_metrics **list,
                                                  struct gw_str name);
void gw_backend_metrics_free(struct gw_backend_metrics *list); /* NULL is safe */

struct gw_metrics_shard;
/* Sets them from an origin's numbers. `metrics` may be NULL. */
void gw_backend_metrics_publish(const struct gw_backend_metrics *metrics,
                                struct gw_metrics_shard *shard,
                                const struct gw_http_origin_stats *stats);
