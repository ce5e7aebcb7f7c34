#include "server/core/utf8.h"

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* RFC 3629, section 4: the second byte carries the limits against overlong forms, surrogates
 * (U+D800 to U+DFFF) and what lies above U+10FFFF. */
static bool is_second_byte(unsigned char first, char byte)
{
    unsigned char second = (unsigned char)byte;

    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_continuation(byte);
    }
}

size_t gw_utf8_length(struct gw_str text)
{
    if (text.len == 0)
        return 0;

    unsigned char first = (unsigned char)text.ptr[0];
    if (first < 0x80)
        return 1;
    size_t len = first >= 0xc2 && first <= 0xdf   ? 2
                 : (first & 0xf0) == 0xe0         ? 3
                 : first >= 0xf0 && first <= 0xf4 ? 4
                                                  : 0;
    if (len == 0 || text.len < len || !is_second_byte(first, text.ptr[1]))
        return 0;
    for (size_t i = 2; i < len; i++) {
        if (!is_continuation(text.ptr[i]))
            return 0;
    }
    return len;
}

bool gw_utf8_is_valid(struct gw_str text)
{
    while (text.len > 0) {
        size_t len = gw_utf8_length(text);
        if (len == 0)
            return false;
        text = gw_str_tail(text, len);
    }
    return true;
}

size_t gw_utf8_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xc0 | (code_point >> 6));
        out[1] = (char)(0x80 | (code_point & 0x3f));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xe0 | (code_point >> 12));
        out[1] = (char)(0x80 | ((code_point >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code_point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code_point >> 18));
    out[1] = (char)(0x80 | ((code_point >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code_point >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code_point & 0x3f));
    return 4;
}
