/* What may be called in an expression, and what its tokens are. */
#include <errno.h>

#include "server/flow/expression_scan.h"

bool gw_jq_is_sign(const struct gw_jq_token *token, const char *sign)
{
    return token->kind == GW_JQ_SIGN && gw_str_equal(token->text, gw_str_of(sign));
}

bool gw_jq_is_name(const struct gw_jq_token *token, const char *name)
{
    return token->kind == GW_JQ_NAME && gw_str_equal(token->text, gw_str_of(name));
}

static bool is_among(struct gw_str name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal(name, gw_str_of(words[i])))
            return true;
    }
    return false;
}

bool gw_jq_is_keyword(struct gw_str name)
{
    static const char *const words[] = {
        "def", "module", "import", "include", "if",      "then",    "else", "elif",  "end",
        "as",  "and",    "or",     "reduce",  "foreach", "__loc__", "try",  "catch", "label"};

    return is_among(name, words, GW_COUNT_OF(words));
}

static bool is_forbidden(struct gw_str name)
{
    static const char *const words[] = {
        "env",
        "input",
        "inputs",
        "debug",
        "stderr",
        "halt",
        "import",
        "halt_error",
        "input_filename",
        "include",
        "module",
        "modulemeta",
        "get_search_list",
        "get_prog_origin",
        "builtins",
        "get_jq_origin",
        "input_line_number",
    };

    return is_among(name, words, GW_COUNT_OF(words));
}

bool gw_jq_is_call(const struct gw_jq_tokens *tokens, size_t at)
{
    const struct gw_jq_token *token = &tokens->items[at];

    if (at == 0)
        return true;
    bool is_first = gw_jq_is_sign(token - 1, "{") || gw_jq_is_sign(token - 1, ",");
    bool is_key = gw_jq_is_sign(token + 1, ":") ||
                  (gw_jq_is_sign(token - 1, "{") &&
                   (gw_jq_is_sign(token + 1, ",") || gw_jq_is_sign(token + 1, "}")));
    return !(is_first && is_key);
}

static int check_name(const struct gw_jq_tokens *tokens, size_t at, struct gw_error *error)
{
    struct gw_str name = tokens->items[at].text;
    bool is_defined = at > 0 && gw_jq_is_name(&tokens->items[at - 1], "def");

    if (is_forbidden(name) && gw_jq_is_call(tokens, at))
        return gw_error_set(error, -EINVAL,
                            "\"%.*s\" is not allowed: an expression sees its input and its "
                            "variables only",
                            GW_STR_ARG(name));
    if (gw_str_has_prefix(name, GW_STR("__gw")))
        return gw_error_set(error, -EINVAL, "names that start with \"__gw\" are Millgate's own");
    if (is_defined && name.ptr[0] == '_')
        return gw_error_set(error, -EINVAL, "\"%.*s\": a definition's name starts with a letter",
                            GW_STR_ARG(name));
    return 0;
}

int gw_jq_check_names(const struct gw_jq_tokens *tokens, struct gw_error *error)
{
    static const char *const variables[] = {"ENV", "__prog_args"};
    int rc = 0;

    for (size_t i = 0; i < tokens->count && rc == 0; i++) {
        const struct gw_jq_token *token = &tokens->items[i];
        if (token->kind == GW_JQ_NAME)
            rc = check_name(tokens, i, error);
        bool is_variable =
            token->kind == GW_JQ_VARIABLE ||
            (token->kind == GW_JQ_NAME && i > 0 && gw_jq_is_sign(token - 1, "$")); /* `$ name` */
        if (is_variable && gw_str_has_prefix(token->text, GW_STR("__gw")))
            rc = gw_error_set(error, -EINVAL, "names that start with \"__gw\" are Millgate's own");
        else if (is_variable && is_among(token->text, variables, GW_COUNT_OF(variables)))
            rc = gw_error_set(error, -EINVAL,
                              "\"$%.*s\" is not allowed: an expression sees its input and its "
                              "variables only",
                              GW_STR_ARG(token->text));
    }
    return rc;
}

/* Where the definition that starts at `at` ends: behind its ";". */
static size_t skip_definition(const struct gw_jq_tokens *tokens, size_t at)
{
    size_t definitions = 0, brackets = 0;

    for (; tokens->items[at].kind != GW_JQ_END; at++) {
        const struct gw_jq_token *token = &tokens->items[at];
        if (gw_jq_is_sign(token, "(") || gw_jq_is_sign(token, "[") || gw_jq_is_sign(token, "{") ||
            token->kind == GW_JQ_INTERPOLATE)
            brackets++;
        else if (gw_jq_is_sign(token, ")") || gw_jq_is_sign(token, "]") ||
                 gw_jq_is_sign(token, "}"))
            brackets--;
        else if (brackets == 0 && gw_jq_is_name(token, "def"))
            definitions++;
        else if (brackets == 0 && gw_jq_is_sign(token, ";") && --definitions == 0)
            return at + 1;
    }
    return at;
}

int gw_jq_check_definitions(const struct gw_jq_tokens *tokens, struct gw_error *error)
{
    size_t at = 0;

    while (tokens->items[at].kind != GW_JQ_END) {
        if (!gw_jq_is_name(&tokens->items[at], "def"))
            return gw_error_set(error, -EINVAL,
                                "between definitions stands \"%.*s\", which is none",
                                GW_STR_ARG(tokens->items[at].text));
        at = skip_definition(tokens, at);
    }
    return 0;
}

bool gw_jq_defines(const struct gw_jq_tokens *tokens, struct gw_str name)
{
    for (size_t i = 1; i < tokens->count; i++) {
        if (gw_jq_is_name(&tokens->items[i - 1], "def") && tokens->items[i].kind == GW_JQ_NAME &&
            gw_str_equal(tokens->items[i].text, name))
            return true;
    }
    return false;
}
