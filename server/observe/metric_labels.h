/* Metrics whose labels are known only when the configuration is: one description for each, made
 * when first asked for, and kept for good. Any thread; not for the request path. */
#pragma once

#include "server/core/attr.h"
#include "server/core/metric.h"

#define GW_METRIC_LABELS_MAX 8192

struct gw_metric_labels;

/* NULL without memory. */
GW_MUST_CHECK
struct gw_metric_labels *gw_metric_labels_create(void);
void gw_metric_labels_destroy(struct gw_metric_labels *labels); /* NULL is safe */

/* `base` with these labels (`issuer="plant"`); always the same address for the same two. NULL when
 * there are GW_METRIC_LABELS_MAX, or without memory: then nothing is counted. */
const struct gw_metric *gw_metric_labels_get(struct gw_metric_labels *labels,
                                             const struct gw_metric *base, const char *text);
