/* Values from texts: a tape of server/json/reader.h built piece by piece.
 *
 * What came as text (a parameter, a form field) becomes a value that a schema can judge, without
 * writing JSON first. Errors are sticky. Tokens point into the texts given, which must outlive the
 * tape. Pure but for the arena. */
#pragma once

#include <stdbool.h>

#include "server/contract/shape.h"
#include "server/core/attr.h"
#include "server/json/reader.h"

struct gw_arena;

struct gw_value_tape {
    struct gw_arena *arena;
    bool prefers_strings; /* read as a string whatever may be one: the second attempt */
    bool is_ambiguous;    /* something was read as another type, but may be a string as well */
    int error;            /* 0, or the first failure */
    struct gw_str text;   /* of the small number in the tape, if there is one */
    struct gw_json_token *tokens;
    uint32_t count, capacity;
    struct gw_json_token few[4];
};

void gw_value_tape_init(struct gw_value_tape *tape, struct gw_arena *arena, bool prefers_strings);

/* Notes a failure. */
void gw_value_tape_fail(struct gw_value_tape *tape, int error);

/* One scalar, read as one of `types` (see gw_shape). What reads as none of them becomes a string,
 * which the schema then refuses. */
void gw_value_tape_add_text(struct gw_value_tape *tape, struct gw_str text, unsigned types);
void gw_value_tape_add_string(struct gw_value_tape *tape, struct gw_str text);
void gw_value_tape_add_name(struct gw_value_tape *tape, struct gw_str name);

/* Another tape's value, copied. */
void gw_value_tape_add_tape(struct gw_value_tape *tape, const struct gw_json_tape *value);

/* An array or object around what is added until it is closed. */
uint32_t gw_value_tape_open(struct gw_value_tape *tape, enum gw_json_type type);
void gw_value_tape_close(struct gw_value_tape *tape, uint32_t opened, uint32_t count);

/* 0 and the tape, or the first failure. */
GW_MUST_CHECK
int gw_value_tape_finish(const struct gw_value_tape *tape, struct gw_json_tape *out_tape);
