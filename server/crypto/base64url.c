#include "server/crypto/base64url.h"

#include <errno.h>

#define BAD 0xff

/* clang-format off */
static const uint8_t sextets[256] = {
    ['A'] = 0,  ['B'] = 1,  ['C'] = 2,  ['D'] = 3,  ['E'] = 4,  ['F'] = 5,  ['G'] = 6,  ['H'] = 7,
    ['I'] = 8,  ['J'] = 9,  ['K'] = 10, ['L'] = 11, ['M'] = 12, ['N'] = 13, ['O'] = 14, ['P'] = 15,
    ['Q'] = 16, ['R'] = 17, ['S'] = 18, ['T'] = 19, ['U'] = 20, ['V'] = 21, ['W'] = 22, ['X'] = 23,
    ['Y'] = 24, ['Z'] = 25, ['a'] = 26, ['b'] = 27, ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
    ['g'] = 32, ['h'] = 33, ['i'] = 34, ['j'] = 35, ['k'] = 36, ['l'] = 37, ['m'] = 38, ['n'] = 39,
    ['o'] = 40, ['p'] = 41, ['q'] = 42, ['r'] = 43, ['s'] = 44, ['t'] = 45, ['u'] = 46, ['v'] = 47,
    ['w'] = 48, ['x'] = 49, ['y'] = 50, ['z'] = 51, ['0'] = 52, ['1'] = 53, ['2'] = 54, ['3'] = 55,
    ['4'] = 56, ['5'] = 57, ['6'] = 58, ['7'] = 59, ['8'] = 60, ['9'] = 61, ['-'] = 62, ['_'] = 63,
    [0 ... '-' - 1] = BAD, ['-' + 1 ... '0' - 1] = BAD, ['9' + 1 ... 'A' - 1] = BAD,
    ['Z' + 1 ... '_' - 1] = BAD, ['_' + 1 ... 'a' - 1] = BAD, ['z' + 1 ... 255] = BAD,
};
/* clang-format on */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The last two or three characters. Bits that no byte takes must be zero. */
static int decode_rest(const uint8_t *in, size_t len, uint8_t *out)
{
    if (len == 0)
        return 0;
    if (len == 1)
        return -EINVAL;

    unsigned a = sextets[in[0]], b = sextets[in[1]];
    unsigned c = len == 3 ? sextets[in[2]] : 0;

    if ((a | b | c) > 63 || (len == 2 ? b & 15 : c & 3) != 0)
        return -EINVAL;
    out[0] = (uint8_t)(a << 2 | b >> 4);
    if (len == 3)
        out[1] = (uint8_t)(b << 4 | c >> 2);
    return 0;
}

int gw_base64url_decode(struct gw_str text, uint8_t *out)
{
    const uint8_t *in = (const uint8_t *)text.ptr;
    unsigned seen = 0; /* all sextets together: one check at the end, none per turn */

    for (size_t i = text.len / 4; i > 0; i--) {
        unsigned a = sextets[in[0]], b = sextets[in[1]], c = sextets[in[2]], d = sextets[in[3]];

        seen |= a | b | c | d;
        out[0] = (uint8_t)(a << 2 | b >> 4);
        out[1] = (uint8_t)(b << 4 | c >> 2);
        out[2] = (uint8_t)(c << 6 | d);
        in += 4;
        out += 3;
    }
    if (seen > 63)
        return -EINVAL;
    return decode_rest(in, text.len % 4, out);
}

void gw_base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
    for (; len >= 3; len -= 3, bytes += 3) {
        *out++ = letters[bytes[0] >> 2];
        *out++ = letters[(bytes[0] & 3) << 4 | bytes[1] >> 4];
        *out++ = letters[(bytes[1] & 15) << 2 | bytes[2] >> 6];
        *out++ = letters[bytes[2] & 63];
    }
    if (len == 0)
        return;
    *out++ = letters[bytes[0] >> 2];
    if (len == 1) {
        *out++ = letters[(bytes[0] & 3) << 4];
    } else {
        *out++ = letters[(bytes[0] & 3) << 4 | bytes[1] >> 4];
        *out++ = letters[(bytes[1] & 15) << 2];
    }
}
