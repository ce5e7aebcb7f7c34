/* What the lane counts, as metrics. */
#pragma once

#include <stddef.h>

struct gw_iot_board;
struct gw_lane;
struct gw_metrics_shard;

/* On telemetry's thread, whose shard it is. `board`: NULL, there is none. `members`: gateways that
 * share the edge nodes. */
void gw_telemetry_metrics_publish(struct gw_metrics_shard *metrics, const struct gw_lane *lane,
                                  const struct gw_iot_board *board, size_t question_count,
                                  size_t members);
