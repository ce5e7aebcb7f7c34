/* What the main thread counts. */
#pragma once

#include "server/core/metric.h"

extern const struct gw_metric gw_server_generation;
extern const struct gw_metric gw_server_reloads;
extern const struct gw_metric gw_server_reloads_refused;
extern const struct gw_metric gw_server_ready;
extern const struct gw_metric gw_server_log_dropped;
extern const struct gw_metric gw_server_audit_lines;
extern const struct gw_metric gw_server_start_time;
