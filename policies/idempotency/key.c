#include "key.h"

#include <errno.h>

static bool is_between(char byte, char first, char last)
{
    return byte >= first && byte <= last;
}

static bool is_bare_byte(char byte)
{
    return is_between(byte, 'a', 'z') || is_between(byte, 'A', 'Z') || is_between(byte, '0', '9') ||
           memchr("-._~:", byte, 5) != NULL;
}

static bool is_bare(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_bare_byte(text.ptr[i]))
            return false;
    }
    return text.len > 0;
}

/* Takes a quoted string off the front (RFC 9651, section 4.2.5). `out` has room for all of it, or
 * is NULL. */
static bool take_string(struct gw_str *rest, char *out, size_t *out_len)
{
    size_t at = 1, len = 0;

    while (at < rest->len && rest->ptr[at] != '"') {
        char byte = rest->ptr[at++];
        if (byte == '\\') {
            if (at == rest->len || (rest->ptr[at] != '"' && rest->ptr[at] != '\\'))
                return false;
            byte = rest->ptr[at++];
        } else if (!is_between(byte, 0x20, 0x7e)) {
            return false;
        }
        if (out != NULL)
            out[len] = byte;
        len++;
    }
    if (at == rest->len)
        return false;
    *rest = gw_str_tail(*rest, at + 1);
    *out_len = len;
    return true;
}

static void skip_spaces(struct gw_str *rest)
{
    while (rest->len > 0 && rest->ptr[0] == ' ')
        *rest = gw_str_tail(*rest, 1);
}

static bool is_name_byte(char byte, bool is_first)
{
    if (is_between(byte, 'a', 'z') || byte == '*')
        return true;
    return !is_first && (is_between(byte, '0', '9') || memchr("_-.", byte, 3) != NULL);
}

/* A parameter's value that is no string: its form is nobody's concern here, only its end. */
static bool take_bare_item(struct gw_str *rest)
{
    size_t at = 0;

    while (at < rest->len && is_between(rest->ptr[at], 0x21, 0x7e) &&
           memchr(";,\"", rest->ptr[at], 3) == NULL)
        at++;
    *rest = gw_str_tail(*rest, at);
    return at > 0;
}

static bool take_parameter(struct gw_str *rest)
{
    size_t at = 0, ignored;

    *rest = gw_str_tail(*rest, 1); /* the semicolon */
    skip_spaces(rest);
    while (at < rest->len && is_name_byte(rest->ptr[at], at == 0))
        at++;
    *rest = gw_str_tail(*rest, at);
    if (at == 0)
        return false;
    if (rest->len == 0 || rest->ptr[0] != '=')
        return true;
    *rest = gw_str_tail(*rest, 1);
    if (rest->len > 0 && rest->ptr[0] == '"')
        return take_string(rest, NULL, &ignored);
    return take_bare_item(rest);
}

int key_parse(struct gw_arena *arena, struct gw_str value, bool is_lenient, struct gw_str *out_key,
              const char **out_flaw)
{
    struct gw_str rest = gw_str_trim(value);
    size_t len = rest.len;
    char *key = gw_arena_alloc(arena, rest.len + 1);

    if (key == NULL)
        return -ENOMEM;
    *out_flaw = "It must be a string in double quotes (RFC 9651), such as "
                "\"8e03978e-40d5-43dd-bc93-6894a57f9324\".";
    if (is_lenient && is_bare(rest)) {
        memcpy(key, rest.ptr, rest.len);
        rest = GW_STR("");
    } else if (rest.len == 0 || rest.ptr[0] != '"' || !take_string(&rest, key, &len)) {
        return -EINVAL;
    }
    while (rest.len > 0 && rest.ptr[0] == ';') {
        if (!take_parameter(&rest))
            return -EINVAL;
    }
    if (rest.len > 0)
        return -EINVAL;
    *out_flaw = "It must have 1 to 255 characters.";
    if (len == 0 || len > KEY_MAX_BYTES)
        return -EINVAL;
    key[len] = '\0';
    *out_key = gw_str_from(key, len);
    return 0;
}
