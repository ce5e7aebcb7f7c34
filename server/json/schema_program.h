/* The compiled form of schemas. Private to schema_*.c and validate_*.c.
 *
 * A node is one subschema. Its keywords are grouped by the type of value they look at, so that a
 * value meets only what concerns it: a node without the part for its type costs a comparison. All
 * is immutable once the set is finished, and lies in the set's arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/json/format.h"
#include "server/json/number.h"
#include "server/json/pattern.h"
#include "server/json/reader.h"
#include "server/json/reader_scan.h"
#include "server/json/schema.h"

#define NODE_TYPES_ALL 0x7fu /* 1 << enum gw_json_type */
#define NODE_NONE UINT32_MAX

enum node_flag {
    NODE_INTEGER = 1,     /* of numbers only integers */
    NODE_NEVER = 2,       /* `false` */
    NODE_SECRET = 4,      /* writeOnly or format: password: its value is not told */
    NODE_READ_ONLY = 8,   /* OpenAPI only */
    NODE_WRITE_ONLY = 16, /* OpenAPI only */
    NODE_TRACKS = 32,     /* has unevaluatedProperties or unevaluatedItems */
    NODE_HAS_TYPE = 64,   /* `type` stands in the schema */
    NODE_NULLABLE = 128,  /* while compiling: OpenAPI 3.0 */
};

struct node_location {
    struct gw_str text; /* "uri#/pointer", for people */
    uint32_t pointer;   /* offset of the pointer in it */
};

/* One `minimum` or the like. */
struct bound {
    struct gw_decimal value;
    struct gw_str literal;
    int64_t small; /* valid with is_small: value = small / 10^scale */
    uint8_t scale;
    bool is_set;
    bool is_small;
};

enum number_format { NUMBER_ANY, NUMBER_INT32, NUMBER_INT64, NUMBER_FLOAT, NUMBER_DOUBLE };

#define RANGE_SCALES 4 /* small numbers with up to three digits behind the point */

struct number_part {
    /* A small number of scale s is in range exactly if lowest[s] <= small <= highest[s]. Where that
     * cannot be said, lowest[s] > highest[s] and the bounds below decide. */
    int64_t lowest[RANGE_SCALES], highest[RANGE_SCALES];
    struct bound minimum, maximum, exclusive_minimum, exclusive_maximum;
    bool has_divisor, is_divisor_small;
    struct gw_divisor divisor;
    struct bound multiple_of; /* the literal, and small when it is */
    enum number_format format;
    /* OpenAPI 3.0: the bounds are exclusive */
    bool is_minimum_exclusive, is_maximum_exclusive;
};

struct string_part {
    uint64_t min_length, max_length; /* in code points */
    const struct gw_pattern *pattern;
    struct gw_str pattern_text;
    gw_format_fn *format;
    struct gw_str format_name;
};

struct array_part {
    struct schema_node **prefix;
    struct schema_node *items;
    struct schema_node *contains;
    struct schema_node *unevaluated;
    uint64_t min_items, max_items, min_contains, max_contains;
    uint32_t prefix_count;
    bool is_unique;
};

/* A name that the schema mentions: in properties, required or the dependent keywords. */
struct property {
    uint64_t key;            /* how the token of its name starts: type, flags, hash, length */
    struct reader_ends ends; /* of the name: mostly they tell whether it is the one */
    struct gw_str name;
    struct schema_node *node; /* NULL: not in `properties` */
    uint8_t free;  /* the node's; all types where there is no node and nothing else to hold to */
    uint8_t place; /* its bit in its word of a set */
    uint16_t hash;
    bool is_read_only, is_write_only;
};

struct dependency {
    uint32_t trigger;         /* index of the property that causes it */
    uint32_t count;           /* dependentRequired */
    uint32_t *required;       /* indexes of properties */
    struct schema_node *node; /* dependentSchemas */
    const char *keyword;
};

struct pattern_property {
    const struct gw_pattern *pattern;
    struct gw_str text;
    struct schema_node *node;
};

struct object_part {
    /* open addressing by the hash that the reader keeps with each name; 0 is free, else index + 1
     */
    uint16_t *slots;
    uint32_t slot_mask;
    uint32_t property_count;
    uint32_t words; /* 64-bit words of a set of properties */
    struct property *properties;
    uint64_t *required;          /* sets of properties, by direction: */
    uint64_t *required_request;  /* without the readOnly ones */
    uint64_t *required_response; /* without the writeOnly ones */
    struct dependency *dependencies;
    struct pattern_property *patterns;
    struct schema_node *additional; /* NULL: anything */
    struct schema_node *names;
    struct schema_node *unevaluated;
    uint64_t min_properties, max_properties;
    uint32_t dependency_count, pattern_count, dependency_capacity, required_count;
    uint32_t property_capacity;
    bool has_directions; /* some property is readOnly or writeOnly */
    bool is_simple; /* properties, required, additionalProperties and counts, all in one word */
};

struct node_list {
    struct schema_node **nodes;
    uint32_t count;
};

struct discriminator_case {
    struct gw_str value;
    struct schema_node *node;
};

struct discriminator {
    struct gw_str property;
    struct discriminator_case *cases;
    uint32_t count;
};

/* Whatever looks at values of every type. */
struct rest_part {
    struct gw_json_tape values; /* `enum`, or `const` as an array of one */
    struct gw_json_tape only;   /* `const` beside `enum` */
    struct schema_node *ref;
    struct schema_node *dynamic; /* where $dynamicRef leads without a dynamic scope */
    uint32_t dynamic_anchor;     /* id of its name, or NODE_NONE */
    struct node_list all_of, any_of, one_of;
    struct schema_node *not_node, *if_node, *then_node, *else_node;
    struct discriminator *discriminator;
    bool has_values, has_only, is_const;
    bool are_strings, are_simple; /* the values: all strings; all strings or small numbers */
    /* When not NULL: of strings and numbers, exactly those in this array satisfy the whole rest.
     * Its strings have hashes, its numbers are small. */
    const struct gw_json_tape *list;
};

struct schema_node {
    uint8_t types;  /* 1 << enum gw_json_type */
    uint8_t flags;  /* enum node_flag */
    uint8_t colour; /* while compiling */
    bool is_quick;  /* a quick check may decide: no secret, nothing beside the part for the type */
    bool is_direct; /* likewise, and the part for arrays or objects is all that concerns them */
    uint8_t
        quick; /* 1 << enum gw_json_type: strings and numbers that eval_quick_scalar may decide */
    uint8_t number_flags; /* enum gw_json_flag: what it asks of a number for that */
    uint8_t accepts;      /* 1 << enum gw_json_type: values of other types are never valid */
    uint8_t free;         /* likewise: every value of these types is valid, and none is a secret */
    uint32_t resource;    /* for $dynamicRef */
    /* By type of the value: the node that alone decides about it, which may be this one. NULL: it
     * is always this one. */
    struct schema_node **sole;
    struct string_part *string;
    struct number_part *number;
    struct array_part *array;
    struct object_part *object;
    struct rest_part *rest;
    const struct node_location *location;
};

/* A $dynamicAnchor: in the resource, the name stands for the node. */
struct dynamic_anchor {
    uint32_t resource;
    uint32_t name;
    struct schema_node *node;
};

struct gw_schema_set {
    struct gw_arena arena;
    struct gw_arena locations; /* apart: only reports read them */
    struct schema_node **entries;
    size_t entry_count;
    struct schema_node **nodes; /* all of them */
    size_t node_count;
    struct dynamic_anchor *anchors;
    size_t anchor_count;
    bool has_dynamic;             /* the dynamic scope must be kept */
    struct gw_pattern **patterns; /* owned */
    size_t pattern_count;
};

/* Equality of names, which are short: no call up to 16 bytes. */
static inline bool schema_same_name(const char *a, const char *b, size_t len)
{
    if (len > 16)
        return memcmp(a, b, len) == 0;
    if (len >= 8)
        return reader_load(a, 8) == reader_load(b, 8) &&
               reader_load(a + len - 8, 8) == reader_load(b + len - 8, 8);
    return reader_load(a, len) == reader_load(b, len);
}

/* Of a token: all but where its text is. */
READER_INLINE uint64_t schema_token_key(const struct gw_json_token *token)
{
    uint64_t key;
    __builtin_memcpy(&key, token, sizeof(key));
    return key;
}

/* The part of a text at which 16 bytes may be read. */
static inline struct gw_str schema_open_part(struct gw_str text)
{
    return gw_str_from(text.ptr, text.len >= 16 ? text.len - 15 : 0);
}

/* `open` is the open part of the text that the name mostly lies in. */
READER_INLINE bool schema_is_property(const struct property *property,
                                      const struct gw_json_token *name, struct gw_str open)
{
    if (property->key != schema_token_key(name))
        return false;
    if (GW_UNLIKELY(name->len > 16))
        return memcmp(property->name.ptr, name->ptr, name->len) == 0;
#if defined(__SSE2__)
    if (GW_LIKELY((size_t)((uintptr_t)name->ptr - (uintptr_t)open.ptr) < open.len)) {
        __m128i wanted = _mm_loadu_si128((const __m128i *)(const void *)&property->ends);
        __m128i same = _mm_cmpeq_epi8(wanted, reader_first(name->ptr, name->len));
        return _mm_movemask_epi8(same) == 0xffff;
    }
#else
    (void)open;
#endif
    struct reader_ends ends = reader_ends_of(name->ptr, name->len);
    return property->ends.head == ends.head && property->ends.tail == ends.tail;
}

/* The index of the name among the part's properties, or NODE_NONE. */
static inline uint32_t object_part_find(const struct object_part *part,
                                        const struct gw_json_token *name, struct gw_str open)
{
    if (part->slots == NULL)
        return NODE_NONE;
    for (uint32_t slot = name->hash & part->slot_mask; part->slots[slot] != 0;
         slot = (slot + 1) & part->slot_mask) {
        if (schema_is_property(&part->properties[part->slots[slot] - 1u], name, open))
            return part->slots[slot] - 1u;
    }
    return NODE_NONE;
}
