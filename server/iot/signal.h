/* Signals: from samples to few, right, traceable events.
 *
 * A document (*.signal.yaml, docs/signals.md) says which series of an asset it looks at, how they
 * are filtered and windowed by event time, what is computed, and when something is raised, cleared
 * or told. It is compiled and checked when a snapshot is made. The engine computes for the edge
 * nodes that it is fed with; it has no clock and does no input or output, so that the same samples
 * give the same events with the same ids, whenever and wherever they are computed. One owner, no
 * locks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"
#include "server/iot/registry.h"
#include "server/iot/sample.h"
#include "server/json/value.h"

struct gw_signal_engine;
struct gw_signals;

/* --- documents: compiled against a registry, immutable, any thread --- */

GW_MUST_CHECK
int gw_signals_load(const struct gw_str *files, size_t count, struct gw_registry *registry,
                    struct gw_diagnostics *diagnostics, struct gw_signals **out_signals);
/* Of all devices, those series that some signal looks at: for capacity. */
size_t gw_signals_watched_series(const struct gw_signals *signals);

/* What a signal has asked before its events go out (`enrich` of its document). All lies in the
 * signals. */
struct gw_signal_enrichment {
    const char *file;
    unsigned line, column; /* of the operation's name */
    struct gw_str operation;
    const struct gw_value_member *parameters; /* by name: texts, placeholders not yet filled in */
    size_t parameter_count;
};
size_t gw_signals_count(const struct gw_signals *signals);
/* False: this one has none. */
bool gw_signals_get_enrichment(const struct gw_signals *signals, size_t index,
                               struct gw_signal_enrichment *out_enrichment);

struct gw_signals *gw_signals_hold(struct gw_signals *signals);
void gw_signals_release(struct gw_signals *signals); /* NULL is safe */

/* --- what comes out --- */

enum gw_alarm_change {
    GW_ALARM_NONE, /* the event is not an alarm's */
    GW_ALARM_RAISED,
    GW_ALARM_CLEARED,
};

/* What an edge does of itself when the signal says something, where its allow-list permits. */
struct gw_signal_local {
    bool on_raised, on_cleared; /* of an alarm */
    bool is_command;            /* else a call */
    struct gw_str device;       /* of the same edge node; empty: the event's own */
    struct gw_str metric;       /* as the device calls it */
    uint8_t type;               /* enum gw_sparkplug_type */
    struct gw_value value;      /* a boolean, a number or a string */
    struct gw_str backend, path;
    struct gw_str body; /* JSON; empty: the event as a CloudEvent */
};

/* Valid during the call; `data` lies in the engine's arena of the call. */
struct gw_signal_event {
    struct gw_str id;     /* 32 hex digits: signal, version, asset and what caused it */
    struct gw_str type;   /* "com.millgate.iot.machine-down.v1" */
    struct gw_str signal; /* the document's name */
    const struct gw_device_config *device;
    int64_t time_ms;        /* event time */
    int64_t from_ms, to_ms; /* of the samples that it stands for: lineage */
    uint64_t sample_count;
    enum gw_alarm_change alarm;
    const char *severity; /* of an alarm: "info", "warning", "critical"; else NULL */
    bool is_local;        /* may be decided at the edge: see the document's `local` */
    const struct gw_signal_local *local; /* what is to be done there; NULL: nothing. As long as the
                                            signals */
    struct gw_value data;                /* an object, as the event's schema says */
    /* What must be asked before it can go out (enrichment): an operation's id and its parameters,
     * and the member of data that takes the answer; null: nothing. Both names are as long as the
     * signals are. */
    struct gw_str enrich_operation, enrich_member;
    struct gw_value enrich_parameters;
};

/* Of an event that was computed elsewhere, whose `signal`, `device`, `from_ms` and `to_ms` are set:
 * sets what is to be asked for it, as the signal of that name has it here. The parameters lie in
 * the arena. False: nothing is, or the signal is not known, or there is no memory. */
GW_MUST_CHECK
bool gw_signals_ask(const struct gw_signals *signals, struct gw_arena *arena,
                    struct gw_signal_event *event);

/* Of an alarm's event, what is shown of the alarm. */
struct gw_alarm_news {
    const struct gw_device_config *device;
    struct gw_str signal, event_id;
    const char *severity; /* the signals' */
    enum gw_alarm_change change;
    int64_t time_ms;
    struct gw_str data; /* JSON */
};

struct gw_signal_events {
    void *self;
    void (*on_event)(void *self, const struct gw_signal_event *event);
    /* A sample came too late for its window (beyond the lateness): counted, never silent. */
    void (*on_late)(void *self, uint32_t series, int64_t time_ms);
};

/* --- the engine --- */

GW_MUST_CHECK
struct gw_signal_engine *gw_signal_engine_create(struct gw_signals *signals,
                                                 const struct gw_signal_events *events);
void gw_signal_engine_destroy(struct gw_signal_engine *engine); /* NULL is safe */

/* All of one edge node, as they arrived; in event time they may be out of order. */
void gw_signal_engine_feed(struct gw_signal_engine *engine, const struct gw_edge_node_config *node,
                           const struct gw_sample *samples, size_t count);
/* The device has died (its series are stale) or is back. A death that is older than what has been
 * computed counts from there. */
void gw_signal_engine_state(struct gw_signal_engine *engine, const struct gw_device_config *device,
                            bool is_online, int64_t time_ms);
/* No sample of the node will be earlier than this: windows that end before are closed. Event time
 * moves by itself with the samples (the greatest time seen less the lateness); this is for nodes
 * that say nothing. */
void gw_signal_engine_advance(struct gw_signal_engine *engine,
                              const struct gw_edge_node_config *node, int64_t time_ms);
/* Alarms of a device in maintenance are computed but not raised from `from_ms` (event time) until
 * before `until_ms`; what still holds then is raised then. Several such times may be given ahead;
 * until_ms 0 ends all of them. 0, -ENOBUFS (too many of its edge node), -ENOMEM. */
GW_MUST_CHECK
int gw_signal_engine_suppress(struct gw_signal_engine *engine,
                              const struct gw_device_config *device, int64_t from_ms,
                              int64_t until_ms);

/* One node's state as bytes (versioned; a signal whose document changed, or the scale of its
 * metrics, is left out on loading and begins anew). */
GW_MUST_CHECK
int gw_signal_engine_save(const struct gw_signal_engine *engine,
                          const struct gw_edge_node_config *node, struct gw_buf *out);
GW_MUST_CHECK
int gw_signal_engine_load(struct gw_signal_engine *engine, const struct gw_edge_node_config *node,
                          struct gw_str bytes);
void gw_signal_engine_forget(struct gw_signal_engine *engine,
                             const struct gw_edge_node_config *node);

/* For capacity: bytes of state now, queues included. */
size_t gw_signal_engine_bytes(const struct gw_signal_engine *engine);
/* Of these, what is as long as documents say: queues (of the lateness), panes of sliding windows,
 * bins of percentiles. */
size_t gw_signal_engine_ring_bytes(const struct gw_signal_engine *engine);
