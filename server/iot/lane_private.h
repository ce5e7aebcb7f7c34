/* The lane's inside, shared by the files that make it up. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/core/list.h"
#include "server/iot/lane.h"
#include "server/net/loop.h"

/* Of a message in an entry of the journal: arrival, length of topic and payload; they follow. */
#define GW_LANE_HEAD_BYTES 14
/* The topics of what no broker sent, journaled like messages, so that it is computed again the
 * same: the hour, of a node that says nothing; the same, where its silence has lasted; messages may
 * have been missed. */
#define GW_LANE_HOUR GW_STR("")
#define GW_LANE_SILENCE GW_STR("-")
#define GW_LANE_DOUBT GW_STR("?")

/* Before the topics of messages that a mapping reads, of which the broker had kept the latter. */
#define GW_LANE_JSON GW_STR("json/")
#define GW_LANE_JSON_RETAINED GW_STR("json-retained/")

#define GW_LANE_MAX_TEXT_BYTES (4u << 20) /* of a configuration */

enum gw_lane_node_state {
    GW_LANE_FOREIGN,
    GW_LANE_CLAIMING,
    GW_LANE_LOADING, /* reads the journal behind the checkpoint */
    GW_LANE_OWNED,
    GW_LANE_LEAVING, /* no new message; released when all is done */
    GW_LANE_RELEASING,
};

/* How far an event is with what it asks for. */
enum gw_lane_asking {
    GW_LANE_COMPLETE, /* it may go out */
    GW_LANE_UNASKED,
    GW_LANE_ASKED,
};

struct gw_lane_emission {
    struct gw_list node; /* in its node's emissions */
    struct gw_lane_node *owner;
    struct gw_event event;
    struct gw_alarm_news alarm; /* change NONE: it is no alarm's */
    struct gw_event_append append;
    bool is_under_way;
    enum gw_lane_asking asking;
    unsigned tries;
    uint64_t ask_at_ns; /* not before */
    struct gw_lane_question question;
    struct gw_str member; /* of data, for the answer */
    /* Held, with their registry: what all this points to; NULL: those of the lane. */
    struct gw_signals *signals;
    struct gw_arena arena;
};

struct gw_lane_node {
    struct gw_lane *lane;
    const struct gw_edge_node_config *config;
    enum gw_lane_node_state state;
    bool is_wanted;      /* it should be ours */
    bool is_dropped;     /* the configuration that comes does not have it */
    bool may_replay;     /* on_loaded() has said so since its checkpoint was loaded */
    bool has_progressed; /* since the last checkpoint */
    uint64_t epoch;
    uint64_t retry_ns;       /* not before; CLOCK_MONOTONIC */
    uint64_t checkpoint_ns;  /* when the next is due */
    uint64_t taken_ns;       /* when its last message came */
    struct gw_buf pending;   /* messages that no append has yet */
    struct gw_buf appending; /* those of the append under way */
    struct gw_buf behind;    /* those journaled while the lane rests: computed on afterwards */
    size_t pending_owed, appending_owed; /* of them, those that the broker waits to hear of */
    uint64_t sequence;                   /* of the append under way */
    struct gw_list dirty;                /* in the lane's list: it has something to append */
    bool is_appending, is_checkpointing, is_asking; /* asking: claim, read, release */
    struct gw_store_call append, checkpoint, question;
    struct gw_buf checkpoint_bytes;
    char position[GW_JOURNAL_POSITION_BYTES]; /* of the last entry that was computed on */
    char behind_position[GW_JOURNAL_POSITION_BYTES];
    char checkpoint_position[GW_JOURNAL_POSITION_BYTES];
    struct gw_list emissions; /* in order; the first is under way */
    size_t emission_count;
    bool is_emitting;
    uint64_t unasked_until_ns; /* nobody has answered: events go out without asking */
};

struct gw_lane_connection {
    struct gw_lane *lane;
    struct gw_mqtt *mqtt;
    const struct gw_lane_broker *config;
    uint64_t up_since_ns; /* 0: it is not */
};

struct gw_lane_primary { /* see lane_primary.c */
    struct gw_lane *lane;
    struct gw_mqtt *mqtt;
    char topic[GW_MAX_DEVICE_NAME + 20]; /* of the state; empty: there is none */
    int64_t since_ms;
};

struct gw_lane_change; /* see lane_change.c */

struct gw_lane {
    struct gw_lane_config config;
    struct gw_loop *loop;
    struct gw_sparkplug_host *host;
    struct gw_signal_engine *engine;
    struct gw_lane_node **nodes; /* in the order of the registry's */
    size_t node_count;
    struct gw_arena arena; /* of the configuration's texts */
    /* In the order of the brokers; NULL: not yet, or it could not be made. */
    struct gw_lane_connection *connections[GW_LANE_MAX_BROKERS];
    struct gw_lane_primary *primaries[GW_LANE_MAX_BROKERS];
    struct gw_lane_change *change; /* NULL: none comes */
    bool is_resting;               /* for it: nothing is computed */
    bool is_primary;
    bool is_connected_once; /* the brokers are asked from then on */
    bool is_paused;
    size_t owed;            /* messages of QoS 1 and 2 that are not journaled */
    uint64_t owed_since_ns; /* that some were */
    bool is_stopping;
    bool keeps_sessions; /* of the brokers, while it stops */
    void (*stopped)(void *self);
    void *stopped_self;
    uint64_t stop_at_ns;
    bool is_replaying; /* of the journal: no rebirth is asked for */
    bool (*is_mine)(void *self, const struct gw_edge_node_config *node);
    void *is_mine_self;
    uint64_t rebirth_tokens; /* of the rate over all nodes */
    struct gw_arena json;    /* of the message that is read */
    struct gw_list dirty;
    struct gw_timer tick;
    struct gw_soon commit;    /* at the end of a turn, for all that came in it */
    uint64_t refusal_told_ns; /* when it was last logged that a question was refused; 0: never */
    struct gw_lane_stats stats;
};

/* --- lane.c --- */

/* Computes on the messages of one journal entry. */
void gw_lane_compute(struct gw_lane *lane, struct gw_lane_node *node, struct gw_str entry);
int64_t gw_lane_wall_ms(void); /* since 1970 */
void gw_lane_samples(struct gw_lane *lane, const struct gw_edge_node_config *node,
                     const struct gw_sample *samples, size_t count);
void gw_lane_quarantine(struct gw_lane *lane, enum gw_quarantine_reason reason, struct gw_str name,
                        struct gw_str detail);
/* What computes by this configuration's documents; 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_lane_make_computing(struct gw_lane *lane, const struct gw_lane_config *config,
                           struct gw_sparkplug_host **out_host,
                           struct gw_signal_engine **out_engine);
/* Its texts into the arena, and defaults for what is left out. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_lane_copy_config(struct gw_lane_config *config, struct gw_arena *arena);

/* --- lane_change.c --- */

/* None comes any more; `done` is not called. What waited for it is to be caught up with. */
void gw_lane_abandon_change(struct gw_lane *lane);

/* --- lane_brokers.c --- */

/* Once every node that should be ours is: then what our sessions at the brokers have kept has
 * somewhere to go. */
void gw_lane_connect_when_loaded(struct gw_lane *lane);
void gw_lane_disconnect(struct gw_lane *lane);
/* Which of the brokers is the same, but for its groups; GW_LANE_MAX_BROKERS: none. */
size_t gw_lane_find_broker(const struct gw_lane_config *config,
                           const struct gw_lane_broker *broker);
/* Connections of brokers that are as they were go on; `before` is the lane's last configuration. */
void gw_lane_change_brokers(struct gw_lane *lane, const struct gw_lane_config *before);
void gw_lane_subscribe(struct gw_lane *lane, const struct gw_lane_node *node, bool is_on);
void gw_lane_check_pressure(struct gw_lane *lane);
/* To the journal of an edge node. As gw_lane_feed(). `is_owed`: a broker waits to hear that it is
 * journaled. */
int gw_lane_take_for(struct gw_lane *lane, const struct gw_edge_node_config *config,
                     struct gw_str topic, struct gw_str payload, bool is_owed);
/* The same, for whom the topic names. */
int gw_lane_take(struct gw_lane *lane, struct gw_str topic, struct gw_str payload, bool is_owed);
/* So many of those that brokers wait for are journaled, or no longer ours. */
void gw_lane_settle(struct gw_lane *lane, size_t owed);
/* For how long has some broker of the node been connected? 0: none is. After a while what it had
 * kept for us has come. */
uint64_t gw_lane_hears_ns(const struct gw_lane *lane, const struct gw_lane_node *node);

/* --- lane_json.c --- */

/* What a broker sends that is not Sparkplug's. */
void gw_lane_json_take(struct gw_lane *lane, struct gw_str topic, struct gw_str payload,
                       bool is_retained, bool is_owed);
/* False: the topic in the journal is of another kind. */
bool gw_lane_json_compute(struct gw_lane *lane, const struct gw_edge_node_config *node,
                          struct gw_str topic, struct gw_str payload, int64_t arrival_ms);
/* Who is not registered is put aside. */
void gw_lane_json_watch(struct gw_lane *lane, struct gw_str topic);

/* --- lane_primary.c --- */

/* As gw_lane_change_brokers(). */
void gw_lane_change_primary(struct gw_lane *lane, const struct gw_lane_config *before);

/* --- lane_state.c --- */

/* A node's state as bytes. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_lane_state_save(const struct gw_sparkplug_host *host, const struct gw_signal_engine *engine,
                       const struct gw_edge_node_config *config, struct gw_buf *out);
/* What cannot be read begins anew, which is logged. */
void gw_lane_state_load(struct gw_sparkplug_host *host, struct gw_signal_engine *engine,
                        const struct gw_edge_node_config *config, struct gw_str bytes);
/* Checkpoints the node, where that is due and possible. */
void gw_lane_node_settle(struct gw_lane_node *node, uint64_t now_ns);

/* --- lane_node.c --- */

/* NULL without memory. */
GW_MUST_CHECK
struct gw_lane_node *gw_lane_node_create(struct gw_lane *lane,
                                         const struct gw_edge_node_config *config);
void gw_lane_node_destroy(struct gw_lane_node *node); /* NULL is safe */
/* Messages may have been missed. */
void gw_lane_node_doubt(struct gw_lane_node *node);
/* Takes a message in; false: it is not ours. */
bool gw_lane_node_take(struct gw_lane_node *node, struct gw_str topic, struct gw_str payload,
                       int64_t arrival_ms);
/* Begins an append of what is pending, where none is under way. */
void gw_lane_node_commit(struct gw_lane_node *node);
/* What is due: claims, checkpoints, releases, emissions. Every 100 ms. */
void gw_lane_node_tick(struct gw_lane_node *node, uint64_t now_ns);
/* Nothing is under way any more and nothing is left to do. */
bool gw_lane_node_is_idle(const struct gw_lane_node *node);
/* What was computed has come out, and outlives us. */
bool gw_lane_node_is_told(const struct gw_lane_node *node);
/* All that was computed is emitted and checkpointed; one that is dropped is another's. */
bool gw_lane_node_is_at_rest(const struct gw_lane_node *node);
/* Ours, or about to be: the lane has its state. */
bool gw_lane_node_has_state(const struct gw_lane_node *node);
/* Computes on what was journaled while the lane rested. */
void gw_lane_node_catch_up(struct gw_lane_node *node);
/* It is another's, from now on. */
void gw_lane_node_leave(struct gw_lane_node *node);

/* --- lane_emit.c --- */

void gw_lane_emit(struct gw_lane_node *node, const struct gw_signal_event *event);
/* Begins with the first emission, where none is under way. */
void gw_lane_emit_next(struct gw_lane_node *node);
void gw_lane_emit_finish(struct gw_lane_node *node);

/* --- lane_enrich.c --- */

/* The emission is new: does it ask for something? */
void gw_lane_enrich_begin(struct gw_lane_emission *emission, const struct gw_signal_event *event);
/* Asks for the node's next events, as far as that is due. */
void gw_lane_enrich_next(struct gw_lane_node *node);
/* The emission goes. */
void gw_lane_enrich_cancel(struct gw_lane_emission *emission);
