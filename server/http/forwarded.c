#include "server/http/forwarded.h"

/* Within quotes, so many backslashes before a quote are pairs, or the last one escapes it. */
static bool is_escaped(struct gw_str text, size_t at)
{
    size_t slashes = 0;

    while (slashes < at && text.ptr[at - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* From the end, so that a quote which a client left open further left hides nothing. */
bool gw_forwarded_take_last(struct gw_str *rest, struct gw_str *out_element)
{
    bool is_quoted = false;
    size_t at = rest->len;

    if (rest->len == 0)
        return false;
    while (at > 0 && (is_quoted || rest->ptr[at - 1] != ',')) {
        at--;
        if (rest->ptr[at] == '"' && !is_escaped(*rest, at))
            is_quoted = !is_quoted;
    }
    *out_element = is_quoted ? GW_STR("\"") : gw_str_trim(gw_str_tail(*rest, at));
    *rest = gw_str_from(rest->ptr, at > 0 ? at - 1 : 0);
    return true;
}

/* The next pair, up to a semicolon that is in no quotes. */
static bool take_pair(struct gw_str *rest, struct gw_str *out_pair)
{
    bool is_quoted = false;
    size_t at = 0;

    if (rest->len == 0)
        return false;
    for (; at < rest->len && (is_quoted || rest->ptr[at] != ';'); at++) {
        if (rest->ptr[at] == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && rest->ptr[at] == '\\')
            at += at + 1 < rest->len;
    }
    *out_pair = gw_str_trim(gw_str_from(rest->ptr, at));
    *rest = gw_str_tail(*rest, at < rest->len ? at + 1 : at);
    return true;
}

struct gw_str gw_forwarded_get(struct gw_str element, struct gw_str name)
{
    struct gw_str pair;

    while (take_pair(&element, &pair)) {
        size_t equals = gw_str_find(pair, '=');
        if (equals == pair.len || !gw_str_equal_nocase(gw_str_from(pair.ptr, equals), name))
            continue;
        struct gw_str value = gw_str_tail(pair, equals + 1);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = gw_str_from(value.ptr + 1, value.len - 2);
        return value;
    }
    return GW_STR("");
}
