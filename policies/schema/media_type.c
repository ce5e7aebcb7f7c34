#include "policies/schema/media_type.h"

#include "server/contract/media.h"

/* How closely a range names `type`: 4 the same, 3 by suffix, 2 by type, 1 anything, 0 not. */
static int rank_of(struct gw_str type, struct gw_str range)
{
    size_t slash = gw_str_find(range, '/');

    if (gw_str_equal_nocase(type, range))
        return 4;
    if (gw_str_equal(range, GW_STR("*/*")))
        return 1;
    if (slash + 1 >= range.len || range.ptr[slash + 1] != '*')
        return 0;
    if (!gw_str_has_prefix_nocase(type, gw_str_from(range.ptr, slash + 1)))
        return 0;
    struct gw_str suffix = gw_str_tail(range, slash + 2);
    if (suffix.len == 0)
        return 2;
    struct gw_str subtype = gw_str_tail(type, slash + 1);
    return subtype.len > suffix.len &&
                   gw_str_equal_nocase(gw_str_tail(subtype, subtype.len - suffix.len), suffix)
               ? 3
               : 0;
}

const struct gw_media_type *media_type_select(const struct gw_media_type *types, size_t count,
                                              struct gw_str content_type)
{
    const struct gw_media_type *best = NULL;
    struct gw_str type;
    int best_rank = 0;

    if (!gw_media_parse(content_type, &type) || gw_str_find(type, '*') < type.len)
        return NULL;
    for (size_t i = 0; i < count && best_rank < 4; i++) {
        int rank = rank_of(type, types[i].range);
        if (rank > best_rank) {
            best_rank = rank;
            best = &types[i];
        }
    }
    return best;
}

bool media_type_is_in(struct gw_str content_type, struct gw_str range)
{
    struct gw_str type;
    return gw_media_parse(content_type, &type) && rank_of(type, range) > 0;
}

enum media_kind media_type_kind(struct gw_str content_type)
{
    struct gw_str type;

    if (!gw_media_parse(content_type, &type))
        return MEDIA_OTHER;
    if (gw_media_is_json(type))
        return MEDIA_JSON;
    if (gw_str_equal_nocase(type, GW_STR("application/x-www-form-urlencoded")))
        return MEDIA_FORM;
    if (gw_str_equal_nocase(type, GW_STR("multipart/form-data")))
        return MEDIA_MULTIPART;
    return MEDIA_OTHER;
}

/* Takes `name=value` or `name="value"` off *rest, with the ';' before it. False at the end or at
 * what is none. */
static bool next_parameter(struct gw_str *rest, struct gw_str *out_name, struct gw_str *out_value)
{
    size_t at = gw_str_find(*rest, ';');

    if (at == rest->len)
        return false;
    struct gw_str text = gw_str_trim(gw_str_tail(*rest, at + 1));
    size_t equals = gw_str_find(text, '=');
    if (equals == text.len)
        return false;
    *out_name = gw_str_trim(gw_str_from(text.ptr, equals));
    text = gw_str_tail(text, equals + 1);
    bool is_quoted = text.len > 0 && text.ptr[0] == '"';
    struct gw_str inside = gw_str_tail(text, is_quoted);
    size_t end = gw_str_find(inside, is_quoted ? '"' : ';');
    if (is_quoted && end == inside.len)
        return false;
    *out_value = gw_str_from(inside.ptr, end);
    if (!is_quoted)
        *out_value = gw_str_trim(*out_value);
    *rest = gw_str_tail(inside, end + is_quoted);
    return memchr(out_value->ptr, '\\', out_value->len) == NULL;
}

struct gw_str media_type_parameter(struct gw_str content_type, struct gw_str name)
{
    struct gw_str rest = content_type;
    struct gw_str found_name, value;

    while (next_parameter(&rest, &found_name, &value)) {
        if (gw_str_equal_nocase(found_name, name))
            return value;
    }
    return GW_STR("");
}
