#include "server/core/str.h"

#include <errno.h>
#include <stdlib.h>

static unsigned char lower(char byte)
{
    unsigned char value = (unsigned char)byte;
    return value >= 'A' && value <= 'Z' ? (unsigned char)(value | 0x20) : value;
}

bool gw_str_equal_nocase(struct gw_str a, struct gw_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (a.ptr[i] != b.ptr[i] && lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool gw_str_has_prefix(struct gw_str text, struct gw_str prefix)
{
    return text.len >= prefix.len && gw_str_equal(gw_str_from(text.ptr, prefix.len), prefix);
}

bool gw_str_has_prefix_nocase(struct gw_str text, struct gw_str prefix)
{
    return text.len >= prefix.len && gw_str_equal_nocase(gw_str_from(text.ptr, prefix.len), prefix);
}

bool gw_str_has_suffix(struct gw_str text, struct gw_str suffix)
{
    return text.len >= suffix.len && gw_str_equal(gw_str_tail(text, text.len - suffix.len), suffix);
}

int gw_str_compare(struct gw_str a, struct gw_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

size_t gw_str_find(struct gw_str text, char byte)
{
    const char *found = text.len == 0 ? NULL : memchr(text.ptr, byte, text.len);
    return found == NULL ? text.len : (size_t)(found - text.ptr);
}

struct gw_str gw_str_tail(struct gw_str text, size_t from)
{
    if (from == 0)
        return text; /* also keeps NULL + 0 out of the arithmetic */
    return gw_str_from(text.ptr + from, text.len - from);
}

struct gw_str gw_str_trim(struct gw_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = gw_str_tail(text, 1);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool gw_str_split(struct gw_str *rest, char separator, struct gw_str *out_part)
{
    if (rest->ptr == NULL)
        return false;

    size_t at = gw_str_find(*rest, separator);
    *out_part = gw_str_from(rest->ptr, at);
    *rest = at == rest->len ? (struct gw_str){NULL, 0} : gw_str_tail(*rest, at + 1);
    return true;
}

int gw_str_to_u64(struct gw_str text, uint64_t *out_value)
{
    uint64_t value = 0;

    if (text.len == 0)
        return -EINVAL;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -ERANGE;
        value = value * 10 + digit;
    }
    *out_value = value;
    return 0;
}

char *gw_str_duplicate(struct gw_str text)
{
    char *copy = malloc(text.len + 1);

    if (copy == NULL)
        return NULL;
    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return copy;
}
