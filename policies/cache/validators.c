#include "policies/cache/validators.h"

#include "policies/cache/http_date.h"

static struct gw_str opaque_of(struct gw_str etag)
{
    return gw_str_has_prefix(etag, GW_STR("W/")) ? gw_str_tail(etag, 2) : etag;
}

bool etag_is_valid(struct gw_str text)
{
    struct gw_str opaque = opaque_of(text);

    if (opaque.len < 2 || opaque.ptr[0] != '"' || opaque.ptr[opaque.len - 1] != '"')
        return false;
    for (size_t i = 1; i + 1 < opaque.len; i++) {
        unsigned char byte = (unsigned char)opaque.ptr[i];
        if (byte < 0x21 || byte == '"' || byte == 0x7f)
            return false;
    }
    return true;
}

bool etag_matches_weakly(struct gw_str a, struct gw_str b)
{
    return etag_is_valid(a) && gw_str_equal(opaque_of(a), opaque_of(b));
}

/* Takes the next member off the list: commas within the quotes belong to the tag. */
static struct gw_str take_tag(struct gw_str *rest)
{
    bool is_quoted = false;
    size_t at = 0;

    for (; at < rest->len && (is_quoted || rest->ptr[at] != ','); at++) {
        if (rest->ptr[at] == '"')
            is_quoted = !is_quoted;
    }
    struct gw_str tag = gw_str_trim(gw_str_from(rest->ptr, at));
    *rest = gw_str_tail(*rest, at < rest->len ? at + 1 : at);
    return tag;
}

static bool is_among(struct gw_str list, struct gw_str etag)
{
    if (gw_str_equal(gw_str_trim(list), GW_STR("*")))
        return true;
    while (list.len > 0) {
        if (etag_matches_weakly(take_tag(&list), etag))
            return true;
    }
    return false;
}

bool conditions_are_met(const struct conditions *conditions, struct gw_str etag,
                        struct gw_str modified, int64_t now_s)
{
    int64_t since_s, modified_s;

    if (conditions->if_none_match.len > 0) /* then the date does not count */
        return is_among(conditions->if_none_match, etag);
    return conditions->if_modified_since.len > 0 && modified.len > 0 &&
           http_date_parse(conditions->if_modified_since, now_s, &since_s) == 0 &&
           http_date_parse(modified, now_s, &modified_s) == 0 && modified_s <= since_s;
}
