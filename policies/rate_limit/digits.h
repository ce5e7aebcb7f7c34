/* Numbers as text, without the cost of a format. */
#pragma once

#include <stdint.h>
#include <string.h>

#define DIGITS_MAX 20 /* of the largest uint64_t */

/* Writes them at `out`, and returns the place behind; no NUL. */
static inline char *digits_write(char *out, uint64_t number)
{
    char digits[DIGITS_MAX];
    size_t at = DIGITS_MAX;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, digits + at, DIGITS_MAX - at);
    return out + DIGITS_MAX - at;
}
