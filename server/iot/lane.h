/* A lane: from brokers to events, on one thread.
 *
 * It owns some of the registry's edge nodes. Their messages are journaled as they arrive (a group
 * commit per node), then put in order, decoded and computed on, and what comes out is emitted. A
 * node's state is checkpointed; after a crash, or when another instance takes the node over, it
 * goes on from the checkpoint and the journal. All functions belong to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/iot/mqtt.h"
#include "server/iot/registry.h"
#include "server/iot/signal.h"
#include "server/iot/sparkplug_host.h"
#include "server/iot/store.h"

struct gw_lane;
struct gw_loop;

#define GW_LANE_MAX_BROKERS 16

struct gw_lane_broker {
    struct gw_mqtt_config mqtt;
    const struct gw_str *groups; /* whose nodes are there; none: any */
    size_t group_count;
};

/* What others want to know; every function may be NULL. */
struct gw_lane_events {
    void *self;
    /* Before the signals see them. */
    void (*on_samples)(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count);
    void (*on_state)(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms);
    void (*on_quarantine)(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail);
    /* It is computed, and not yet emitted: an alarm's state, what is decided at the edge. Again
     * with the same id after a crash. */
    void (*on_event)(void *self, const struct gw_signal_event *event);
    /* An alarm's event is in the log; again after a crash. False: there is no room now, it is told
     * once more. */
    bool (*on_alarm)(void *self, const struct gw_alarm_news *news);
    /* Is it shelved now? Then the event that raises it says so. */
    bool (*is_shelved)(void *self, const struct gw_alarm_news *news);
    /* Does all that on_alarm was told of the node outlive us? Before that there is no checkpoint,
     * so that a crash tells it again. */
    bool (*is_kept)(void *self, const struct gw_edge_node_config *node);
    /* Samples that came by HTTP are in the journal (sample_json.h); again after a crash. */
    void (*on_journaled)(void *self, const struct gw_edge_node_config *node, struct gw_str place);
    /* The node's checkpoint is loaded, and its journal not yet computed on: gw_lane_suppress() has
     * what the journal meets. False: it is not known yet, ask again. */
    bool (*on_loaded)(void *self, const struct gw_edge_node_config *node);
    /* The node is ours from now on (with its state), or no longer. */
    void (*on_owned)(void *self, const struct gw_edge_node_config *node, bool is_owned);
    /* What comes is of this registry from now on, in which all has other numbers; the one before is
     * there until this returns. 0, or -ENOMEM: then it is not so. */
    int (*on_registry)(void *self, struct gw_registry *registry);
};

/* What an event asks of an API before it goes out (enrichment). */
struct gw_lane_question {
    struct gw_str operation;    /* its id */
    struct gw_value parameters; /* an object of texts */
    struct gw_str plant;        /* of the device */
    struct gw_str traceparent;  /* of the event: the parent of what is done for it */
    /* Once, from the loop, unless cancelled; never within ask(). 0: `answer` is JSON, or empty
     * where there is nothing to tell; -EAGAIN: it may be asked once more; another: that would be in
     * vain.
     */
    void (*done)(struct gw_lane_question *question, int rc, struct gw_str answer);
    void *owner;
    void *state; /* the asker's */
};

/* Who asks; each question lasts for a bounded time. */
struct gw_lane_asker {
    void *self;
    uint64_t pause_ns; /* of a node, once two questions in a row have got no answer */
    /* 0, or nothing was begun: -EAGAIN (too many are under way), -ENOMEM. */
    int (*ask)(void *self, struct gw_lane_question *question);
    void (*cancel)(void *self, struct gw_lane_question *question);
};

struct gw_lane_config {
    struct gw_loop *loop;
    struct gw_iot_store *store;   /* borrowed */
    struct gw_registry *registry; /* held */
    struct gw_signals *signals;   /* held */
    const struct gw_lane_broker *brokers;
    size_t broker_count;
    struct gw_str host_id; /* Sparkplug's, of the primary host; empty: there is none */
    struct gw_lane_events events;
    struct gw_lane_asker asker; /* `ask` NULL: events go out as they were computed */
    struct gw_sparkplug_host_limits host_limits;
    uint64_t checkpoint_ns; /* between two of a node; 0: 10 s */
    uint64_t
        silence_ms; /* of a node whose time goes on by our clock, this far behind it; 0: 10 s */
    size_t max_pending_bytes; /* not yet journaled: beyond, brokers are not read; 0: 64 MiB */
};

struct gw_lane_stats {
    uint64_t messages, samples, events; /* events: emitted */
    uint64_t dropped;                   /* of nodes that are not ours, or beyond all bounds */
    uint64_t appends, append_failures, checkpoints;
    uint64_t late, rebirths;
    uint64_t passed_over;          /* values that a broker had kept, and that have no time */
    uint64_t enriched, unenriched; /* events that wanted it: with and without what they asked for */
    size_t nodes;                  /* owned */
    size_t pending_bytes;          /* not yet journaled */
    size_t owed;                   /* of them, messages that brokers have not been acknowledged */
    size_t pending_events;
};

GW_MUST_CHECK
int gw_lane_create(const struct gw_lane_config *config, struct gw_lane **out_lane,
                   struct gw_error *error);
/* What is not journaled yet is lost: gw_lane_stop() first. NULL is safe. */
void gw_lane_destroy(struct gw_lane *lane);

/* Another configuration from now on; `loop`, `store` and `events` stay. Messages are taken and
 * journaled all the while. Where documents have changed what was computed goes out and is kept
 * first, which is waited for until `timeout_ns`; the states of nodes and of signals that are as
 * they were go on. So do connections to brokers, if their own configuration is the same; new
 * subscriptions are made before old ones go. `done` once, not within this call; not 0: out of
 * memory, all is as before. 0, -ENOMEM, -EINVAL (too many brokers). Not while one is under way, nor
 * once the lane stops, which ends it without `done`. */
GW_MUST_CHECK
int gw_lane_change(struct gw_lane *lane, const struct gw_lane_config *config, uint64_t timeout_ns,
                   void (*done)(void *self, int rc), void *self);

/* Which nodes should be ours: asked for each, now and whenever it is called again. */
void gw_lane_set_owned(struct gw_lane *lane,
                       bool (*is_mine)(void *self, const struct gw_edge_node_config *node),
                       void *self);

/* Whether we are the one of the fleet that holds STATE and looks for who is not registered. */
void gw_lane_set_primary(struct gw_lane *lane, bool is_primary);

/* Messages that came another way (HTTP): as the broker would have given them, or samples
 * (sample_json.h). 0; -EAGAIN: too much
 * is pending; -ENOENT: the node is not registered, or not ours. */
GW_MUST_CHECK
int gw_lane_feed(struct gw_lane *lane, struct gw_str topic, struct gw_str payload);

/* Sends a command to the brokers of the node's group: DCMD, or for an empty device NCMD. 0 or as
 * gw_mqtt_publish(). */
GW_MUST_CHECK
int gw_lane_command(struct gw_lane *lane, const struct gw_edge_node_config *node,
                    struct gw_str device, const struct gw_sparkplug_metric *metric, int64_t now_ms);

/* No more messages are taken; what is there is journaled, computed, emitted and checkpointed, and
 * the nodes are released. With `keeps_sessions` the brokers keep what comes from now on for whoever
 * comes back under our name; without, it is another's. `done` is called once, at the latest after
 * `timeout_ns`. */
void gw_lane_stop(struct gw_lane *lane, bool keeps_sessions, uint64_t timeout_ns,
                  void (*done)(void *self), void *self);

/* As gw_signal_engine_suppress(); 0 as well where the device's node is not loaded here: when it is,
 * on_loaded() is asked. */
GW_MUST_CHECK
int gw_lane_suppress(struct gw_lane *lane, const struct gw_device_config *device, int64_t from_ms,
                     int64_t until_ms);
enum gw_device_state gw_lane_device_state(const struct gw_lane *lane,
                                          const struct gw_device_config *device);
void gw_lane_get_stats(const struct gw_lane *lane, struct gw_lane_stats *out_stats);
size_t gw_lane_broker_count(const struct gw_lane *lane);
bool gw_lane_is_broker_up(const struct gw_lane *lane, size_t index);
