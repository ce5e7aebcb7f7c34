#include "server/connector/soap/text.h"

#include "server/core/buf.h"
#include "server/core/utf8.h"

bool soap_is_text(struct gw_str text)
{
    if (!gw_utf8_is_valid(text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
            return false;
        /* U+FFFE and U+FFFF */
        if (byte == 0xef && i + 2 < text.len && (unsigned char)text.ptr[i + 1] == 0xbf &&
            (unsigned char)text.ptr[i + 2] >= 0xbe)
            return false;
    }
    return true;
}

static const char *escape_of(char byte)
{
    switch (byte) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

void soap_write_text(struct gw_buf *out, struct gw_str text)
{
    size_t from = 0;

    for (size_t i = 0; i < text.len; i++) {
        const char *escape = escape_of(text.ptr[i]);
        if (escape == NULL)
            continue;
        gw_buf_append(out, text.ptr + from, i - from);
        gw_buf_append_text(out, escape);
        from = i + 1;
    }
    if (text.len > from)
        gw_buf_append(out, text.ptr + from, text.len - from);
}

struct gw_str soap_scalar(const struct gw_value *value)
{
    switch (value->type) {
    case GW_JSON_STRING:
        if (value->text.len == 0)
            return GW_STR("");
        return soap_is_text(value->text) ? value->text : gw_str_from(NULL, 0);
    case GW_JSON_NUMBER:
        return value->text;
    case GW_JSON_TRUE:
        return GW_STR("true");
    case GW_JSON_FALSE:
        return GW_STR("false");
    default:
        return gw_str_from(NULL, 0);
    }
}
