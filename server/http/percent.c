#include "server/http/percent.h"

#include <errno.h>

#include <sys/types.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/utf8.h"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    char folded = (char)(digit | 0x20);
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

static bool has_codes(struct gw_str text, enum gw_percent_form form)
{
    if (form == GW_PERCENT_NONE || text.len == 0)
        return false;
    return memchr(text.ptr, '%', text.len) != NULL ||
           (form == GW_PERCENT_QUERY && memchr(text.ptr, '+', text.len) != NULL);
}

/* Returns the decoded length, or -1. */
static ssize_t decode_to(struct gw_str text, enum gw_percent_form form, char *out)
{
    ssize_t len = 0;

    for (size_t at = 0; at < text.len; at++) {
        char byte = text.ptr[at];
        if (byte == '+' && form == GW_PERCENT_QUERY) {
            byte = ' ';
        } else if (byte == '%') {
            int high = at + 2 < text.len ? hex_value(text.ptr[at + 1]) : -1;
            int low = at + 2 < text.len ? hex_value(text.ptr[at + 2]) : -1;
            if (high < 0 || low < 0)
                return -1;
            byte = (char)(high << 4 | low);
            at += 2;
        }
        out[len++] = byte;
    }
    return len;
}

int gw_percent_decode(struct gw_str text, enum gw_percent_form form, struct gw_arena *arena,
                      struct gw_str *out_text)
{
    struct gw_str result = text;

    if (has_codes(text, form)) {
        char *out = gw_arena_alloc(arena, text.len);
        if (out == NULL)
            return -ENOMEM;
        ssize_t len = decode_to(text, form, out);
        if (len < 0)
            return -EILSEQ;
        result = gw_str_from(out, (size_t)len);
    }
    if (result.len > 0 && memchr(result.ptr, '\0', result.len) != NULL)
        return -EILSEQ;
    if (!gw_utf8_is_valid(result))
        return -EILSEQ;
    *out_text = result;
    return 0;
}

static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void gw_percent_append(struct gw_buf *buf, struct gw_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t from = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]))
            continue;
        unsigned char byte = (unsigned char)text.ptr[i];
        const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        gw_buf_append(buf, text.ptr + from, i - from);
        gw_buf_append(buf, escape, sizeof(escape));
        from = i + 1;
    }
    if (from < text.len)
        gw_buf_append(buf, text.ptr + from, text.len - from);
}
