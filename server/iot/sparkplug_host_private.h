/* What the files of the Sparkplug host share: a node's session and its parts. */
#pragma once

#include "server/core/arena.h"
#include "server/iot/sparkplug_host.h"

#define GW_SPARKPLUG_MAX_ALIASES 100000             /* of one node */
#define GW_SPARKPLUG_MAX_HELD_BYTES (2u << 20)      /* kept back for one node */
#define GW_SPARKPLUG_MAX_ALL_HELD_BYTES (64u << 20) /* and for all */
#define GW_SPARKPLUG_BATCH 512                      /* samples told at once */
#define GW_SPARKPLUG_MAX_NAME 512                   /* bytes of a metric's whole name */

/* What an alias stands for: a metric, or the beginning of its name for a dataset or template. */
struct gw_sparkplug_alias {
    uint64_t alias;
    uint32_t device;     /* in the registry */
    uint32_t generation; /* of the device's births; another one: outdated */
    uint16_t metric;     /* of its type, from 1 on; 0: not registered, or ambiguous */
    uint16_t prefix_len; /* of the metric's source; 0: the metric itself */
    bool is_used, is_ambiguous;
};

struct gw_sparkplug_aliases {
    struct gw_sparkplug_alias *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;    /* used entries, outdated ones too */
};

struct gw_sparkplug_device {
    uint8_t state;       /* enum gw_device_state, as it was told */
    bool is_born;        /* in this session of its node */
    bool is_certain;     /* nothing was missed since its birth */
    uint32_t generation; /* of births */
};

/* A message as it is put in order. What it points to is the caller's. */
struct gw_sparkplug_message {
    enum gw_sparkplug_kind kind;
    struct gw_str device, bytes;
    int64_t arrival_ms, time_ms;
    bool has_time;
    uint8_t seq;
};

struct gw_sparkplug_held; /* a message that is kept back */

struct gw_sparkplug_node {
    const struct gw_edge_node_config *config;
    const struct gw_device_config *own; /* its own metrics; NULL: not registered */

    bool has_session;        /* born, and no death since */
    bool has_birth;          /* birth_ms and bd_seq are of its last birth */
    bool is_seq_unknown;     /* the next message's is the right one */
    bool is_dead;            /* death_ms and dead_bd_seq are of its last death */
    bool is_death_explained; /* it ended a session that was seen */
    bool needs_rebirth;
    bool has_doubtful_birth;
    uint8_t expected; /* seq of the next message */
    int64_t bd_seq;   /* -1: the birth had none */
    int64_t birth_ms; /* by the node's clock */
    int64_t
        last_ms; /* the greatest of this session that is none of the future, by the node's clock */
    int64_t dead_bd_seq, death_ms; /* by the node's clock */
    int64_t ahead_ms; /* how far its clock was ahead of ours when its last message came; else 0 */
    int64_t doubtful_birth_ms;
    int64_t reborn_by_ms; /* until when its devices should be back; 0: all are */
    int64_t next_rebirth_ms;
    uint64_t rebirth_wait_ms;
    int64_t seen_ms[256]; /* by seq: the time of the message that had it; INT64_MIN: none */

    struct gw_sparkplug_held *held; /* by arrival */
    uint32_t held_count;
    size_t held_bytes;
    int64_t waiting_since_ms; /* with held messages: since when nothing went on */

    struct gw_sparkplug_aliases aliases;
};

struct gw_sparkplug_host {
    struct gw_registry *registry;
    struct gw_sparkplug_host_limits limits;
    struct gw_sparkplug_host_events events;
    struct gw_sparkplug_host_counts counts;
    struct gw_sparkplug_node *nodes;     /* by index */
    struct gw_sparkplug_device *devices; /* by index */
    uint8_t *types;             /* by series: enum gw_sparkplug_type of its birth; 0: not in it */
    struct gw_arena arena;      /* of the message that arrives */
    struct gw_arena held_arena; /* of one that was kept back */
    struct gw_sample batch[GW_SPARKPLUG_BATCH];
    size_t batch_count;
};

/* --- sparkplug_host.c --- */
struct gw_sparkplug_node *gw_sparkplug_node_of(struct gw_sparkplug_host *host,
                                               const struct gw_edge_node_config *config);
GW_COLD void gw_sparkplug_quarantine(struct gw_sparkplug_host *host,
                                     const struct gw_sparkplug_node *node,
                                     enum gw_quarantine_reason reason, struct gw_str device,
                                     struct gw_str metric, const char *detail);
GW_COLD void gw_sparkplug_ask_rebirth(struct gw_sparkplug_host *host,
                                      struct gw_sparkplug_node *node, const char *why,
                                      int64_t now_ms);

/* --- sparkplug_session.c: births and deaths --- */
/* It has a time, which does not lie in the future. */
bool gw_sparkplug_is_believable(const struct gw_sparkplug_host *host,
                                const struct gw_sparkplug_message *message);
/* What its clock says at a moment of ours, going by its last message. */
int64_t gw_sparkplug_node_ms(const struct gw_sparkplug_node *node, int64_t our_ms);
void gw_sparkplug_take_birth(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                             const struct gw_sparkplug_message *message,
                             const struct gw_sparkplug_payload *payload);
void gw_sparkplug_take_death(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                             const struct gw_sparkplug_message *message,
                             const struct gw_sparkplug_payload *payload);
/* One whose turn it is. */
void gw_sparkplug_take(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                       const struct gw_sparkplug_message *message,
                       const struct gw_sparkplug_payload *payload);
/* A message is missing: what is known by aliases may be outdated. */
void gw_sparkplug_lose_certainty(struct gw_sparkplug_host *host,
                                 const struct gw_sparkplug_node *node);
void gw_sparkplug_set_state(struct gw_sparkplug_host *host, const struct gw_sparkplug_node *node,
                            const struct gw_device_config *device, enum gw_device_state state,
                            int64_t time_ms);
/* Devices that did not come back in time are gone. */
void gw_sparkplug_miss_devices(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node);

/* --- sparkplug_order.c --- */
void gw_sparkplug_order(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        const struct gw_sparkplug_message *message,
                        const struct gw_sparkplug_payload *payload);
/* What was kept back goes on as far as its turn has come. */
void gw_sparkplug_drain(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        int64_t now_ms);
/* All that is kept back has its turn now, but for what belongs to the session that `birth` begins;
 * NULL: all. */
void gw_sparkplug_flush(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                        const struct gw_sparkplug_message *birth);
/* Waited long enough. */
void gw_sparkplug_give_up_gap(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                              int64_t now_ms);
/* Puts a copy behind the others. -ENOMEM. */
GW_MUST_CHECK
int gw_sparkplug_hold(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                      const struct gw_sparkplug_message *message);
void gw_sparkplug_drop_held(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node);
/* The held ones in order of arrival: the first after NULL; NULL at the end. */
struct gw_sparkplug_held *gw_sparkplug_next_held(const struct gw_sparkplug_node *node,
                                                 const struct gw_sparkplug_held *held,
                                                 struct gw_sparkplug_message *out_message);

/* --- sparkplug_alias.c --- */
void gw_sparkplug_aliases_clear(struct gw_sparkplug_aliases *aliases);
const struct gw_sparkplug_alias *gw_sparkplug_alias_find(const struct gw_sparkplug_host *host,
                                                         const struct gw_sparkplug_node *node,
                                                         uint64_t alias);
/* 0; -EEXIST: it stands for another metric, too, and for none from now on; -ENOSPC, -ENOMEM. */
GW_MUST_CHECK
int gw_sparkplug_alias_add(const struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                           const struct gw_sparkplug_alias *alias);

/* --- sparkplug_sample.c --- */
/* What the birth of a device says of its metrics, and their values. */
void gw_sparkplug_take_birth_metrics(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                                     const struct gw_device_config *device,
                                     const struct gw_sparkplug_message *message,
                                     const struct gw_sparkplug_payload *payload);
void gw_sparkplug_take_values(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                              const struct gw_device_config *device,
                              const struct gw_sparkplug_message *message,
                              const struct gw_sparkplug_payload *payload);
/* For each series that the device's birth had. */
void gw_sparkplug_mark_stale(struct gw_sparkplug_host *host, const struct gw_sparkplug_node *node,
                             const struct gw_device_config *device, int64_t time_ms);

/* --- sparkplug_save.c --- */
void gw_sparkplug_node_reset(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node);
