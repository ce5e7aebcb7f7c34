/* Exact decimal arithmetic on number literals.
 *
 * No binary floating point: 0.1 is a tenth, 1e2 is the integer 100, and a literal of a thousand
 * digits keeps them all. The work is linear in the length of the literals, whatever the exponents.
 * Pure; any thread may call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_hash_key;

#define GW_DECIMAL_EXPONENT_MAX INT64_C(1000000000000000000)

/* (-1)^is_negative * digits * 10^exponent. `digits` points into the literal, has neither leading
 * nor trailing zeros, may contain one '.' (to be skipped), and is empty for zero. */
struct gw_decimal {
    struct gw_str digits;
    int64_t digit_count; /* of `digits`, without the point */
    int64_t exponent;
    bool is_negative; /* never for zero */
};

/* `literal` as RFC 8259 writes numbers; it is borrowed. Returns 0, -EINVAL (not a number), or
 * -ERANGE (an exponent of GW_DECIMAL_EXPONENT_MAX or more). */
GW_MUST_CHECK
int gw_decimal_parse(struct gw_str literal, struct gw_decimal *out_decimal);

/* <0, 0, >0. */
int gw_decimal_compare(const struct gw_decimal *a, const struct gw_decimal *b);

/* Whether the value is an integer, however it is written. */
bool gw_decimal_is_integer(const struct gw_decimal *a);

/* A divisor with up to GW_DIVISOR_DIGITS significant digits. */
#define GW_DIVISOR_DIGITS 38

struct gw_divisor {
    unsigned __int128 digits; /* never 0 */
    int64_t exponent;
};

/* Returns 0, -EINVAL (not above zero), or -ERANGE (more digits than we divide by). */
GW_MUST_CHECK
int gw_divisor_init(const struct gw_decimal *value, struct gw_divisor *out_divisor);

/* Whether `a` is `divisor` times an integer. */
bool gw_decimal_is_multiple(const struct gw_decimal *a, const struct gw_divisor *divisor);

/* Equal values give equal hashes. */
uint64_t gw_decimal_hash(const struct gw_decimal *a, const struct gw_hash_key *key);
