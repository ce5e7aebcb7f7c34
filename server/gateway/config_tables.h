/* The tables of millgate.yaml. Private to gateway/config*.c. */
#pragma once

#include "server/json/option.h"

/* The gateway's own top-level keys. */
extern const struct gw_option gw_config_options[];

/* Of each backend: config_backend_table.c. */
extern const struct gw_option gw_config_backend_options[];

/* Of its `websocket` and `event_stream`: config_streams.c. */
extern const struct gw_option gw_config_websocket_options[], gw_config_event_stream_options[];

/* What may stand under a backend's `credentials`. */
extern const struct gw_option gw_config_credentials_options[];

/* Of each landscape: config_landscapes.c. */
extern const struct gw_option gw_config_landscape_options[];

/* Telemetry: config_iot.c. */
extern const struct gw_option gw_config_iot_options[];

/* What may stand under a backend's `effects`. */
extern const struct gw_option gw_config_effects_options[];

/* The section `events`. */
extern const struct gw_option gw_config_events_options[];

/* Of each edge: config_edges.c. */
extern const struct gw_option gw_config_edge_options[];

/* The section `redis`. */
extern const struct gw_option gw_config_redis_options[];
