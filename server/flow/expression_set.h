/* The expressions of one document, as server/flow sees them. Private to server/flow. */
#pragma once

#include <stdatomic.h>

#include "server/core/arena.h"
#include "server/core/map.h"
#include "server/flow/expression.h"
#include "server/flow/expression_nodes.h"

struct gw_jq_program;

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
    /* Where libjq's part of it is; NULL: nothing was compiled, or the helper has nothing to do. */
    struct gw_jq_program *program;
    const uint32_t *cases; /* by index: the number in the program */
};

/* Whether libjq has to do with it at all. */
static inline bool gw_jq_is_foreign(const struct gw_jq_expression *expression)
{
    return expression->own == NULL || expression->may_leave;
}

/* Adds the names of variables in `tokens` to the set's, and finds those of an expression that are
 * needed. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_jq_collect_variables(struct gw_expressions *set, const struct gw_jq_tokens *tokens,
                            struct gw_jq_expression *expression);

/* Has libjq something to do with it, or with its definitions? */
bool gw_jq_has_foreign(const struct gw_expressions *set);
