#include "policies/jwt/htu.h"

#include <errno.h>

#include "server/json/uri.h"
#include "server/net/address.h"

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = lower(digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool is_unreserved(int byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

/* Without ":80" behind http and ":443" behind https; an empty port is the default one, too. */
static struct gw_str without_default_port(struct gw_str authority, bool is_tls)
{
    struct gw_str port = is_tls ? GW_STR(":443") : GW_STR(":80");

    if (gw_str_has_suffix(authority, port))
        authority.len -= port.len;
    else if (gw_str_has_suffix(authority, GW_STR(":")))
        authority.len--;
    return authority;
}

static bool is_name(struct gw_str host)
{
    for (size_t i = 0; i < host.len; i++) {
        char byte = host.ptr[i];
        if (byte <= 0x20 || byte >= 0x7f || strchr("@%\\[]", byte) != NULL)
            return false;
    }
    return host.len > 0;
}

/* A name, or an address in brackets; and at most one port. */
static bool is_authority(struct gw_str authority)
{
    bool is_literal = gw_str_has_prefix(authority, GW_STR("["));
    size_t end = gw_str_find(authority, is_literal ? ']' : ':');
    struct gw_address address;

    if (is_literal) {
        struct gw_str inner = gw_str_from(authority.ptr + 1, end - 1);
        if (end == authority.len || gw_address_parse(inner, &address) != 0 ||
            address.any.sa_family != AF_INET6)
            return false;
        end++;
    } else if (!is_name(gw_str_from(authority.ptr, end))) {
        return false;
    }
    struct gw_str port = gw_str_tail(authority, end);
    for (size_t i = 0; i < port.len; i++) {
        if (i == 0 ? port.ptr[i] != ':' : port.ptr[i] < '0' || port.ptr[i] > '9')
            return false;
    }
    return true;
}

/* Writes one byte of a path, or its escape, in normal form; returns how much of `text` that was, 0
 * if it must not stand there. */
static size_t write_byte(struct gw_str text, char **out)
{
    static const char digits[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)text.ptr[0];

    if (byte <= 0x20 || byte >= 0x7f || byte == '\\')
        return 0;
    if (byte != '%') {
        *(*out)++ = (char)byte;
        return 1;
    }
    int high = text.len < 3 ? -1 : hex_value(text.ptr[1]);
    int low = text.len < 3 ? -1 : hex_value(text.ptr[2]);
    if (high < 0 || low < 0)
        return 0;
    int value = high << 4 | low;
    if (is_unreserved(value)) {
        *(*out)++ = (char)value;
        return 3;
    }
    *(*out)++ = '%';
    *(*out)++ = digits[high];
    *(*out)++ = digits[low];
    return 3;
}

/* RFC 3986, section 5.2.4, in place: `path` begins with a slash. */
static size_t remove_dots(char *path, size_t len)
{
    struct gw_str rest = gw_str_from(path + 1, len - 1), segment;
    size_t used = 0;

    while (gw_str_split(&rest, '/', &segment)) {
        bool is_last = rest.ptr == NULL;
        bool is_up = gw_str_equal(segment, GW_STR(".."));
        if (is_up) {
            while (used > 0 && path[--used] != '/')
                continue;
        }
        if (is_up || gw_str_equal(segment, GW_STR("."))) {
            if (is_last)
                path[used++] = '/';
            continue;
        }
        path[used++] = '/';
        memmove(path + used, segment.ptr, segment.len);
        used += segment.len;
    }
    return used;
}

static int write_path(struct gw_str path, char **out)
{
    char *start = *out;

    if (path.len == 0)
        path = GW_STR("/");
    if (path.ptr[0] != '/')
        return -EINVAL;
    while (path.len > 0) {
        size_t step = write_byte(path, out);
        if (step == 0)
            return -EINVAL;
        path = gw_str_tail(path, step);
    }
    *out = start + remove_dots(start, (size_t)(*out - start));
    return 0;
}

int htu_normalize(struct gw_arena *arena, struct gw_str uri, struct gw_str *out_normal)
{
    struct gw_uri parts = gw_uri_split(uri);
    bool is_tls = gw_str_equal_nocase(parts.scheme, GW_STR("https"));
    struct gw_str scheme = is_tls ? GW_STR("https://") : GW_STR("http://");

    if (!is_tls && !gw_str_equal_nocase(parts.scheme, GW_STR("http")))
        return -EINVAL;
    struct gw_str authority = without_default_port(parts.authority, is_tls);
    if (!is_authority(parts.authority) || authority.len == 0)
        return -EINVAL;
    char *normal = gw_arena_alloc(arena, scheme.len + authority.len + parts.path.len + 1);
    if (normal == NULL)
        return -ENOMEM;
    char *at = normal + scheme.len;
    memcpy(normal, scheme.ptr, scheme.len);
    for (size_t i = 0; i < authority.len; i++)
        *at++ = lower(authority.ptr[i]);
    int rc = write_path(parts.path, &at);
    if (rc == 0)
        *out_normal = gw_str_from(normal, (size_t)(at - normal));
    return rc;
}
