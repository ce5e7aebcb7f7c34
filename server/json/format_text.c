/* The smaller grammars: URI templates, UUIDs, pointers, base64. */
#include "server/json/format.h"
#include "server/json/format_private.h"
#include "server/json/pointer.h"

/* --- RFC 6570 -----------------------------------------------------------------------------------
 */

static bool is_literal(uint32_t c)
{
    if (c >= 0x80)
        return gw_format_is_ucschar(c, true);
    return c > 0x20 && c < 0x7f && strchr("\"%<>\\^`{|}", (int)c) == NULL;
}

/* The length of the variable's character at the start of `text`, or 0. */
static size_t varchar_length(struct gw_str text)
{
    if (text.len > 0 && (format_is_alnum(text.ptr[0]) || text.ptr[0] == '_'))
        return 1;
    return format_is_escape(text) ? 3 : 0;
}

/* Behind ':' of a variable: 1 to 9999. */
static bool is_max_length(struct gw_str text)
{
    if (text.len == 0 || text.len > 4 || text.ptr[0] == '0')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!format_is_digit(text.ptr[i]))
            return false;
    }
    return true;
}

static bool is_varspec(struct gw_str text)
{
    size_t len = varchar_length(text);

    if (len == 0)
        return false;
    for (; len > 0; len = varchar_length(text)) {
        text = gw_str_tail(text, len);
        if (text.len > 0 && text.ptr[0] == '.') {
            text = gw_str_tail(text, 1);
            if (varchar_length(text) == 0)
                return false;
        }
    }
    if (text.len > 0 && text.ptr[0] == ':')
        return is_max_length(gw_str_tail(text, 1));
    return text.len == 0 || gw_str_equal(text, GW_STR("*"));
}

static bool is_expression(struct gw_str text)
{
    struct gw_str variable;

    if (text.len > 0 && text.ptr[0] != '\0' && strchr("+#./;?&=,!@|", text.ptr[0]) != NULL)
        text = gw_str_tail(text, 1);
    if (text.len == 0)
        return false;
    while (gw_str_split(&text, ',', &variable)) {
        if (!is_varspec(variable))
            return false;
    }
    return true;
}

bool gw_format_is_uri_template(struct gw_str text)
{
    while (text.len > 0) {
        size_t len = 1;
        if (text.ptr[0] == '{') {
            size_t close = gw_str_find(text, '}');
            if (close == text.len || !is_expression(gw_str_from(text.ptr + 1, close - 1)))
                return false;
            len = close + 1;
        } else if (format_is_escape(text)) {
            len = 3;
        } else if (!is_literal(gw_format_code_point(text, &len))) {
            return false;
        }
        text = gw_str_tail(text, len);
    }
    return true;
}

/* --- RFC 4122 -----------------------------------------------------------------------------------
 */

bool gw_format_is_uuid(struct gw_str text)
{
    if (text.len != 36)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_hyphen ? text.ptr[i] != '-' : !format_is_hex(text.ptr[i]))
            return false;
    }
    return true;
}

/* --- pointers
 * ------------------------------------------------------------------------------------- */

bool gw_format_is_json_pointer(struct gw_str text)
{
    return gw_pointer_is_valid(text);
}

/* Takes an integer without leading zeros off the front. */
static bool take_integer(struct gw_str *rest, bool may_be_zero)
{
    size_t len = 0;

    while (len < rest->len && format_is_digit(rest->ptr[len]))
        len++;
    if (len == 0 || (rest->ptr[0] == '0' && (len > 1 || !may_be_zero)))
        return false;
    format_take(rest, len);
    return true;
}

bool gw_format_is_relative_json_pointer(struct gw_str text)
{
    if (!take_integer(&text, true))
        return false;
    if (text.len > 0 && (text.ptr[0] == '+' || text.ptr[0] == '-')) {
        format_take(&text, 1);
        if (!take_integer(&text, false))
            return false;
    }
    return gw_str_equal(text, GW_STR("#")) || gw_pointer_is_valid(text);
}

/* --- RFC 4648
 * ------------------------------------------------------------------------------------- */

bool gw_format_is_base64(struct gw_str text)
{
    size_t len = text.len;

    if (len % 4 != 0)
        return false;
    for (int padding = 0; padding < 2 && len > 0 && text.ptr[len - 1] == '='; padding++)
        len--;
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];
        if (!format_is_alnum(c) && c != '+' && c != '/')
            return false;
    }
    return true;
}
