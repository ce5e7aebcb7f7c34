/* A Sparkplug host over a small registry, messages in few words, and what the host tells as text.
 *
 * Registered are the group "g" with the edge nodes line-1 (its own metrics, cnc-1, cnc-2) and
 * line-2 (cnc-1). One at a time, for the program that links it. */
#pragma once

#include "server/core/buf.h"
#include "server/iot/sparkplug_host.h"

struct sparkplug_rig {
    struct gw_registry *registry;
    struct gw_sparkplug_host *host;
    const struct gw_edge_node_config *line_1, *line_2;
    struct gw_buf
        told;       /* a line for each event; NUL behind it once sparkplug_rig_told() was asked */
    bool is_silent; /* nothing is written to `told` */
    uint64_t samples;
    int64_t now_ms; /* the arrival of the next message */
};

/* Asserts success. `extra`: more devices (YAML), or NULL. */
void sparkplug_rig_open(struct sparkplug_rig *rig, const char *extra);
void sparkplug_rig_close(struct sparkplug_rig *rig);
struct gw_sparkplug_host *sparkplug_rig_host(struct sparkplug_rig *rig); /* one more, same events */

/* Metrics, separated by spaces: "Production/Good#4:Int32=5" (name, alias, type, value; all but the
 * value may be left out), with "@+500" behind it for a time of its own (ms after the message's),
 * "~" for is_historical, "?" for quality bad. Values: null, true, 5, 1.5, or a word. */
void sparkplug_write(struct gw_buf *out, int seq /* -1: none */, int64_t time_ms /* -1: none */,
                     const char *metrics);
void sparkplug_rig_feed(struct sparkplug_rig *rig, const char *topic, int seq, int64_t time_ms,
                        const char *metrics);
void sparkplug_rig_feed_bytes(struct sparkplug_rig *rig, const char *topic, struct gw_str bytes);

/* What was told since the last call; valid until the next event. */
const char *sparkplug_rig_told(struct sparkplug_rig *rig);
void sparkplug_rig_expect(struct sparkplug_rig *rig, const char *told);

/* Bytes from hex digits; to be freed. */
struct gw_str sparkplug_from_hex(const char *hex);
