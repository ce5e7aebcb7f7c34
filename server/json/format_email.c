/* Mailboxes: RFC 5321, section 4.1.2, and its extension to UTF-8 in RFC 6531, section 3.3. */
#include "server/json/format.h"
#include "server/json/format_private.h"

#define MAX_LOCAL_BYTES 64 /* RFC 5321, section 4.5.3.1.1 */

static bool is_atext(char c, bool is_idn)
{
    if ((unsigned char)c >= 0x80)
        return is_idn;
    return format_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_dot_string(struct gw_str text, bool is_idn)
{
    struct gw_str atom;

    if (text.len == 0)
        return false;
    while (gw_str_split(&text, '.', &atom)) {
        if (atom.len == 0)
            return false;
        for (size_t i = 0; i < atom.len; i++) {
            if (!is_atext(atom.ptr[i], is_idn))
                return false;
        }
    }
    return true;
}

/* The length of the quoted string that `text` starts with, or 0. */
static size_t quoted_length(struct gw_str text, bool is_idn)
{
    for (size_t i = 1; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"')
            return i + 1;
        if (c == '\\' && (++i == text.len || text.ptr[i] < 0x20 || text.ptr[i] == 0x7f))
            return 0;
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_idn))
            return 0;
    }
    return 0;
}

/* What stands between the brackets of an address literal. */
static bool is_address(struct gw_str text)
{
    if (gw_str_has_prefix_nocase(text, GW_STR("IPv6:")))
        return gw_format_is_ipv6(gw_str_tail(text, 5));
    return gw_format_is_ipv4(text);
}

static bool is_mailbox(struct gw_str text, bool is_idn)
{
    bool is_quoted = text.len > 0 && text.ptr[0] == '"';
    size_t at = is_quoted ? quoted_length(text, is_idn) : gw_str_find(text, '@');

    if (at == 0 || at >= text.len || at > MAX_LOCAL_BYTES || text.ptr[at] != '@')
        return false;
    if (!is_quoted && !is_dot_string(gw_str_from(text.ptr, at), is_idn))
        return false;
    struct gw_str domain = gw_str_tail(text, at + 1);
    if (domain.len > 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']')
        return is_address(gw_str_from(domain.ptr + 1, domain.len - 2));
    return is_idn ? gw_format_is_idn_hostname(domain) : gw_format_is_hostname(domain);
}

bool gw_format_is_email(struct gw_str text)
{
    return is_mailbox(text, false);
}

bool gw_format_is_idn_email(struct gw_str text)
{
    return is_mailbox(text, true);
}
