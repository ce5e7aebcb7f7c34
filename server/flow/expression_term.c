/* Tokens to nodes: terms, which are literals, texts, arrays, objects, calls and paths. */
#include <errno.h>

#include "server/core/arena.h"
#include "server/flow/expression_parse.h"

typedef const struct gw_jq_node *parse_fn(struct parser *parser);

static const struct gw_jq_node *parse_string(struct parser *parser);

static const struct gw_jq_node *make_literal(struct parser *parser, struct gw_value value)
{
    struct gw_jq_node *node = parser_make(parser, GW_JQ_LITERAL, NULL, NULL);

    if (node != NULL)
        node->value = value;
    return node;
}

/* One more level of what `fn` reads, in brackets that are open and that `closing` closes. */
static const struct gw_jq_node *parse_inside(struct parser *parser, parse_fn *fn,
                                             const char *closing)
{
    if (parser->depth == PARSER_MAX_NESTING)
        return NULL;
    parser->depth++;
    const struct gw_jq_node *node = fn(parser);
    parser->depth--;
    return node != NULL && parser_take(parser, closing) ? node : NULL;
}

/* --- literals --------------------------------------------------------------------------------- */

const struct gw_jq_node *parser_number(struct parser *parser, bool is_negative)
{
    struct gw_str text = parser->at->text;
    struct gw_json_token token;
    struct gw_json_tape tape;

    /* libjq's own spellings of numbers (`.5`, `1.`, `01`) are not JSON's. */
    if (gw_json_tape_of_number(text, &token, &tape) != 0)
        return NULL;
    const struct gw_jq_token *next = parser->at + 1;
    bool is_glued = next->text.ptr == text.ptr + text.len &&
                    (next->kind == GW_JQ_NAME || next->kind == GW_JQ_FIELD);
    if (is_glued)
        return NULL;
    if (is_negative) {
        const struct gw_str parts[] = {GW_STR("-"), text};
        text = gw_arena_join(parser->arena, parts, 2);
        parser->is_out_of_memory |= text.ptr == NULL;
    }
    parser->at++;
    return text.ptr == NULL ? NULL : make_literal(parser, gw_value_number(text));
}

/* `"a\(.b)c"` is "a" + text of .b + "c". */
static const struct gw_jq_node *parse_interpolation(struct parser *parser)
{
    parser->at++;
    const struct gw_jq_node *inner = parse_inside(parser, parser_pipe, ")");

    parser->may_leave = true;
    return inner == NULL ? NULL : parser_make(parser, GW_JQ_TO_TEXT, inner, NULL);
}

static const struct gw_jq_node *parse_piece(struct parser *parser)
{
    const struct gw_str parts[] = {GW_STR("\""), parser->at++->text, GW_STR("\"")};
    struct gw_str text = gw_arena_join(parser->arena, parts, 3);
    struct gw_json_error error;
    struct gw_value value;

    int rc = text.ptr == NULL ? -ENOMEM : gw_value_read(parser->arena, text, NULL, &value, &error);
    parser->is_out_of_memory |= rc == -ENOMEM;
    return rc != 0 ? NULL : make_literal(parser, value);
}

static const struct gw_jq_node *parse_string(struct parser *parser)
{
    const struct gw_jq_node *whole = NULL;

    for (parser->at++; parser->at->kind != GW_JQ_UNQUOTE;) {
        const struct gw_jq_node *part =
            parser->at->kind == GW_JQ_PIECE ? parse_piece(parser) : parse_interpolation(parser);
        if (part == NULL)
            return NULL;
        if (whole == NULL) {
            whole = part;
            continue;
        }
        struct gw_jq_node *both = parser_make(parser, GW_JQ_ARITHMETIC, whole, part);
        if (both == NULL)
            return NULL;
        both->sign = '+';
        whole = both;
    }
    parser->at++;
    return whole != NULL ? whole : make_literal(parser, gw_value_string(GW_STR("")));
}

/* --- objects ---------------------------------------------------------------------------------- */

/* Keys whose type libjq may find wrong when it compiles are left to it. */
static const struct gw_jq_node *parse_computed_key(struct parser *parser)
{
    const struct gw_jq_node *key = parse_inside(parser, parser_pipe, ")");

    if (key == NULL || (key->kind != GW_JQ_MEMBER && key->kind != GW_JQ_REFERENCE))
        return NULL;
    return key;
}

/* The value where only the key is written: `.key`, of the same input. */
static const struct gw_jq_node *make_member_of(struct parser *parser, const struct gw_jq_node *key)
{
    const struct gw_jq_node *self = parser_make(parser, GW_JQ_IDENTITY, NULL, NULL);
    struct gw_jq_node *node = self == NULL ? NULL : parser_make(parser, GW_JQ_MEMBER, self, NULL);

    if (node != NULL)
        node->value = key->value;
    return node;
}

static const struct gw_jq_node *parse_object_value(struct parser *parser)
{
    if (parser_take(parser, "-"))
        return parser->at->kind == GW_JQ_NUMBER ? parser_number(parser, true) : NULL;

    const struct gw_jq_node *value = parser_term(parser);
    if (value == NULL || !parser_take(parser, "|"))
        return value;
    const struct gw_jq_node *rest = parse_object_value(parser);
    return rest == NULL ? NULL : parser_make(parser, GW_JQ_PIPE, value, rest);
}

/* `$x`, as `x: $x`. */
static const struct gw_jq_node *parse_variable_pair(struct parser *parser)
{
    struct gw_str name = parser->at++->text;
    struct gw_jq_node *value = parser_make(parser, GW_JQ_REFERENCE, NULL, NULL);
    const struct gw_jq_node *key = make_literal(parser, gw_value_string(name));

    if (value == NULL || key == NULL)
        return NULL;
    value->name = name;
    return parser_make(parser, GW_JQ_OBJECT, key, value);
}

static const struct gw_jq_node *parse_key(struct parser *parser, bool *out_is_alone)
{
    const struct gw_jq_token *token = parser->at;

    *out_is_alone = false;
    if (parser_take(parser, "("))
        return parse_computed_key(parser);
    if (token->kind == GW_JQ_QUOTE) {
        const struct gw_jq_node *key = parse_string(parser);
        *out_is_alone = key != NULL && key->kind == GW_JQ_LITERAL;
        return key;
    }
    if (token->kind != GW_JQ_NAME)
        return NULL;
    *out_is_alone = !gw_jq_is_keyword(token->text);
    parser->at++;
    return make_literal(parser, gw_value_string(token->text));
}

static const struct gw_jq_node *parse_pair(struct parser *parser)
{
    const struct gw_jq_node *value = NULL;
    bool may_be_alone;

    if (parser->at->kind == GW_JQ_VARIABLE)
        return parse_variable_pair(parser);
    const struct gw_jq_node *key = parse_key(parser, &may_be_alone);
    if (key == NULL)
        return NULL;
    if (parser_take(parser, ":"))
        value = parse_object_value(parser);
    else if (may_be_alone)
        value = make_member_of(parser, key);
    return value == NULL ? NULL : parser_make(parser, GW_JQ_OBJECT, key, value);
}

static const struct gw_jq_node *parse_pairs(struct parser *parser)
{
    struct gw_jq_node head = {.kind = GW_JQ_OBJECT}, *last = &head;

    if (gw_jq_is_sign(parser->at, "}"))
        return make_literal(parser, gw_value_object(NULL, 0));
    do {
        /* The node was made by us a moment ago: it may still be changed. */
        struct gw_jq_node *pair = (struct gw_jq_node *)(uintptr_t)parse_pair(parser);
        if (pair == NULL)
            return NULL;
        last->c = pair;
        last = pair;
    } while (parser_take(parser, ","));
    return head.c;
}

/* --- terms ------------------------------------------------------------------------------------ */

static bool is_builtin(struct parser *parser, const char *name)
{
    struct gw_str text = gw_str_of(name);

    return gw_str_equal(parser->at->text, text) &&
           (parser->definitions == NULL || !gw_jq_defines(parser->definitions, text));
}

/* map(f) is [.[] | f]. */
static const struct gw_jq_node *make_map(struct parser *parser, const struct gw_jq_node *f)
{
    const struct gw_jq_node *self = parser_make(parser, GW_JQ_IDENTITY, NULL, NULL);
    const struct gw_jq_node *each =
        self == NULL ? NULL : parser_make(parser, GW_JQ_EACH, self, NULL);
    const struct gw_jq_node *pipe = each == NULL ? NULL : parser_make(parser, GW_JQ_PIPE, each, f);

    return pipe == NULL ? NULL : parser_make(parser, GW_JQ_ARRAY, pipe, NULL);
}

static const struct gw_jq_node *parse_call_with(struct parser *parser)
{
    bool is_map = is_builtin(parser, "map"), is_select = is_builtin(parser, "select");

    if (!is_map && !is_select)
        return NULL;
    parser->at += 2;
    const struct gw_jq_node *f = parse_inside(parser, parser_pipe, ")");
    parser->may_leave |= is_map;
    if (f == NULL)
        return NULL;
    return is_map ? make_map(parser, f) : parser_make(parser, GW_JQ_SELECT, f, NULL);
}

static const struct gw_jq_node *parse_name(struct parser *parser)
{
    static const struct {
        const char *name;
        enum gw_jq_node_kind kind;
    } calls[] = {
        {"empty", GW_JQ_EMPTY},
        {"not", GW_JQ_NOT},
        {"length", GW_JQ_LENGTH},
        {"tostring", GW_JQ_TO_TEXT},
    };
    static const struct {
        const char *name;
        enum gw_json_type type;
    } words[] = {{"null", GW_JSON_NULL}, {"true", GW_JSON_TRUE}, {"false", GW_JSON_FALSE}};

    if (gw_jq_is_sign(parser->at + 1, "("))
        return parse_call_with(parser);
    if (gw_jq_is_sign(parser->at + 1,
                      ":")) /* of a module; the key of an object is read elsewhere */
        return NULL;
    for (size_t i = 0; i < GW_COUNT_OF(words); i++) {
        if (parser_take_name(parser, words[i].name))
            return make_literal(parser, (struct gw_value){.type = words[i].type});
    }
    for (size_t i = 0; i < GW_COUNT_OF(calls); i++) {
        if (!is_builtin(parser, calls[i].name))
            continue;
        parser->at++;
        parser->may_leave |= calls[i].kind == GW_JQ_TO_TEXT;
        const struct gw_jq_node *self = parser_make(parser, GW_JQ_IDENTITY, NULL, NULL);
        return self == NULL ? NULL : parser_make(parser, calls[i].kind, self, NULL);
    }
    return NULL;
}

static struct gw_jq_node *make_key(struct parser *parser, const struct gw_jq_node *value,
                                   const struct gw_jq_node *key)
{
    bool is_literal = key != NULL && key->kind == GW_JQ_LITERAL;
    struct gw_jq_node *node =
        key == NULL ? NULL
                    : parser_make(parser, is_literal ? GW_JQ_MEMBER : GW_JQ_INDEX, value, key);

    if (node != NULL && is_literal)
        node->value = key->value;
    parser->may_leave |= !is_literal || key->value.type != GW_JSON_STRING;
    return node;
}

/* `.e0`, which libjq takes for a number. */
static bool looks_like_number(struct gw_str name)
{
    bool is_one = name.len > 1 && (name.ptr[0] == 'e' || name.ptr[0] == 'E');

    for (size_t i = 1; i < name.len; i++)
        is_one &= name.ptr[i] >= '0' && name.ptr[i] <= '9';
    return is_one;
}

static struct gw_jq_node *parse_field(struct parser *parser, const struct gw_jq_node *value)
{
    struct gw_str name = parser->at->text;

    if (looks_like_number(name))
        return NULL;
    parser->at++;
    return make_key(parser, value, make_literal(parser, gw_value_string(name)));
}

static struct gw_jq_node *parse_brackets(struct parser *parser, const struct gw_jq_node *value)
{
    parser->at++;
    if (parser_take(parser, "]")) {
        parser->may_leave = true;
        return parser_make(parser, GW_JQ_EACH, value, NULL);
    }
    return make_key(parser, value, parse_inside(parser, parser_pipe, "]"));
}

/* What follows `value`: `.name`, `."text"`, `[key]`, `[]`, each with `?`. */
static const struct gw_jq_node *parse_path(struct parser *parser, const struct gw_jq_node *value)
{
    while (value != NULL) {
        struct gw_jq_node *node;
        if (parser->at->kind == GW_JQ_FIELD)
            node = parse_field(parser, value);
        else if (gw_jq_is_sign(parser->at, "[") && !gw_jq_is_sign(parser->at + 1, ":"))
            node = parse_brackets(parser, value);
        else if (gw_jq_is_sign(parser->at, ".") && parser->at[1].kind == GW_JQ_QUOTE) {
            parser->at++;
            node = make_key(parser, value, parse_string(parser));
        } else
            return value;
        if (node != NULL)
            node->is_optional = parser_take(parser, "?");
        value = node;
    }
    return NULL;
}

static const struct gw_jq_node *parse_root(struct parser *parser)
{
    const struct gw_jq_node *self = parser_make(parser, GW_JQ_IDENTITY, NULL, NULL);
    const struct gw_jq_token *next = parser->at + 1;

    if (parser->at->kind == GW_JQ_FIELD || next->kind == GW_JQ_QUOTE)
        return self; /* the path takes it */
    parser->at++;
    return self;
}

static const struct gw_jq_node *parse_reference(struct parser *parser)
{
    struct gw_jq_node *node = parser_make(parser, GW_JQ_REFERENCE, NULL, NULL);

    if (node != NULL)
        node->name = parser->at->text;
    if (gw_jq_is_keyword(parser->at->text)) /* `$__loc__` */
        return NULL;
    parser->at++;
    return gw_jq_is_sign(parser->at, ":") ? NULL : node;
}

static const struct gw_jq_node *parse_array(struct parser *parser)
{
    parser->at++;
    if (parser_take(parser, "]"))
        return make_literal(parser, gw_value_array(NULL, 0));
    const struct gw_jq_node *items = parse_inside(parser, parser_pipe, "]");
    return items == NULL ? NULL : parser_make(parser, GW_JQ_ARRAY, items, NULL);
}

static const struct gw_jq_node *parse_start(struct parser *parser)
{
    const struct gw_jq_token *token = parser->at;

    if (token->kind == GW_JQ_FIELD || gw_jq_is_sign(token, "."))
        return parse_root(parser);
    if (token->kind == GW_JQ_VARIABLE)
        return parse_reference(parser);
    if (token->kind == GW_JQ_QUOTE)
        return parse_string(parser);
    if (token->kind == GW_JQ_NUMBER)
        return parser_number(parser, false);
    if (token->kind == GW_JQ_NAME)
        return parse_name(parser);
    if (gw_jq_is_sign(token, "["))
        return parse_array(parser);
    if (parser_take(parser, "("))
        return parse_inside(parser, parser_pipe, ")");
    return parser_take(parser, "{") ? parse_inside(parser, parse_pairs, "}") : NULL;
}

const struct gw_jq_node *parser_term(struct parser *parser)
{
    const struct gw_jq_node *node = parse_path(parser, parse_start(parser));

    return gw_jq_is_sign(parser->at, "?") || gw_jq_is_sign(parser->at, ".") ? NULL : node;
}
