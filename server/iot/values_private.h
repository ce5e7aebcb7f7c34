/* What values.c and values_history.c share. Not for others. */
#pragma once

#include "server/core/buf.h"
#include "server/core/list.h"
#include "server/iot/values.h"
#include "server/net/loop.h"

#define GW_VALUES_MAX_TEXT 256 /* bytes of a last value; longer ones are cut */
#define GW_VALUES_BATCH 1000   /* series of one script */

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

struct history_record {
    uint32_t series, order;
    char bytes[GW_HISTORY_RECORD_BYTES];
};

struct values_node {
    const struct gw_edge_node_config *config;
    struct gw_list dirty;
    uint32_t first_dirty, first_device; /* GW_SERIES_NONE: none */
    unsigned writes;                    /* under way */
    bool is_doubtful;                   /* one has failed */
    struct history_record *records;
    size_t record_count, record_capacity;
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
    struct gw_list dirty, writes;
    struct gw_timer tick;
    unsigned ticks;
    struct gw_buf text;
    size_t text_bytes, record_bytes;
    struct gw_iot_values_counts counts;
};

/* --- values.c --- */

void gw_values_drop_text(struct gw_iot_values *values, struct value_slot *slot);

/* --- values_history.c --- */

void gw_values_keep_history(struct gw_iot_values *values, struct values_node *node,
                            const struct gw_sample *sample);
void gw_values_write_history(struct gw_iot_values *values, struct values_node *node);
void gw_values_drop_history(struct gw_iot_values *values, struct values_node *node);
