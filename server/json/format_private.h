/* Characters that several formats ask for. Private to format*.c. ASCII only, whatever the locale.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"

static inline bool format_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool format_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool format_is_alnum(char c)
{
    return format_is_digit(c) || format_is_letter(c);
}

static inline bool format_is_hex(char c)
{
    return format_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Whether `text` starts with %XX. */
static inline bool format_is_escape(struct gw_str text)
{
    return text.len >= 3 && text.ptr[0] == '%' && format_is_hex(text.ptr[1]) &&
           format_is_hex(text.ptr[2]);
}

/* Takes `len` bytes off the front. */
static inline struct gw_str format_take(struct gw_str *rest, size_t len)
{
    struct gw_str part = gw_str_from(rest->ptr, len);
    *rest = gw_str_from(rest->ptr + len, rest->len - len);
    return part;
}

/* ucschar of RFC 3987; with `is_private` also iprivate. */
bool gw_format_is_ucschar(uint32_t c, bool is_private);

/* The code point at the start of `text`, which is well-formed, and its length. */
uint32_t gw_format_code_point(struct gw_str text, size_t *out_len);
