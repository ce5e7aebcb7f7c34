/* Tokens to nodes: operators. Whatever is not of the language in expression_nodes.h, or might be
 * taken in another way by libjq, is no fault but unsupported. */
#include <errno.h>

#include "server/core/arena.h"
#include "server/flow/expression_parse.h"

/* --- small steps ------------------------------------------------------------------------------ */

bool parser_take(struct parser *parser, const char *sign)
{
    if (!gw_jq_is_sign(parser->at, sign))
        return false;
    parser->at++;
    return true;
}

bool parser_take_name(struct parser *parser, const char *name)
{
    if (!gw_jq_is_name(parser->at, name))
        return false;
    parser->at++;
    return true;
}

struct gw_jq_node *parser_make(struct parser *parser, enum gw_jq_node_kind kind,
                               const struct gw_jq_node *a, const struct gw_jq_node *b)
{
    if (parser->nodes++ == PARSER_MAX_NODES)
        return NULL;
    struct gw_jq_node *node = gw_arena_calloc(parser->arena, 1, sizeof(*node));
    if (node == NULL) {
        parser->is_out_of_memory = true;
        return NULL;
    }
    node->kind = kind;
    node->a = a;
    node->b = b;
    return node;
}

/* --- operators -------------------------------------------------------------------------------- */

static const struct gw_jq_node *parse_binary(struct parser *parser, int least);

/* `a then b`, and what follows: `elif`, or `else` and `end`. */
static const struct gw_jq_node *parse_condition(struct parser *parser)
{
    if (parser->depth++ == PARSER_MAX_NESTING)
        return NULL;
    const struct gw_jq_node *condition = parser_pipe(parser);
    const struct gw_jq_node *yes =
        condition != NULL && parser_take_name(parser, "then") ? parser_pipe(parser) : NULL;
    const struct gw_jq_node *no = NULL;
    if (yes != NULL && parser_take_name(parser, "elif"))
        no = parse_condition(parser);
    else if (yes != NULL && parser_take_name(parser, "else"))
        no = (no = parser_pipe(parser)) != NULL && parser_take_name(parser, "end") ? no : NULL;
    parser->depth--;
    struct gw_jq_node *node =
        no == NULL ? NULL : parser_make(parser, GW_JQ_CONDITION, condition, yes);
    if (node != NULL)
        node->c = no;
    return node;
}

static const struct gw_jq_node *parse_binding(struct parser *parser, const struct gw_jq_node *value)
{
    const struct gw_jq_token *name = parser->at++;

    if (name->kind != GW_JQ_VARIABLE || !parser_take(parser, "|") ||
        parser->depth == PARSER_MAX_NESTING)
        return NULL;
    parser->depth++;
    const struct gw_jq_node *body = parser_pipe(parser);
    parser->depth--;
    struct gw_jq_node *node = body == NULL ? NULL : parser_make(parser, GW_JQ_BIND, value, body);
    if (node != NULL)
        node->name = name->text;
    return node;
}

static const struct gw_jq_node *parse_operand(struct parser *parser)
{
    if (parser_take_name(parser, "if"))
        return parse_condition(parser);
    if (parser_take(parser, "-")) {
        const struct gw_jq_node *number =
            parser->at->kind == GW_JQ_NUMBER ? parser_number(parser, true) : NULL;
        bool has_path = gw_jq_is_sign(parser->at, "[") || gw_jq_is_sign(parser->at, ".") ||
                        gw_jq_is_sign(parser->at, "?") || gw_jq_is_name(parser->at, "as") ||
                        parser->at->kind == GW_JQ_FIELD;
        return has_path ? NULL : number;
    }
    const struct gw_jq_node *term = parser_term(parser);
    if (term != NULL && parser_take_name(parser, "as"))
        return parse_binding(parser, term);
    return term;
}

static const struct infix {
    const char *text;
    int level;
    enum gw_jq_node_kind kind;
    char sign;
} infixes[] = {
    {",", 1, GW_JQ_COMMA, 0},        {"//", 2, GW_JQ_ALTERNATIVE, 0},
    {"==", 5, GW_JQ_COMPARE, '='},   {"!=", 5, GW_JQ_COMPARE, '!'},
    {"<", 5, GW_JQ_COMPARE, '<'},    {">", 5, GW_JQ_COMPARE, '>'},
    {"<=", 5, GW_JQ_COMPARE, 'l'},   {">=", 5, GW_JQ_COMPARE, 'g'},
    {"+", 6, GW_JQ_ARITHMETIC, '+'}, {"-", 6, GW_JQ_ARITHMETIC, '-'},
    {"*", 7, GW_JQ_ARITHMETIC, '*'},
};
static const struct infix or_infix = {"or", 3, GW_JQ_OR, 0};
static const struct infix and_infix = {"and", 4, GW_JQ_AND, 0};

static const struct infix *find_infix(const struct gw_jq_token *token)
{
    for (size_t i = 0; i < GW_COUNT_OF(infixes); i++) {
        if (gw_jq_is_sign(token, infixes[i].text))
            return &infixes[i];
    }
    if (gw_jq_is_name(token, "or"))
        return &or_infix;
    return gw_jq_is_name(token, "and") ? &and_infix : NULL;
}

static const struct gw_jq_node *parse_binary(struct parser *parser, int least)
{
    const struct gw_jq_node *left = parse_operand(parser);
    const struct infix *infix;

    while (left != NULL && (infix = find_infix(parser->at)) != NULL && infix->level >= least) {
        bool is_right = infix->kind == GW_JQ_ALTERNATIVE;
        parser->at++;
        const struct gw_jq_node *right = parse_binary(parser, infix->level + !is_right);
        struct gw_jq_node *node =
            right == NULL ? NULL : parser_make(parser, infix->kind, left, right);
        if (node == NULL)
            return NULL;
        node->sign = infix->sign;
        parser->may_leave |=
            infix->kind == GW_JQ_COMMA || infix->kind == GW_JQ_ARITHMETIC ||
            (infix->kind == GW_JQ_COMPARE && infix->sign != '=' && infix->sign != '!');
        left = node;
        if (infix->kind != GW_JQ_COMPARE)
            continue;
        const struct infix *next = find_infix(parser->at);
        if (next != NULL && next->kind == GW_JQ_COMPARE)
            return NULL;
    }
    return left;
}

const struct gw_jq_node *parser_pipe(struct parser *parser)
{
    const struct gw_jq_node *left = parse_binary(parser, 1);

    if (left == NULL || !parser_take(parser, "|"))
        return left;
    if (parser->depth == PARSER_MAX_NESTING)
        return NULL;
    parser->depth++;
    const struct gw_jq_node *right = parser_pipe(parser);
    parser->depth--;
    return right == NULL ? NULL : parser_make(parser, GW_JQ_PIPE, left, right);
}

int gw_jq_parse(struct gw_arena *arena, const struct gw_jq_tokens *tokens,
                const struct gw_jq_tokens *definitions, const struct gw_jq_node **out_node,
                bool *out_may_leave)
{
    struct parser parser = {.arena = arena, .at = tokens->items, .definitions = definitions};
    const struct gw_jq_node *node = parser_pipe(&parser);

    if (parser.is_out_of_memory)
        return -ENOMEM;
    *out_node = node != NULL && parser.at->kind == GW_JQ_END ? node : NULL;
    *out_may_leave = parser.may_leave;
    return 0;
}
