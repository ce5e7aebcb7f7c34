/* What values.c, values_write.c and values_history.c share. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/core/list.h"
#include "server/iot/history_pool.h"
#include "server/iot/values.h"
#include "server/net/loop.h"

#define GW_VALUES_MAX_TEXT 256 /* bytes of a last value; longer ones are cut */
#define GW_VALUES_SLICE 128    /* series, or devices, of one script: Redis has others to serve */

/* A node that was released, and not claimed since, is still the last owner's. */
#define GW_VALUES_CHECK_OWNER                                 \
    "local owner = redis.call('HGET', KEYS[1], 'instance')\n" \
    "if owner and owner ~= ARGV[1] then return 0 end\n"

struct value_slot { /* of a series: what it costs, with its share of devices and nodes */
    int64_t time_ms;
    union {
        int64_t integer; /* the bits of any other but a text */
        char *text;
    };
    uint32_t next_dirty; /* series of the same node */
    uint16_t text_len;
    uint8_t type, quality;
    bool is_known, is_dirty;
};

struct values_device {
    int64_t since_ms, seen_ms;
    uint32_t next_dirty;
    uint8_t state;
    bool has_state, is_dirty;
};

struct history_series {
    struct gw_history_chain chain;
    uint32_t next_listed; /* series of the same node */
    bool is_listed;
};

/* The first of each; the others follow by their numbers. GW_SERIES_NONE: none. */
struct values_lists {
    uint32_t series, device, history;
};

struct values_node {
    const struct gw_edge_node_config *config;
    struct gw_list dirty;                   /* in the list of those that have something to write */
    struct values_lists marked;             /* since the last pass began */
    struct values_lists pass;               /* what the one under way has still to write */
    uint64_t values_due_ns, history_due_ns; /* when the next pass takes them */
    bool is_doubtful;                       /* a write has failed */
};

struct gw_iot_values {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_registry *registry;
    char *instance;
    uint32_t history_samples;
    struct value_slot *slots;
    struct values_device *devices;
    struct values_node *nodes;
    struct history_series *histories; /* NULL: none are kept */
    struct gw_history_pool *pool;
    struct gw_list dirty, writes;
    struct values_node *writing; /* whose pass is under way */
    size_t under_way;            /* scripts */
    struct gw_timer tick;
    struct gw_buf text;
    size_t text_bytes;
    struct gw_iot_values_counts counts;
};

/* --- values.c --- */

void gw_values_drop_text(struct gw_iot_values *values, struct value_slot *slot);
void gw_values_reset_node(struct values_node *node, const struct gw_edge_node_config *config);
void gw_values_mark_series(struct gw_iot_values *values, struct values_node *node, uint32_t series);
void gw_values_mark_device(struct gw_iot_values *values, struct values_node *node, uint32_t device);

/* --- values_write.c --- */

/* It has something to write. */
void gw_values_mark(struct gw_iot_values *values, struct values_node *node);
void gw_values_begin_writing(struct gw_iot_values *values);
/* All that the node has, at once. */
void gw_values_write_node(struct gw_iot_values *values, struct values_node *node);
void gw_values_write_all(struct gw_iot_values *values);
/* For whoever sent a script; `node` may have been left since. */
void gw_values_written(struct gw_iot_values *values, int rc);

/* --- values_history.c --- */

void gw_values_keep_history(struct gw_iot_values *values, struct values_node *node,
                            const struct gw_sample *sample);
/* One script of what the pass has still to write. False: it could not be sent, and stays. */
GW_MUST_CHECK
bool gw_values_write_history(struct gw_iot_values *values, struct values_node *node);
void gw_values_drop_history(struct gw_iot_values *values, const struct values_node *node);
