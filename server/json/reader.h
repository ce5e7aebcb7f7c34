/* JSON text (RFC 8259) to a flat tape of tokens.
 *
 * No tree and no copies: tokens lie in one array, in the order of the text, and strings without
 * escapes point into the text, which therefore must outlive the tape. A string with escapes is
 * decoded once, into the arena. Numbers keep their literal; short ones are decoded as well. A
 * value's end is found by its `next`, so a reader can skip whatever it does not want.
 *
 * Strict: one value, UTF-8 only, no byte order mark, no lone surrogates. Accepted but flagged:
 * duplicate names. An exponent of 10^18 or more is refused (section 9 lets us), so that whatever
 * is accepted can be compared exactly.
 *
 * Pure but for the arena; a finished tape may be read by any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena;

enum gw_json_type {
    GW_JSON_NULL,
    GW_JSON_FALSE,
    GW_JSON_TRUE,
    GW_JSON_NUMBER,
    GW_JSON_STRING,
    GW_JSON_ARRAY,
    GW_JSON_OBJECT,
};

enum gw_json_flag {
    GW_JSON_SMALL = 1,      /* number: is `small` / 10^scale exactly */
    GW_JSON_INTEGER = 2,    /* number: the literal has neither fraction nor exponent */
    GW_JSON_NAME = 4,       /* string: is the name of a member; `hash` is set */
    GW_JSON_DUPLICATES = 8, /* object: at least one name stands twice */
};

/* 16 bytes. Use the functions below rather than the members. */
struct gw_json_token {
    uint8_t type;  /* enum gw_json_type */
    uint8_t flags; /* enum gw_json_flag */
    union {
        uint16_t hash; /* of a name */
        struct {
            uint8_t len;   /* of a small number's literal */
            uint8_t scale; /* its digits behind the point */
        } literal;
    };
    uint32_t len; /* string, other number: bytes. Small number, array, object: offset in the text */
    union {
        const char *ptr; /* string (decoded), number that is not small (literal) */
        int64_t small;
        struct {
            uint32_t count; /* members or elements */
            uint32_t next;  /* index of the token behind the last of this value */
        } inside;
    };
};

/* Token 0 is the value. A member is two values: its name and its value. */
struct gw_json_tape {
    struct gw_str text;
    const struct gw_json_token *tokens;
    uint32_t count;
    bool has_duplicates; /* some object is flagged GW_JSON_DUPLICATES */
};

struct gw_json_limits {
    size_t max_bytes;   /* of the text; at most 2^31 */
    uint32_t max_depth; /* of arrays and objects in each other; at most GW_JSON_DEPTH_CEILING */
};

#define GW_JSON_DEPTH_CEILING 512
#define GW_JSON_LIMITS_DEFAULT ((struct gw_json_limits){.max_bytes = 64u << 20, .max_depth = 128})

struct gw_json_error {
    size_t byte;    /* offset of the first byte that is wrong; the text's length at an early end */
    size_t line;    /* from 1 */
    size_t column;  /* from 1, in code points */
    char text[120]; /* a sentence without the place and without a full stop */
};

/* Reads one JSON text. `limits` may be NULL (the default ones). Returns 0; -EINVAL (no JSON:
 * *out_error says what and where), -EMSGSIZE (a limit, *out_error too), or -ENOMEM (the arena's
 * ceiling). */
GW_MUST_CHECK
int gw_json_read(struct gw_arena *arena, struct gw_str text, const struct gw_json_limits *limits,
                 struct gw_json_tape *out_tape, struct gw_json_error *out_error);

/* The same, by the path without SSE2: same results, for tests and other machines. */
GW_MUST_CHECK
int gw_json_read_portable(struct gw_arena *arena, struct gw_str text,
                          const struct gw_json_limits *limits, struct gw_json_tape *out_tape,
                          struct gw_json_error *out_error);

/* A tape of one scalar, so that a parameter is validated as a value is. The token is written to the
 * caller's `out_token`, which like `text` must outlive the tape. */
struct gw_json_tape gw_json_tape_of_string(struct gw_str text, struct gw_json_token *out_token);
struct gw_json_tape gw_json_tape_of_bool(bool value, struct gw_json_token *out_token);
struct gw_json_tape gw_json_tape_of_null(struct gw_json_token *out_token);

/* Returns 0, or -EINVAL if `text` is not exactly one number as JSON writes it. */
GW_MUST_CHECK
int gw_json_tape_of_number(struct gw_str text, struct gw_json_token *out_token,
                           struct gw_json_tape *out_tape);

/* --- walking ---------------------------------------------------------------------------------- */

#define GW_JSON_NONE UINT32_MAX /* no such token */

static inline enum gw_json_type gw_json_type(const struct gw_json_tape *tape, uint32_t at)
{
    return (enum gw_json_type)tape->tokens[at].type;
}

/* The token behind the value at `at`. */
static inline uint32_t gw_json_next(const struct gw_json_tape *tape, uint32_t at)
{
    const struct gw_json_token *token = &tape->tokens[at];
    return token->type >= GW_JSON_ARRAY ? token->inside.next : at + 1;
}

/* Members of an object or elements of an array; 0 for anything else. */
static inline uint32_t gw_json_count(const struct gw_json_tape *tape, uint32_t at)
{
    const struct gw_json_token *token = &tape->tokens[at];
    return token->type >= GW_JSON_ARRAY ? token->inside.count : 0;
}

/* The string at `at`, decoded; it may contain NUL. */
static inline struct gw_str gw_json_string(const struct gw_json_tape *tape, uint32_t at)
{
    return gw_str_from(tape->tokens[at].ptr, tape->tokens[at].len);
}

/* The literal of the number at `at`. */
struct gw_str gw_json_number(const struct gw_json_tape *tape, uint32_t at);

/* A scalar as text: a string as it is, a number or a boolean as written. 0, -ENOENT (null), or
 * -EINVAL (an array or an object). */
GW_MUST_CHECK
int gw_json_scalar_text(const struct gw_json_tape *tape, uint32_t at, struct gw_str *out_text);

/* The number at `at` if its value is an integer that fits. */
bool gw_json_to_i64(const struct gw_json_tape *tape, uint32_t at, int64_t *out_value);

/* The value of the member called `name` (the last one, if several), or GW_JSON_NONE; also when
 * `object` is no object or is GW_JSON_NONE. */
uint32_t gw_json_get(const struct gw_json_tape *tape, uint32_t object, struct gw_str name);

/* The element at `position`, or GW_JSON_NONE. Linear: walk with a cursor instead of counting up. */
uint32_t gw_json_element(const struct gw_json_tape *tape, uint32_t array, uint32_t position);

/* Walks members or elements:
 *
 *     struct gw_json_cursor cursor = gw_json_begin(tape, at);
 *     while (gw_json_step(tape, &cursor)) { ... cursor.name, cursor.value ... }
 */
struct gw_json_cursor {
    uint32_t name; /* in an object, the member's name; else GW_JSON_NONE */
    uint32_t value;
    uint32_t next;
    uint32_t end;
    bool is_object;
};

struct gw_json_cursor gw_json_begin(const struct gw_json_tape *tape, uint32_t at);
bool gw_json_step(const struct gw_json_tape *tape, struct gw_json_cursor *cursor);

/* Where the value at `at` starts in the text, in bytes (strings with escapes: unknown, SIZE_MAX).
 */
size_t gw_json_offset(const struct gw_json_tape *tape, uint32_t at);

/* The hash kept in name tokens. */
uint16_t gw_json_name_hash(struct gw_str name);
