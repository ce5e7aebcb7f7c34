/* A program: what libjq compiles. One for the expressions of all documents that have the same
 * definitions, up to a size; a text that several have is in it once. Private to server/flow.
 *
 * Filled while sets are put together, immutable from then on: any thread may read and hold it. */
#pragma once

#include <stdatomic.h>

#include "server/core/arena.h"
#include "server/core/map.h"
#include "server/flow/expression.h"

struct gw_buf;

/* A compilation takes 18 ms for the least, less than 1 ms for each expression, and with ever more
 * of them a square: at this size the sum is the least. */
#define GW_JQ_PROGRAM_CASES 150
#define GW_JQ_PROGRAM_BYTES (size_t)(256 * 1024) /* of expressions */

struct gw_jq_program {
    atomic_uint references;
    struct gw_arena arena;
    struct gw_str definitions;
    struct gw_str *cases; /* texts of expressions; their numbers are what the helper is asked for */
    uint32_t count, capacity;
    size_t text_bytes;
    struct gw_map by_text;   /* values: number of the case + 1 */
    struct gw_map variables; /* names that are bound before the definitions */
    uint64_t hash;           /* of all texts, in order */
};

/* NULL without memory. */
GW_MUST_CHECK
struct gw_jq_program *gw_jq_program_create(struct gw_str definitions);
struct gw_jq_program *gw_jq_program_hold(struct gw_jq_program *program);
void gw_jq_program_release(struct gw_jq_program *program); /* NULL is safe */

/* Has it all that libjq has to do with of the set? Then gw_jq_program_join() adds nothing. */
bool gw_jq_program_has(const struct gw_jq_program *program, const struct gw_expressions *set);
/* Has it room for that set? One that is empty has. */
bool gw_jq_program_has_room(const struct gw_jq_program *program, const struct gw_expressions *set);
/* The set's expressions become cases of it, and the set holds it. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_jq_program_join(struct gw_jq_program *program, struct gw_expressions *set);

/* The same texts in the same order, so that one does what the other does. */
bool gw_jq_program_is_same(const struct gw_jq_program *a, const struct gw_jq_program *b);

/* Its text, a filter whose input is [input, variables, number]; without the cases that `skip` names
 * by number (NULL: none). What fails is the buffer's to tell. */
void gw_jq_program_write(struct gw_buf *buf, const struct gw_jq_program *program, const bool *skip);

/* What in that text stands on `line` (from 0): the number of a case, GW_EXPRESSION_DEFINITIONS, or
 * -1: nothing of a document's. *out_is_end: the line behind the expression, where it is taken note
 * that something is missing. */
int64_t gw_jq_program_at_line(const struct gw_jq_program *program, const bool *skip, size_t line,
                              bool *out_is_end);
