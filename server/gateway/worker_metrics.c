#include "server/gateway/worker_metrics.h"

#include <stddef.h>

const struct gw_metric gw_worker_connections = {"millgate_connections", "Open client connections.",
                                                NULL, true};
const struct gw_metric gw_worker_exchanges = {"millgate_exchanges", "Requests under way.", NULL,
                                              true};
const struct gw_metric gw_worker_suspended = {"millgate_exchanges_suspended",
                                              "Client connections that wait for long.", NULL, true};
const struct gw_metric gw_worker_websockets = {"millgate_websockets", "Open WebSockets.", NULL,
                                               true};
const struct gw_metric gw_worker_redis_up = {
    "millgate_redis_up", "Workers whose connection to Redis is up.", NULL, true};
const struct gw_metric gw_worker_redis_commands = {"millgate_redis_commands_total",
                                                   "Commands sent to Redis.", NULL, false};
const struct gw_metric gw_worker_redis_timeouts = {
    "millgate_redis_timeouts_total", "Commands that Redis did not answer in time.", NULL, false};
const struct gw_metric gw_worker_redis_disconnects = {
    "millgate_redis_disconnects_total", "Connections to Redis that were lost.", NULL, false};
const struct gw_metric gw_worker_fleet = {
    "millgate_fleet_instances", "Gateways on this Redis: the most seen in 5 minutes.", NULL, true};
