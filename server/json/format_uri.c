/* URIs (RFC 3986) and IRIs (RFC 3987). */
#include "server/core/utf8.h"
#include "server/json/format.h"
#include "server/json/format_private.h"
#include "server/json/uri.h"

#define SUB_DELIMS "!$&'()*+,;="

uint32_t gw_format_code_point(struct gw_str text, size_t *out_len)
{
    size_t len = gw_utf8_length(text);
    uint32_t value = (unsigned char)text.ptr[0];

    *out_len = len == 0 ? 1 : len;
    if (len > 1) {
        value &= 0x7fu >> len;
        for (size_t i = 1; i < len; i++)
            value = value << 6 | ((unsigned char)text.ptr[i] & 0x3f);
    }
    return value;
}

bool gw_format_is_ucschar(uint32_t c, bool is_private)
{
    if (c >= 0xe000 && c <= 0xf8ff)
        return is_private;
    if (c < 0x10000)
        return (c >= 0xa0 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) ||
               (c >= 0xfdf0 && c <= 0xffef);
    if ((c & 0xfffe) == 0xfffe)
        return false; /* the last two of each plane are no characters */
    if (c >= 0xf0000)
        return is_private;
    return c < 0xe0000 || c >= 0xe1000;
}

struct rules {
    bool is_iri;
    bool is_private;   /* iprivate, in the query */
    const char *extra; /* besides unreserved, sub-delims and %XX */
};

static bool are_allowed(struct gw_str text, struct rules rules)
{
    while (text.len > 0) {
        char c = text.ptr[0];
        size_t len = 1;
        if (c == '%') {
            if (!format_is_escape(text))
                return false;
            len = 3;
        } else if ((unsigned char)c >= 0x80) {
            uint32_t code_point = gw_format_code_point(text, &len);
            if (!rules.is_iri || !gw_format_is_ucschar(code_point, rules.is_private))
                return false;
        } else if (!format_is_alnum(c) && (c == '\0' || (strchr("-._~" SUB_DELIMS, c) == NULL &&
                                                         strchr(rules.extra, c) == NULL))) {
            return false;
        }
        text = gw_str_tail(text, len);
    }
    return true;
}

static bool is_scheme(struct gw_str text)
{
    if (text.len == 0 || !format_is_letter(text.ptr[0]))
        return false;
    for (size_t i = 1; i < text.len; i++) {
        char c = text.ptr[i];
        if (!format_is_alnum(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    return true;
}

/* "v" hexdigits "." at least one character. */
static bool is_ip_future(struct gw_str text)
{
    size_t dot = gw_str_find(text, '.');

    if (text.len == 0 || (text.ptr[0] | 0x20) != 'v' || dot < 2 || dot + 1 >= text.len)
        return false;
    for (size_t i = 1; i < dot; i++) {
        if (!format_is_hex(text.ptr[i]))
            return false;
    }
    struct gw_str rest = gw_str_tail(text, dot + 1);
    return gw_str_find(rest, '%') == rest.len && are_allowed(rest, (struct rules){.extra = ":"});
}

static bool is_port(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!format_is_digit(text.ptr[i]))
            return false;
    }
    return true;
}

static bool is_authority(struct gw_str text, bool is_iri)
{
    size_t at = gw_str_find(text, '@');

    if (at < text.len) {
        struct gw_str user = gw_str_from(text.ptr, at);
        if (!are_allowed(user, (struct rules){.is_iri = is_iri, .extra = ":"}))
            return false;
        text = gw_str_tail(text, at + 1);
    }
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = gw_str_find(text, ']');
        if (close == text.len)
            return false;
        struct gw_str literal = gw_str_from(text.ptr + 1, close - 1);
        struct gw_str port = gw_str_tail(text, close + 1);
        if (!gw_format_is_ipv6(literal) && !is_ip_future(literal))
            return false;
        return port.len == 0 || (port.ptr[0] == ':' && is_port(gw_str_tail(port, 1)));
    }
    size_t colon = gw_str_find(text, ':');
    if (colon < text.len && !is_port(gw_str_tail(text, colon + 1)))
        return false;
    return are_allowed(gw_str_from(text.ptr, colon), (struct rules){.is_iri = is_iri, .extra = ""});
}

/* gw_uri_split cuts at the first of ":/?#", so a first segment with a colon always comes out as a
 * scheme. */
static bool is_valid(struct gw_str text, bool is_iri, bool needs_scheme)
{
    struct gw_uri uri = gw_uri_split(text);

    if (uri.scheme.ptr == NULL ? needs_scheme : !is_scheme(uri.scheme))
        return false;
    if (uri.scheme.ptr == NULL && text.len > 0 && text.ptr[0] == ':')
        return false;
    if (uri.authority.ptr != NULL && !is_authority(uri.authority, is_iri))
        return false;
    return are_allowed(uri.path, (struct rules){.is_iri = is_iri, .extra = ":@/"}) &&
           are_allowed(uri.query,
                       (struct rules){.is_iri = is_iri, .is_private = true, .extra = ":@/?"}) &&
           are_allowed(uri.fragment, (struct rules){.is_iri = is_iri, .extra = ":@/?"});
}

bool gw_format_is_uri(struct gw_str text)
{
    return is_valid(text, false, true);
}

bool gw_format_is_uri_reference(struct gw_str text)
{
    return is_valid(text, false, false);
}

bool gw_format_is_iri(struct gw_str text)
{
    return is_valid(text, true, true);
}

bool gw_format_is_iri_reference(struct gw_str text)
{
    return is_valid(text, true, false);
}
