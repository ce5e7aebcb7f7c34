#include "policies/cors/origin.h"

#include <stdint.h>

/* The scheme with its mark, or empty. */
static struct gw_str scheme_of(struct gw_str origin)
{
    static const struct gw_str schemes[] = {GW_STR_INIT("https://"), GW_STR_INIT("http://")};

    for (size_t i = 0; i < GW_COUNT_OF(schemes); i++) {
        if (gw_str_has_prefix(origin, schemes[i]))
            return schemes[i];
    }
    return GW_STR("");
}

static bool is_host(struct gw_str host)
{
    bool is_label_begun = false;

    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool is_inner = c == '-' || c == '.';
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !is_inner)
            return false;
        if (is_inner && !is_label_begun)
            return false;
        is_label_begun = c != '.';
    }
    return is_label_begun;
}

static bool is_port(struct gw_str port)
{
    uint64_t number;

    return gw_str_to_u64(port, &number) == 0 && port.ptr[0] != '0' && number <= UINT16_MAX;
}

bool cors_origin_pattern_is_valid(struct gw_str pattern)
{
    struct gw_str scheme = scheme_of(pattern);

    if (gw_str_equal(pattern, GW_STR("*")))
        return true;
    if (scheme.len == 0)
        return false;
    struct gw_str rest = gw_str_tail(pattern, scheme.len);
    if (gw_str_has_prefix(rest, GW_STR("*.")))
        rest = gw_str_tail(rest, 2);
    size_t colon;
    if (rest.len > 0 && rest.ptr[0] == '[') { /* an IPv6 address */
        size_t end = gw_str_find(rest, ']');
        if (end == rest.len || end < 3)
            return false;
        for (size_t i = 1; i < end; i++) {
            if (strchr("0123456789abcdef:.", rest.ptr[i]) == NULL)
                return false;
        }
        if (end + 1 == rest.len)
            return true;
        return rest.ptr[end + 1] == ':' && is_port(gw_str_tail(rest, end + 2));
    }
    colon = gw_str_find(rest, ':');
    return is_host(gw_str_from(rest.ptr, colon)) &&
           (colon == rest.len || is_port(gw_str_tail(rest, colon + 1)));
}

bool cors_origin_matches(struct gw_str pattern, struct gw_str origin)
{
    struct gw_str scheme = scheme_of(pattern);
    struct gw_str rest = gw_str_tail(pattern, scheme.len);

    if (gw_str_equal(pattern, GW_STR("*")))
        return true;
    if (!gw_str_has_prefix(rest, GW_STR("*.")))
        return gw_str_equal(pattern, origin);
    struct gw_str end = gw_str_tail(rest, 1); /* ".plant.example:8443" */
    if (!gw_str_has_prefix(origin, scheme) || origin.len <= scheme.len + end.len ||
        !gw_str_has_suffix(origin, end))
        return false;
    return is_host(gw_str_from(origin.ptr + scheme.len, origin.len - scheme.len - end.len));
}
