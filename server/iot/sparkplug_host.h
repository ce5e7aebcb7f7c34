/* A Sparkplug host application's view of edge nodes: what is alive, in order and known.
 *
 * Fed with messages in the order of arrival, it checks births and deaths (bdSeq), puts messages in
 * order (seq, within a window of time and number), knows aliases and types from the births, asks
 * for a rebirth where it cannot know (rate-limited), and hands on samples of registered metrics.
 * One owner, no locks, no clock of its own; its state can be saved and loaded, so that another
 * instance goes on. Standard: Sparkplug 3.0, 5 (operational behaviour) and 6.4. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/str.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"
#include "server/iot/sparkplug.h"

struct gw_sparkplug_host;

enum gw_device_state {
    GW_DEVICE_UNKNOWN, /* no birth was seen */
    GW_DEVICE_ONLINE,
    GW_DEVICE_OFFLINE, /* its death was seen, or that of its node: all its series are stale */
};

/* Why something is put aside. */
enum gw_quarantine_reason {
    GW_QUARANTINE_UNKNOWN_NODE,
    GW_QUARANTINE_UNKNOWN_DEVICE,
    GW_QUARANTINE_UNKNOWN_METRIC,
    GW_QUARANTINE_MALFORMED, /* topic or payload */
    GW_QUARANTINE_TYPE,      /* a value that is not of its type */
    GW_QUARANTINE_TIME,      /* too far from now, see the limits */
    GW_QUARANTINE_REASON_COUNT,
};
const char *gw_quarantine_reason_name(enum gw_quarantine_reason reason); /* "unknown-device" */

struct gw_sparkplug_host_limits {
    uint64_t reorder_ms;     /* how long a gap in seq is waited for; 0: 2 s */
    uint32_t reorder_max;    /* messages kept back for one node; 0: 64 */
    uint64_t rebirth_ms;     /* between two rebirth requests to one node; 0: 10 s */
    int64_t max_future_ms;   /* of a sample beyond its arrival; 0: 10 min */
    uint32_t max_quarantine; /* names remembered; 0: 10,000 */
};

struct gw_sparkplug_host_events {
    void *self;
    /* Samples of one message, all of one edge node, in the order of the message. */
    void (*on_samples)(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count);
    /* `device` is the node itself where its own state changed. Its series became stale with
     * OFFLINE. */
    void (*on_state)(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms);
    /* A rebirth request (NCMD Node Control/Rebirth) should be sent. */
    void (*on_rebirth)(void *self, const struct gw_edge_node_config *node, const char *why);
    /* Counted and shown by whoever takes it; `name` is group/node[/device[/metric]]. */
    void (*on_quarantine)(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail);
};

/* The registry is held. NULL without memory. */
GW_MUST_CHECK
struct gw_sparkplug_host *gw_sparkplug_host_create(struct gw_registry *registry,
                                                   const struct gw_sparkplug_host_limits *limits,
                                                   const struct gw_sparkplug_host_events *events);
void gw_sparkplug_host_destroy(struct gw_sparkplug_host *host); /* NULL is safe */

/* One message as the broker gave it; arrival in ms since 1970. What it makes of it is told by the
 * events before this returns. */
void gw_sparkplug_host_feed(struct gw_sparkplug_host *host, struct gw_str topic,
                            struct gw_str bytes, int64_t arrival_ms);
/* Time goes on: gaps that are waited for too long end in a rebirth request. Call it at least every
 * 500 ms. */
void gw_sparkplug_host_tick(struct gw_sparkplug_host *host, int64_t now_ms);
/* The connection to the broker was lost or another owner had the node: nothing is known for sure.
 */
void gw_sparkplug_host_doubt(struct gw_sparkplug_host *host,
                             const struct gw_edge_node_config *node /* NULL: all */,
                             int64_t now_ms);

enum gw_device_state gw_sparkplug_host_state(const struct gw_sparkplug_host *host,
                                             const struct gw_device_config *device);

/* One node's state as bytes of our own form (versioned), and back. Loading: -EINVAL when it cannot
 * be read; the node is then as if nothing had been seen. */
GW_MUST_CHECK
int gw_sparkplug_host_save(const struct gw_sparkplug_host *host,
                           const struct gw_edge_node_config *node, struct gw_buf *out);
GW_MUST_CHECK
int gw_sparkplug_host_load(struct gw_sparkplug_host *host, const struct gw_edge_node_config *node,
                           struct gw_str bytes);
/* Forgets the node: another instance owns it now. */
void gw_sparkplug_host_forget(struct gw_sparkplug_host *host,
                              const struct gw_edge_node_config *node);
