/* The inner loops of the reader: white space, plain strings, numbers, name hashes.
 *
 * Private to reader*.c. Each takes the place to start and the end of the text, never reads beyond
 * the end, and is given `use_simd` as a constant, so that one source makes both paths. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/json/reader.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#define READER_HAS_SIMD true
#else
#define READER_HAS_SIMD false
#endif

#define READER_INLINE static inline __attribute__((always_inline))
#define READER_NOINLINE static __attribute__((noinline))
#define READER_SMALL_DIGITS 18 /* 10^18 - 1 fits an int64_t */

READER_INLINE bool reader_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#if defined(__SSE2__)
/* Bit i is set when byte i of the 16 at `at` is no white space. */
READER_INLINE unsigned reader_mask_no_space(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i blank = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')),
                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n')));
    __m128i other = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\r')),
                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(blank, other)) ^ 0xffffu;
}

/* Bit i is set when byte i ends a run of plain characters: a quote, a backslash, a control or a
 * byte of a sequence that is not ASCII. The signed comparison catches the last two at once. */
READER_INLINE unsigned reader_mask_special(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quote = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                 _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    __m128i other = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(quote, other));
}
#endif

/* The first byte at or behind `p` that is no white space, or `end`. */
READER_INLINE const char *reader_skip_space(const char *p, const char *end, bool use_simd)
{
    if (GW_LIKELY(p < end && (unsigned char)*p > ' '))
        return p;
    if (p + 1 < end && reader_is_space(*p) && (unsigned char)p[1] > ' ')
        return p + 1;
#if defined(__SSE2__)
    while (use_simd && end - p >= 16) {
        unsigned mask = reader_mask_no_space(p);
        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#else
    (void)use_simd;
#endif
    while (p < end && reader_is_space(*p))
        p++;
    return p;
}

/* The first byte at or behind `p` that is no plain character of a string, or `end`. */
READER_INLINE const char *reader_skip_plain(const char *p, const char *end, bool use_simd)
{
#if defined(__SSE2__)
    while (use_simd && end - p >= 16) {
        unsigned mask = reader_mask_special(p);
        if (mask != 0)
            return p + __builtin_ctz(mask);
        p += 16;
    }
#else
    (void)use_simd;
#endif
    while (p < end && *p != '"' && *p != '\\' && (signed char)*p >= 0x20)
        p++;
    return p;
}

/* Up to 8 bytes as a number that tells any two texts of that length apart. */
READER_INLINE uint64_t reader_load(const char *ptr, size_t len)
{
    uint64_t word = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (len == 8) {
        __builtin_memcpy(&word, ptr, 8);
        return word;
    }
    if (len >= 4) { /* two halves that overlap */
        uint32_t low, high;
        __builtin_memcpy(&low, ptr, 4);
        __builtin_memcpy(&high, ptr + len - 4, 4);
        return low | (uint64_t)high << (8 * (len - 4));
    }
#endif
    if (len > 3) {
        for (size_t i = 0; i < len; i++)
            word |= (uint64_t)(unsigned char)ptr[i] << (8 * i);
    } else if (len > 0) { /* all of up to three bytes, without a loop */
        word = (uint64_t)(unsigned char)ptr[0] |
               (uint64_t)(unsigned char)ptr[len / 2] << (8 * (len / 2)) |
               (uint64_t)(unsigned char)ptr[len - 1] << (8 * (len - 1));
    }
    return word;
}

/* Of a text of up to 16 bytes all, with zeroes behind; of a longer one the first and the last 8. */
struct reader_ends {
    uint64_t head, tail;
};

READER_INLINE struct reader_ends reader_ends_of(const char *ptr, size_t len)
{
    if (len > 16)
        return (struct reader_ends){reader_load(ptr, 8), reader_load(ptr + len - 8, 8)};
    if (len > 8)
        return (struct reader_ends){reader_load(ptr, 8), reader_load(ptr + 8, len - 8)};
    return (struct reader_ends){reader_load(ptr, len), 0};
}

#if defined(__SSE2__)
/* The 16 bytes at `ptr`, those behind the first `len` zeroed. */
READER_INLINE __m128i reader_first(const char *ptr, size_t len)
{
    static const unsigned char keep[32] = {255, 255, 255, 255, 255, 255, 255, 255,
                                           255, 255, 255, 255, 255, 255, 255, 255};

    return _mm_and_si128(_mm_loadu_si128((const __m128i *)(const void *)ptr),
                         _mm_loadu_si128((const __m128i *)(const void *)(keep + 16 - len)));
}

/* Without a branch on the length, which nothing could foresee: `len` is up to 16, and 16 bytes may
 * be read at `ptr`. */
READER_INLINE struct reader_ends reader_ends_near(const char *ptr, size_t len)
{
    __m128i bytes = reader_first(ptr, len);

    return (struct reader_ends){
        (uint64_t)_mm_cvtsi128_si64(bytes),
        (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(bytes, bytes)),
    };
}
#endif

/* Of the ends only: names that differ just in the middle collide, and the tables cope with that.
 * The product's upper bits depend on all that goes in. */
READER_INLINE uint16_t reader_mix(struct reader_ends ends, size_t len)
{
    uint64_t word = (ends.head ^ (ends.tail << 29 | ends.tail >> 35)) + len;
    return (uint16_t)(word * UINT64_C(0x9e3779b97f4a7c15) >> 48);
}

READER_INLINE uint16_t reader_hash(const char *ptr, size_t len)
{
    return reader_mix(reader_ends_of(ptr, len), len);
}

READER_INLINE bool reader_is_digit(const char *p, const char *end)
{
    return p < end && (unsigned char)(*p - '0') <= 9;
}

/* Behind the exponent that starts at `p` (its 'e'), or NULL; *out_is_huge when it has more digits
 * than we calculate with. */
READER_INLINE const char *reader_skip_exponent(const char *p, const char *end, bool *out_is_huge)
{
    p++;
    if (p < end && (*p == '+' || *p == '-'))
        p++;
    if (!reader_is_digit(p, end))
        return NULL;
    while (p < end && *p == '0')
        p++;
    const char *digits = p;
    while (reader_is_digit(p, end))
        p++;
    *out_is_huge = p - digits > READER_SMALL_DIGITS;
    return p;
}

/* Reads the number at `p` (a digit or '-') into `token`; `text` is where offsets count from.
 * Returns the place behind it, or NULL; *out_is_huge says that the grammar was right but the
 * exponent is too large. */
READER_INLINE const char *reader_scan_number(const char *text, const char *p, const char *end,
                                             struct gw_json_token *token, bool *out_is_huge)
{
    const char *start = p;
    bool is_negative = *p == '-';
    uint64_t value = 0;

    p += is_negative;
    const char *digits = p;
    while (reader_is_digit(p, end))
        value = value * 10 + (uint64_t)(*p++ - '0');
    size_t count = (size_t)(p - digits);
    size_t scale = 0;
    if (count == 0 || (count > 1 && *digits == '0'))
        return NULL;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        while (reader_is_digit(p, end))
            value = value * 10 + (uint64_t)(*p++ - '0');
        scale = (size_t)(p - fraction);
        if (scale == 0)
            return NULL;
    }
    token->type = GW_JSON_NUMBER;
    if (p < end && (*p | 0x20) == 'e') {
        p = reader_skip_exponent(p, end, out_is_huge);
        if (p == NULL || *out_is_huge)
            return NULL;
        count = READER_SMALL_DIGITS + 1; /* no small one */
        scale = 1;                       /* no integer literal */
    }
    token->flags = scale == 0 ? GW_JSON_INTEGER : 0;
    if (count + scale <= READER_SMALL_DIGITS) {
        token->flags |= GW_JSON_SMALL;
        token->literal.len = (uint8_t)(p - start);
        token->literal.scale = (uint8_t)scale;
        token->len = (uint32_t)(start - text);
        token->small = is_negative ? -(int64_t)value : (int64_t)value;
        return p;
    }
    token->hash = 0;
    token->len = (uint32_t)(p - start);
    token->ptr = start;
    return p;
}
