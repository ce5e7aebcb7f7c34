/* Strings that are not plain ASCII: UTF-8 checked in place, escapes decoded to the arena. */
#include <errno.h>

#include "server/core/arena.h"
#include "server/core/utf8.h"
#include "server/json/reader_private.h"
#include "server/json/reader_scan.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four hex digits at `p`, or -1. */
static int32_t hex_quad(const char *p, const char *end)
{
    int32_t value = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Decodes the "\uXXXX" (or the pair of them) at `p`, appends to *out, returns the place behind. */
static const char *unescape_unicode(struct gw_reader *reader, const char *p, const char *end,
                                    char **out)
{
    int32_t unit = hex_quad(p + 2, end);

    if (unit < 0)
        return gw_reader_fail(reader, -EINVAL, p, "\\u needs four hexadecimal digits");
    if (is_low_surrogate(unit))
        return gw_reader_fail(reader, -EINVAL, p, "a low surrogate without a high one before it");
    uint32_t code_point = (uint32_t)unit;
    const char *next = p + 6;
    if (is_high_surrogate(unit)) {
        int32_t low =
            end - next >= 6 && next[0] == '\\' && next[1] == 'u' ? hex_quad(next + 2, end) : -1;
        if (!is_low_surrogate(low))
            return gw_reader_fail(reader, -EINVAL, p,
                                  "a high surrogate without a low one behind it");
        code_point = 0x10000u + ((code_point - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u);
        next += 6;
    }
    *out += gw_utf8_encode(code_point, *out);
    return next;
}

static const char *unescape(struct gw_reader *reader, const char *p, const char *end, char **out)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";

    if (end - p < 2)
        return gw_reader_fail(reader, -EINVAL, end, "the text ends inside a string");
    if (p[1] == 'u')
        return unescape_unicode(reader, p, end, out);
    const char *found = p[1] == '\0' ? NULL : strchr(from, p[1]);
    if (found == NULL)
        return gw_reader_fail(reader, -EINVAL, p, "no such escape in a string");
    *(*out)++ = to[found - from];
    return p + 2;
}

/* Behind the sequences that are not ASCII at `p`, or NULL. */
static const char *skip_utf8(struct gw_reader *reader, const char *p, const char *end)
{
    while (p < end && (unsigned char)*p >= 0x80) {
        size_t len = gw_utf8_length(gw_str_from(p, (size_t)(end - p)));
        if (len == 0)
            return gw_reader_fail(reader, -EINVAL, p, "a string is not well-formed UTF-8");
        p += len;
    }
    return p;
}

static const char *refuse(struct gw_reader *reader, const char *p, const char *end)
{
    if (p >= end)
        return gw_reader_fail(reader, -EINVAL, end, "the text ends inside a string");
    return gw_reader_fail(reader, -EINVAL, p, "a control character in a string must be escaped");
}

/* From the first escape (at `p`) on, everything goes through the arena. */
static const char *decode(struct gw_reader *reader, const char *start, const char *p,
                          struct gw_json_token *token)
{
    const char *end = reader->text.ptr + reader->text.len;

    if (reader->decoded == NULL) {
        reader->decoded = gw_arena_alloc(reader->arena, (size_t)(end - start));
        if (reader->decoded == NULL)
            return gw_reader_fail(reader, -ENOMEM, start, "not enough memory for the strings");
    }
    char *out = reader->decoded;
    const char *copied = start;
    for (;;) {
        memcpy(out, copied, (size_t)(p - copied));
        out += p - copied;
        if (p >= end || (*p != '"' && *p != '\\' && (unsigned char)*p < 0x80))
            return refuse(reader, p, end);
        if (*p == '"')
            break;
        copied = p;
        if (*p == '\\')
            copied = p = unescape(reader, p, end, &out);
        else
            p = skip_utf8(reader, p, end);
        if (p == NULL)
            return NULL;
        p = reader_skip_plain(p, end, READER_HAS_SIMD);
    }
    token->ptr = reader->decoded;
    token->len = (uint32_t)(out - reader->decoded);
    reader->decoded = out;
    return p + 1;
}

const char *gw_reader_string(struct gw_reader *reader, const char *start, const char *p,
                             struct gw_json_token *token)
{
    const char *end = reader->text.ptr + reader->text.len;

    while (p < end && (unsigned char)*p >= 0x80) {
        p = skip_utf8(reader, p, end);
        if (p == NULL)
            return NULL;
        p = reader_skip_plain(p, end, READER_HAS_SIMD);
    }
    if (p < end && *p == '\\')
        return decode(reader, start, p, token);
    if (p >= end || *p != '"')
        return refuse(reader, p, end);
    token->ptr = start;
    token->len = (uint32_t)(p - start);
    return p + 1;
}
