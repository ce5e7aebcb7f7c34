#include "media.h"

#include "loading.h"

/* RFC 9110, section 5.6.2. */
static bool is_token(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        bool is_alnum = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                        (byte >= 'A' && byte <= 'Z');
        if (!is_alnum && (byte == '\0' || strchr("!#$%&'*+-.^_`|~", byte) == NULL))
            return false;
    }
    return text.len > 0;
}

static bool are_parameters(struct gw_str text)
{
    struct gw_str rest = text;
    struct gw_str part;

    while (gw_str_split(&rest, ';', &part)) {
        part = gw_str_trim(part);
        size_t equals = gw_str_find(part, '=');
        if (part.len == 0)
            continue;
        if (equals + 1 >= part.len || !is_token(gw_str_from(part.ptr, equals)))
            return false;
    }
    return true;
}

bool gw_media_parse(struct gw_str text, struct gw_str *out_range)
{
    struct gw_str range = gw_str_trim(gw_str_from(text.ptr, gw_str_find(text, ';')));
    size_t slash = gw_str_find(range, '/');

    if (slash == range.len || !is_token(gw_str_from(range.ptr, slash)) ||
        !is_token(gw_str_tail(range, slash + 1)))
        return false;
    if (range.ptr[0] == '*' && !gw_str_equal(range, GW_STR("*/*")))
        return false;
    size_t end = gw_str_find(text, ';');
    if (end < text.len && !are_parameters(gw_str_tail(text, end + 1)))
        return false;
    *out_range = range;
    return true;
}

bool gw_media_is_json(struct gw_str range)
{
    struct gw_str suffix = GW_STR("+json");

    if (gw_str_equal_nocase(range, GW_STR("application/json")))
        return true;
    return range.len > suffix.len &&
           gw_str_equal_nocase(gw_str_tail(range, range.len - suffix.len), suffix);
}

struct gw_str contract_lower(struct contract_loading *loading, struct gw_str text)
{
    char *lower = contract_alloc(loading, text.len + 1, 1);

    if (lower == NULL)
        return GW_STR("");
    for (size_t i = 0; i < text.len; i++) {
        bool is_upper = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z';
        lower[i] = (char)(is_upper ? text.ptr[i] | 0x20 : text.ptr[i]);
    }
    return gw_str_from(lower, text.len);
}

bool contract_read_media_range(struct contract_loading *loading, const struct gw_place *entry,
                               struct gw_str *out_range)
{
    struct gw_str range;

    if (!gw_media_parse(gw_str_of(entry->key), &range)) {
        gw_place_report_key(&loading->resolver, entry, GW_SEVERITY_ERROR,
                            "\"%.80s\" is no media type", entry->key);
        return false;
    }
    *out_range = contract_lower(loading, range);
    return out_range->len > 0;
}
