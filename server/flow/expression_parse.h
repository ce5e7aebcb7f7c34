/* What the files of the parser share. Private to expression_parse*.c. */
#pragma once

#include "server/flow/expression_nodes.h"

#define PARSER_MAX_NESTING 60
#define PARSER_MAX_NODES 600 /* evaluation takes stack for each of them */

struct parser {
    struct gw_arena *arena;
    const struct gw_jq_token *at;
    const struct gw_jq_tokens *definitions;
    unsigned depth, nodes;
    bool may_leave, is_out_of_memory;
};

/* All return NULL for what is unsupported, and without memory. */
const struct gw_jq_node *parser_pipe(struct parser *parser);
const struct gw_jq_node *parser_term(struct parser *parser);
const struct gw_jq_node *parser_number(struct parser *parser, bool is_negative);

/* Whether the next token is that, which is then taken. */
bool parser_take(struct parser *parser, const char *sign);
bool parser_take_name(struct parser *parser, const char *name);

struct gw_jq_node *parser_make(struct parser *parser, enum gw_jq_node_kind kind,
                               const struct gw_jq_node *a, const struct gw_jq_node *b);
