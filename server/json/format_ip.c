/* Addresses of the Internet Protocol. */
#include "server/json/format.h"
#include "server/json/format_private.h"

bool gw_format_is_ipv4(struct gw_str text)
{
    struct gw_str rest = text, part;
    int count = 0;

    for (; gw_str_split(&rest, '.', &part); count++) {
        int value = 0;
        if (part.len == 0 || part.len > 3 || (part.len > 1 && part.ptr[0] == '0'))
            return false;
        for (size_t i = 0; i < part.len; i++) {
            if (!format_is_digit(part.ptr[i]))
                return false;
            value = value * 10 + (part.ptr[i] - '0');
        }
        if (value > 255 || count == 4)
            return false;
    }
    return count == 4;
}

/* The number of 16-bit groups in `text` (an IPv4 address at the end counts two), or -1. */
static int count_groups(struct gw_str text, bool may_end_in_ipv4)
{
    struct gw_str part;
    int count = 0;

    if (text.len == 0)
        return 0;
    while (gw_str_split(&text, ':', &part)) {
        bool is_last = text.ptr == NULL;
        if (is_last && may_end_in_ipv4 && gw_str_find(part, '.') < part.len)
            return gw_format_is_ipv4(part) && count <= 6 ? count + 2 : -1;
        if (part.len == 0 || part.len > 4)
            return -1;
        for (size_t i = 0; i < part.len; i++) {
            if (!format_is_hex(part.ptr[i]))
                return -1;
        }
        if (++count > 8)
            return -1;
    }
    return count;
}

bool gw_format_is_ipv6(struct gw_str text)
{
    size_t gap = 0;

    if (text.len > 45) /* the longest, with an IPv4 address at its end */
        return false;
    while (gap + 1 < text.len && (text.ptr[gap] != ':' || text.ptr[gap + 1] != ':'))
        gap++;
    if (gap + 1 >= text.len)
        return count_groups(text, true) == 8;
    int before = count_groups(gw_str_from(text.ptr, gap), false);
    int after = count_groups(gw_str_tail(text, gap + 2), true);
    return before >= 0 && after >= 0 && before + after <= 7;
}
