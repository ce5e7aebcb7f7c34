/* The expressions of one document, as server/flow sees them, and the program that libjq makes of
 * them. Private to server/flow. */
#pragma once

#include <stdatomic.h>

#include "server/core/arena.h"
#include "server/core/map.h"
#include "server/flow/expression.h"
#include "server/flow/expression_nodes.h"

struct gw_buf;

struct gw_jq_expression {
    struct gw_str text;
    const struct gw_jq_node *own; /* NULL: libjq's alone */
    bool may_leave;               /* its own evaluation may end with GW_JQ_LEFT */
    const struct gw_str *needed;  /* variables that it reads and does not bind anywhere */
    size_t needed_count;
};

struct gw_expressions {
    atomic_uint references;
    struct gw_arena arena;
    struct gw_str definitions;
    struct gw_jq_tokens definition_tokens; /* items NULL: there are none */
    struct gw_error definition_error;      /* text "" when there is nothing wrong */
    struct gw_jq_expression *items;
    size_t count, capacity;
    struct gw_map by_text;   /* values: index + 1 */
    struct gw_map variables; /* all names that stand behind a `$` */
    uint64_t hash;           /* of all texts, in order */
};

/* Whether libjq has to do with it at all. */
static inline bool gw_jq_is_foreign(const struct gw_jq_expression *expression)
{
    return expression->own == NULL || expression->may_leave;
}

/* The same texts in the same order, so that one's program is the other's. */
bool gw_jq_is_same_set(const struct gw_expressions *a, const struct gw_expressions *b);

/* Adds the names of variables in `tokens` to the set's, and finds those of an expression that are
 * needed. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_jq_collect_variables(struct gw_expressions *set, const struct gw_jq_tokens *tokens,
                            struct gw_jq_expression *expression);

/* --- programs: expression_program.c ----------------------------------------------------------- */

/* A set in a program, without the expressions that `skip` (by index; NULL: none) names. */
struct gw_jq_part {
    const struct gw_expressions *set;
    const bool *skip;
};

/* One function, `def __gw_s<ordinal>`, of the set's foreign expressions. Its input is [input,
 * variables, index]. */
void gw_jq_write_part(struct gw_buf *buf, const struct gw_jq_part *part, size_t ordinal);

/* What in that text stands on `line` (from 0): the index of an expression,
 * GW_EXPRESSION_DEFINITIONS, or -1: nothing of the document's. *out_is_end: the line behind the
 * expression, where it is taken note that something is missing. */
int64_t gw_jq_at_line(const struct gw_jq_part *part, size_t line, bool *out_is_end);

/* How many lines it has. */
size_t gw_jq_count_lines(const struct gw_jq_part *part);
