/* Of backends: what outlasts a request, WebSockets and event streams. */
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"

#define SECOND INT64_C(1000000000)
#define DAY (INT64_C(86400) * SECOND)

/* How long one may be silent, and how long it may live. */
#define LIFE_OPTIONS(silence)                                                                   \
    {.name = "idle_timeout",                                                                    \
     .type = GW_DURATION,                                                                       \
     .min = SECOND,                                                                             \
     .max = DAY,                                                                                \
     .value = "5m",                                                                             \
     .help = silence},                                                                          \
    {                                                                                           \
        .name = "total_timeout", .type = GW_DURATION, .min = 0, .max = 30 * DAY, .value = "0",  \
        .help = "The longest life of one; 0 sets none. It ends with the caller's token in any " \
                "case."                                                                         \
    }

const struct gw_option gw_config_websocket_options[] = {
    {.name = "max",
     .type = GW_INT,
     .min = 1,
     .max = 65535,
     .value = "128",
     .help = "Open ones of one worker, out of max_connections; further ones are answered 503."},
    LIFE_OPTIONS("The longest silence of both sides."),
    {0},
};

const struct gw_option gw_config_event_stream_options[] = {
    LIFE_OPTIONS("The longest pause between two events."),
    {0},
};

void gw_config_fill_streams(const json_t *checked, struct gw_config_backend *backend)
{
    const json_t *websocket = json_object_get(checked, "websocket");
    const json_t *events = json_object_get(checked, "event_stream");
    struct gw_backend_config *to = &backend->resilience;

    backend->max_websockets = (unsigned)gw_config_number(websocket, "max");
    to->websocket_idle_ns = gw_config_number(websocket, "idle_timeout");
    to->websocket_total_ns = gw_config_number(websocket, "total_timeout");
    to->event_stream_idle_ns = gw_config_number(events, "idle_timeout");
    to->event_stream_total_ns = gw_config_number(events, "total_timeout");
}
