/* What a worker and the request path count. */
#pragma once

#include "server/core/metric.h"

extern const struct gw_metric gw_worker_connections;
extern const struct gw_metric gw_worker_exchanges;
extern const struct gw_metric gw_worker_suspended;
extern const struct gw_metric gw_worker_websockets;
extern const struct gw_metric gw_worker_redis_up;
extern const struct gw_metric gw_worker_redis_commands;
extern const struct gw_metric gw_worker_redis_timeouts;
extern const struct gw_metric gw_worker_redis_disconnects;
extern const struct gw_metric gw_worker_fleet;
