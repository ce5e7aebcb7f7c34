#include "server/flow/expression_scan.h"

#include <errno.h>

#include "server/core/arena.h"
#include "server/core/utf8.h"

#define MAX_NESTING 200

struct scan {
    const char *at, *end;
    struct gw_jq_tokens tokens;
    char open[MAX_NESTING]; /* brackets, '"' strings, 'i' interpolations, 'd' definitions */
    size_t depth;
    struct gw_error *error;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The byte `ahead` of the place; '\0' behind the end. */
static char peek(const struct scan *scan, size_t ahead)
{
    return ahead < (size_t)(scan->end - scan->at) ? scan->at[ahead] : '\0';
}

/* The array has room for a token per byte and the end. */
static void add(struct scan *scan, enum gw_jq_kind kind, const char *from, size_t len)
{
    scan->tokens.items[scan->tokens.count++] =
        (struct gw_jq_token){.kind = kind, .text = gw_str_from(from, len)};
}

static int push(struct scan *scan, char bracket)
{
    if (scan->depth == MAX_NESTING)
        return gw_error_set(scan->error, -EINVAL, "brackets stand in each other more than %d deep",
                            MAX_NESTING);
    scan->open[scan->depth++] = bracket;
    return 0;
}

static char top(const struct scan *scan)
{
    return scan->depth == 0 ? '\0' : scan->open[scan->depth - 1];
}

static int pop(struct scan *scan, char closing)
{
    char open = top(scan);
    bool is_right = (closing == ')' && (open == '(' || open == 'i')) ||
                    (closing == ']' && open == '[') || (closing == '}' && open == '{');

    if (open == 'd')
        return gw_error_set(scan->error, -EINVAL, "a definition does not end with \";\"");
    if (!is_right)
        return gw_error_set(scan->error, -EINVAL, "\"%c\" closes nothing that was opened", closing);
    scan->depth--;
    return 0;
}

static size_t word_length(const struct scan *scan, size_t from)
{
    size_t len = from;

    while (is_letter(peek(scan, len)) || (len > from && is_digit(peek(scan, len))))
        len++;
    return len - from;
}

/* A piece of a string, or what ends it. */
static int scan_string(struct scan *scan)
{
    const char *from = scan->at;

    while (scan->at < scan->end && *scan->at != '"' && !(*scan->at == '\\' && peek(scan, 1) == '('))
        scan->at += *scan->at == '\\' && scan->end - scan->at > 1 ? 2 : 1;
    if (scan->at > from)
        add(scan, GW_JQ_PIECE, from, (size_t)(scan->at - from));
    if (scan->at == scan->end)
        return gw_error_set(scan->error, -EINVAL, "a text does not end with a quotation mark");
    if (*scan->at == '\\') {
        add(scan, GW_JQ_INTERPOLATE, scan->at, 2);
        scan->at += 2;
        return push(scan, 'i');
    }
    add(scan, GW_JQ_UNQUOTE, scan->at++, 1);
    scan->depth--;
    return 0;
}

static int scan_word(struct scan *scan)
{
    size_t len = word_length(scan, 0);
    struct gw_jq_token *last = &scan->tokens.items[scan->tokens.count];

    add(scan, GW_JQ_NAME, scan->at, len);
    scan->at += len;
    bool is_key = top(scan) == '{' && scan->tokens.count > 1 &&
                  (gw_jq_is_sign(last - 1, "{") || gw_jq_is_sign(last - 1, ","));
    return gw_jq_is_name(last, "def") && !is_key ? push(scan, 'd') : 0;
}

/* As libjq's own scanner, which takes more for a number than is one. */
static void scan_number(struct scan *scan)
{
    const char *from = scan->at;

    while (is_digit(peek(scan, 0)) || peek(scan, 0) == '.')
        scan->at++;
    if (peek(scan, 0) == 'e' || peek(scan, 0) == 'E') {
        size_t sign = peek(scan, 1) == '+' || peek(scan, 1) == '-';
        size_t len = 1 + sign;
        while (is_digit(peek(scan, len)))
            len++;
        scan->at += len > 1 + sign ? len : 0;
    }
    add(scan, GW_JQ_NUMBER, from, (size_t)(scan->at - from));
}

static int scan_separator(struct scan *scan)
{
    if (top(scan) == 'd')
        scan->depth--;
    else if (top(scan) != '(')
        return gw_error_set(scan->error, -EINVAL, "\";\" ends nothing: an expression is one");
    return 0;
}

static int scan_sign(struct scan *scan)
{
    static const char *const signs[] = {"?//=", "?//", "//=", "//", "==", "!=", "<=", ">=",
                                        "|=",   "+=",  "-=",  "*=", "/=", "%=", ".."};
    const char *from = scan->at;
    size_t len = 1;

    for (size_t i = 0; i < GW_COUNT_OF(signs) && len == 1; i++) {
        struct gw_str rest = gw_str_from(from, (size_t)(scan->end - from));
        if (gw_str_has_prefix(rest, gw_str_of(signs[i])))
            len = strlen(signs[i]);
    }
    if (*from == '\0' || strchr("()[]{}|,;:.?=<>+-*/%!$@", *from) == NULL)
        return gw_error_set(scan->error, -EINVAL, "\"%c\" means nothing here",
                            *from > ' ' && *from < 0x7f ? *from : '?');
    add(scan, GW_JQ_SIGN, from, len);
    scan->at += len;
    if (strchr("([{", *from) != NULL)
        return push(scan, *from);
    if (strchr(")]}", *from) != NULL)
        return pop(scan, *from);
    return *from == ';' ? scan_separator(scan) : 0;
}

/* `.name`, `$name`, `@name`. */
static bool scan_prefixed(struct scan *scan)
{
    char first = peek(scan, 0);
    size_t len = word_length(scan, 1);

    if (len == 0 || (first != '.' && first != '$' && first != '@'))
        return false;
    add(scan,
        first == '.'   ? GW_JQ_FIELD
        : first == '$' ? GW_JQ_VARIABLE
                       : GW_JQ_FORMAT,
        scan->at + 1, len);
    scan->at += 1 + len;
    return true;
}

static int scan_one(struct scan *scan)
{
    char first = *scan->at;

    if (top(scan) == '"')
        return scan_string(scan);
    if (first == ' ' || first == '\t' || first == '\n' || first == '\r') {
        scan->at++;
        return 0;
    }
    if (first == '#') {
        while (scan->at < scan->end && *scan->at != '\n')
            scan->at++;
        return 0;
    }
    if (first == '"') {
        add(scan, GW_JQ_QUOTE, scan->at++, 1);
        return push(scan, '"');
    }
    if (is_letter(first))
        return scan_word(scan);
    if (scan_prefixed(scan))
        return 0;
    if (is_digit(first) || (first == '.' && is_digit(peek(scan, 1)))) {
        scan_number(scan);
        return 0;
    }
    return scan_sign(scan);
}

static int check_end(const struct scan *scan)
{
    char open = top(scan);

    if (open == '\0')
        return 0;
    if (open == '"')
        return gw_error_set(scan->error, -EINVAL, "a text does not end with a quotation mark");
    if (open == 'd')
        return gw_error_set(scan->error, -EINVAL, "a definition does not end with \";\"");
    return gw_error_set(scan->error, -EINVAL, "\"%s\" is not closed",
                        (char[]){open == 'i' ? '(' : open, '\0'});
}

int gw_jq_scan(struct gw_arena *arena, struct gw_str text, struct gw_jq_tokens *out_tokens,
               struct gw_error *error)
{
    struct scan scan = {.at = text.ptr, .end = text.ptr + text.len, .error = error};
    int rc = 0;

    if (!gw_utf8_is_valid(text) || (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL))
        return gw_error_set(error, -EINVAL, "it is no text in UTF-8");
    scan.tokens.items = gw_arena_calloc(arena, text.len + 2, sizeof(*scan.tokens.items));
    if (scan.tokens.items == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    while (rc == 0 && scan.at < scan.end)
        rc = scan_one(&scan);
    if (rc == 0)
        rc = check_end(&scan);
    if (rc != 0)
        return rc;
    add(&scan, GW_JQ_END, scan.end, 0);
    *out_tokens = scan.tokens;
    return 0;
}
