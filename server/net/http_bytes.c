#include "server/net/http_bytes.h"

#include "server/net/http_parser.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define DIGITS                                                                              \
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1, \
    ['8'] = 1, ['9'] = 1

const uint8_t gw_http_token_bytes[256] = {
    DIGITS,    ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1,
    ['+'] = 1, ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1,
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1, ['G'] = 1,  ['H'] = 1,
    ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1, ['M'] = 1, ['N'] = 1, ['O'] = 1,  ['P'] = 1,
    ['Q'] = 1, ['R'] = 1, ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1,  ['X'] = 1,
    ['Y'] = 1, ['Z'] = 1, ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1,  ['f'] = 1,
    ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1, ['m'] = 1,  ['n'] = 1,
    ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1, ['s'] = 1, ['t'] = 1, ['u'] = 1,  ['v'] = 1,
    ['w'] = 1, ['x'] = 1, ['y'] = 1, ['z'] = 1,
};

bool gw_http_is_token(struct gw_str text)
{
    for (size_t at = 0; at < text.len; at++) {
        if (!gw_http_token_bytes[(uint8_t)text.ptr[at]])
            return false;
    }
    return text.len > 0;
}

static bool is_value_byte(uint8_t byte)
{
    return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

bool gw_http_is_value(struct gw_str text)
{
    size_t at = 0;

#ifdef __SSE2__
    const __m128i last_control = _mm_set1_epi8(0x1f);
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i delete = _mm_set1_epi8(0x7f);

    for (; at + 16 <= text.len; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(text.ptr + at));
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), control),
                                   _mm_cmpeq_epi8(bytes, delete));

        if (_mm_movemask_epi8(bad) != 0)
            return false;
    }
#endif
    for (; at < text.len; at++) {
        if (!is_value_byte((uint8_t)text.ptr[at]))
            return false;
    }
    return true;
}
