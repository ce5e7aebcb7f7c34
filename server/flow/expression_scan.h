/* The tokens of a jq 1.6 expression. Private to server/flow.
 *
 * What is scanned without fault cannot leave the brackets that it is put into: strings, brackets
 * and definitions end where they should. Whether it is jq otherwise, libjq says. Pure but for the
 * arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_arena;

enum gw_jq_kind {
    GW_JQ_END,         /* behind the last; its text is empty */
    GW_JQ_NAME,        /* a function or a keyword */
    GW_JQ_FIELD,       /* `.name`; the text is without the point */
    GW_JQ_VARIABLE,    /* `$name`; the text is without the `$` */
    GW_JQ_NUMBER,      /* as it is written, which may be no number at all */
    GW_JQ_FORMAT,      /* `@base64` */
    GW_JQ_SIGN,        /* an operator, a bracket, a separator */
    GW_JQ_QUOTE,       /* a string begins; then pieces and interpolations, then GW_JQ_UNQUOTE */
    GW_JQ_PIECE,       /* raw text of it, escapes not decoded */
    GW_JQ_INTERPOLATE, /* `\(`; it ends with the sign `)` */
    GW_JQ_UNQUOTE,
};

struct gw_jq_token {
    enum gw_jq_kind kind;
    struct gw_str text;
};

struct gw_jq_tokens {
    struct gw_jq_token *items; /* the last is GW_JQ_END */
    size_t count;              /* with it */
};

/* `text` is borrowed. 0, -EINVAL (*error says what is wrong), or -ENOMEM. */
GW_MUST_CHECK
int gw_jq_scan(struct gw_arena *arena, struct gw_str text, struct gw_jq_tokens *out_tokens,
               struct gw_error *error);

/* That an expression sees its input and its variables only. 0 or -EINVAL. */
GW_MUST_CHECK
int gw_jq_check_names(const struct gw_jq_tokens *tokens, struct gw_error *error);

/* That there are definitions and nothing else. 0 or -EINVAL. */
GW_MUST_CHECK
int gw_jq_check_definitions(const struct gw_jq_tokens *tokens, struct gw_error *error);

bool gw_jq_is_sign(const struct gw_jq_token *token, const char *sign);
bool gw_jq_is_name(const struct gw_jq_token *token, const char *name);
bool gw_jq_is_keyword(struct gw_str name);

/* Whether some definition in the tokens is of that name. */
bool gw_jq_defines(const struct gw_jq_tokens *tokens, struct gw_str name);

/* The name at `at` stands for a call: it is no key of an object. */
bool gw_jq_is_call(const struct gw_jq_tokens *tokens, size_t at);
