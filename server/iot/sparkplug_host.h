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
    GW_QUARANTINE_UNKNOWN_METRIC, /* told once for each birth, not for the data */
    GW_QUARANTINE_MALFORMED,      /* topic or payload */
    GW_QUARANTINE_TYPE,           /* a value that is not of its type, or is no scalar */
    GW_QUARANTINE_TIME,           /* too far from now, see the limits */
    GW_QUARANTINE_REASON_COUNT,
};
const char *gw_quarantine_reason_name(enum gw_quarantine_reason reason); /* "unknown-device" */

struct gw_sparkplug_host_limits {
    uint64_t reorder_ms;   /* how long a gap in seq is waited for; 0: 2 s */
    uint32_t reorder_max;  /* messages kept back for one node, at most 127; 0: 64 */
    uint64_t rebirth_ms;   /* between two rebirth requests to one node, doubled for each one that
                              is not answered, up to 64 times; 0: 10 s */
    uint64_t device_ms;    /* how long a device may be silent after its node's rebirth before it
                              counts as gone; 0: 30 s */
    int64_t max_future_ms; /* of a sample beyond its arrival; 0: 10 min */
};

struct gw_sparkplug_host_events {
    void *self;
    /* Samples of one message, all of one edge node, in the order of the message, in canonical units
     * (factor and offset are applied). A metric that is known by its alias alone, from a birth that
     * may be outdated (a message is missing, see doubt), is of quality UNCERTAIN. Of a dataset each
     * row gives a sample of "<metric>/<column>", of a template each member one of
     * "<metric>/<member>". */
    void (*on_samples)(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count);
    /* `device` is the node itself where its own state changed. Its series became stale with
     * OFFLINE: a sample NONE of quality STALE for each one that its birth had goes before. */
    void (*on_state)(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms);
    /* A rebirth request (NCMD Node Control/Rebirth) should be sent. */
    void (*on_rebirth)(void *self, const struct gw_edge_node_config *node, const char *why);
    /* Counted and shown by whoever takes it (quarantine.h); `name` is group/node[/device][/metric],
     * or a topic that is none. */
    void (*on_quarantine)(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail);
};

struct gw_sparkplug_host_counts {
    uint64_t messages, samples;
    uint64_t duplicates;  /* messages that had been seen */
    uint64_t kept_back;   /* messages that came before their turn */
    uint64_t gaps;        /* given up waiting */
    uint64_t late;        /* messages of a session that is over, or after their gap was given up */
    uint64_t unborn;      /* messages and metrics without a birth that explains them */
    uint64_t old_deaths;  /* NDEATH of a session that is not the node's */
    uint64_t rebirths;    /* requests */
    uint64_t quarantined; /* calls of on_quarantine */
    size_t held_bytes;    /* kept back now */
};

/* The registry is held. NULL without memory. */
GW_MUST_CHECK
struct gw_sparkplug_host *gw_sparkplug_host_create(struct gw_registry *registry,
                                                   const struct gw_sparkplug_host_limits *limits,
                                                   const struct gw_sparkplug_host_events *events);
void gw_sparkplug_host_destroy(struct gw_sparkplug_host *host); /* NULL is safe */
/* From now on. */
void gw_sparkplug_host_set_limits(struct gw_sparkplug_host *host,
                                  const struct gw_sparkplug_host_limits *given);

/* One message as the broker gave it; arrival in ms since 1970. What it makes of it is told by the
 * events before this returns. Messages of hosts (NCMD, DCMD, STATE) are passed over. */
void gw_sparkplug_host_feed(struct gw_sparkplug_host *host, struct gw_str topic,
                            struct gw_str bytes, int64_t arrival_ms);
/* Time goes on for the node: gaps that are waited for too long end in a rebirth request. Messages
 * of the node say it, too. */
void gw_sparkplug_host_tick(struct gw_sparkplug_host *host, const struct gw_edge_node_config *node,
                            int64_t now_ms);
/* What the node's clock says at this moment of ours, going by its last message; ours if it has sent
 * none. */
int64_t gw_sparkplug_host_node_ms(const struct gw_sparkplug_host *host,
                                  const struct gw_edge_node_config *node, int64_t our_ms);
/* The connection to the broker is new or was lost, or another owner had the node: nothing is known
 * for sure until the next birth, which is asked for (and again, ever more seldom). */
void gw_sparkplug_host_doubt(struct gw_sparkplug_host *host,
                             const struct gw_edge_node_config *node /* NULL: all */,
                             int64_t now_ms);

enum gw_device_state gw_sparkplug_host_state(const struct gw_sparkplug_host *host,
                                             const struct gw_device_config *device);
const struct gw_sparkplug_host_counts *
gw_sparkplug_host_counts(const struct gw_sparkplug_host *host);

/* One node's state as bytes of our own form (versioned), and back. Loading: -EINVAL when it cannot
 * be read; the node is then as if nothing had been seen. Where the registry says something else of
 * the node than when it was saved, a rebirth is asked for. No event is told while loading. */
GW_MUST_CHECK
int gw_sparkplug_host_save(const struct gw_sparkplug_host *host,
                           const struct gw_edge_node_config *node, struct gw_buf *out);
GW_MUST_CHECK
int gw_sparkplug_host_load(struct gw_sparkplug_host *host, const struct gw_edge_node_config *node,
                           struct gw_str bytes);
/* Forgets the node: another instance owns it now. */
void gw_sparkplug_host_forget(struct gw_sparkplug_host *host,
                              const struct gw_edge_node_config *node);
