/* A JSON value that is built and passed on: what flows and connectors work with.
 *
 * Immutable once made, so that parts are shared freely; it and all it points to lie in one arena
 * (or are static) and go with it. Numbers keep their literal: of a long one nothing is lost. Text
 * is UTF-8. Members stand in the order in which they were given; of two of one name the last
 * counts, and only that one is kept.
 *
 * Values may be put into each other as deep as one likes, but what is deeper than
 * GW_VALUE_MAX_DEPTH is not written, copied or equal to anything. Pure but for the arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/json/reader.h"

struct gw_arena;
struct gw_buf;
struct gw_value_member;

#define GW_VALUE_MAX_DEPTH GW_JSON_DEPTH_CEILING /* of arrays and objects in each other */

struct gw_value {
    enum gw_json_type type;
    uint32_t count; /* of elements or members */
    union {
        struct gw_str text; /* a string (decoded), a number (its literal) */
        const struct gw_value *items;
        const struct gw_value_member *members;
    };
};

struct gw_value_member {
    struct gw_str name;
    struct gw_value value;
};

/* --- making ----------------------------------------------------------------------------------- */

static inline struct gw_value gw_value_null(void)
{
    return (struct gw_value){.type = GW_JSON_NULL};
}

static inline struct gw_value gw_value_bool(bool value)
{
    return (struct gw_value){.type = value ? GW_JSON_TRUE : GW_JSON_FALSE};
}

/* Borrows the text. */
static inline struct gw_value gw_value_string(struct gw_str text)
{
    return (struct gw_value){.type = GW_JSON_STRING, .text = text};
}

/* Borrows the literal, which must be a number as JSON writes it. */
static inline struct gw_value gw_value_number(struct gw_str literal)
{
    return (struct gw_value){.type = GW_JSON_NUMBER, .text = literal};
}

GW_MUST_CHECK
int gw_value_integer(struct gw_arena *arena, int64_t number, struct gw_value *out_value);

/* Borrow the array. */
static inline struct gw_value gw_value_array(const struct gw_value *items, size_t count)
{
    return (struct gw_value){.type = GW_JSON_ARRAY, .count = (uint32_t)count, .items = items};
}

static inline struct gw_value gw_value_object(const struct gw_value_member *members, size_t count)
{
    return (struct gw_value){.type = GW_JSON_OBJECT, .count = (uint32_t)count, .members = members};
}

/* Grows an array or an object in an arena. Zero it and set the arena. */
struct gw_value_builder {
    struct gw_arena *arena;
    struct gw_value *items;          /* of an array */
    struct gw_value_member *members; /* of an object */
    size_t count, capacity;
    uint32_t *table; /* of many members: where a name is */
    size_t table_size;
};

/* 0 or -ENOMEM. One builder takes only the one or only the other. A name that is there already is
 * given the new value in its old place. */
GW_MUST_CHECK
int gw_value_add_item(struct gw_value_builder *builder, struct gw_value item);
GW_MUST_CHECK
int gw_value_add_member(struct gw_value_builder *builder, struct gw_str name,
                        struct gw_value value);
struct gw_value gw_value_built_array(const struct gw_value_builder *builder);
struct gw_value gw_value_built_object(const struct gw_value_builder *builder);

/* --- text ------------------------------------------------------------------------------------- */

/* The value at `at` of a tape whose text outlives the arena's use. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_value_from_tape(struct gw_arena *arena, const struct gw_json_tape *tape, uint32_t at,
                       struct gw_value *out_value);

/* Reads one JSON text, which must outlive the value. Errors are those of gw_json_read(). */
GW_MUST_CHECK
int gw_value_read(struct gw_arena *arena, struct gw_str text, const struct gw_json_limits *limits,
                  struct gw_value *out_value, struct gw_json_error *out_error);

/* Appends compact JSON; failure (of memory, or of depth) is the buffer's (see core/buf.h). */
void gw_value_write(struct gw_buf *buf, const struct gw_value *value);

/* Whether there is more to it than about so many bytes of text. Stops looking there. */
bool gw_value_is_longer(const struct gw_value *value, size_t bytes);

/* --- looking ---------------------------------------------------------------------------------- */

/* The member of that name; NULL: there is none, or `value` is NULL or no object. */
const struct gw_value *gw_value_member(const struct gw_value *value, struct gw_str name);

/* The text of the member of that name; empty (ptr NULL) where it is no string. */
struct gw_str gw_value_member_text(const struct gw_value *value, struct gw_str name);

/* Numbers by value (1.0 is 1), objects whatever their order. */
bool gw_value_equal(const struct gw_value *a, const struct gw_value *b);

/* A deep copy that borrows nothing. 0 or -ENOMEM (also when it is too deep). */
GW_MUST_CHECK
int gw_value_copy(struct gw_arena *arena, const struct gw_value *value, struct gw_value *out_copy);
