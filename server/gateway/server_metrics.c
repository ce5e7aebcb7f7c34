#include "server/gateway/server_metrics.h"

#include <stddef.h>

const struct gw_metric gw_server_generation = {
    "millgate_config_generation", "The configuration in force, counted from the start.", NULL,
    true};
const struct gw_metric gw_server_reloads = {"millgate_reloads_total", "Reloads, by result.",
                                            "result=\"done\"", false};
const struct gw_metric gw_server_reloads_refused = {"millgate_reloads_total", "Reloads, by result.",
                                                    "result=\"refused\"", false};
const struct gw_metric gw_server_ready = {"millgate_ready", "1 when /readyz says so.", NULL, true};
const struct gw_metric gw_server_log_dropped = {
    "millgate_access_log_dropped", "Lines that the access log's sink was too slow for.", NULL,
    true};
const struct gw_metric gw_server_audit_lines = {"millgate_audit_lines",
                                                "The number of the audit's last line.", NULL, true};
const struct gw_metric gw_server_start_time = {"millgate_start_time_seconds",
                                               "When the process started, since 1970.", NULL, true};
