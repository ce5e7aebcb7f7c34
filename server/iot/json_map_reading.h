/* A message while it is read, shared by the two files that do it. Not for others. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/json_map_private.h"
#include "server/json/reader.h"

struct gw_json_reading {
    const struct gw_registry *registry;
    const struct gw_json_message *message;
    const struct gw_json_sink *sink;
    struct gw_arena *arena;
    struct gw_json_tape tape;
    struct gw_json_place place;
    bool is_located; /* `place` is whole */
    struct gw_json_read *out;
    size_t capacity;
    size_t value_count; /* also of those that are put aside */
    size_t aside_count;
    /* --- of the part that is read: all, or one of `each` --- */
    const struct gw_device_config *device; /* NULL: not known yet */
    uint32_t *claimed;                     /* tokens that members of objects are not */
    size_t claimed_count;
    bool has_found; /* something that the mapping names */
};

/* Of a value, or of those around it that have none of their own. */
struct gw_json_stamp {
    int64_t time_ms;
    bool has_time; /* by the payload, not by its arrival */
    enum gw_quality quality;
};

/* --- json_map_take.c --- */

/* By a name. `at`: the token that it is about, or GW_JSON_NONE. */
GW_PRINTF(5, 6)
void gw_json_set_aside(struct gw_json_reading *reading, enum gw_quarantine_reason reason,
                       struct gw_str name, uint32_t at, const char *format, ...);
/* By the device or edge node, as far as they are known; else by the topic. */
GW_PRINTF(4, 5)
void gw_json_set_aside_message(struct gw_json_reading *reading, enum gw_quarantine_reason reason,
                               uint32_t at, const char *format, ...);
/* What snprintf() has written. */
struct gw_str gw_json_text_of(char *buffer, size_t size, int len);

/* Counts one value, or something put aside; true: there is no room for it. */
bool gw_json_is_full(struct gw_json_reading *reading);
/* The time and quality at these pointers, where there are any. False: something is there, and is
 * none; it was told. */
bool gw_json_read_stamp(struct gw_json_reading *reading, uint32_t root, struct gw_str time,
                        struct gw_str quality, struct gw_json_stamp *stamp);
void gw_json_take_value(struct gw_json_reading *reading, struct gw_str source, uint32_t at,
                        const struct gw_json_stamp *stamp);
void gw_json_take_object(struct gw_json_reading *reading, const struct gw_json_members *members,
                         uint32_t root, const struct gw_json_stamp *stamp);
void gw_json_take_list(struct gw_json_reading *reading, const struct gw_json_entries *entries,
                       uint32_t root, const struct gw_json_stamp *stamp);
