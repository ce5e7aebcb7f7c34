#include "server/json/number.h"

#include <errno.h>

#include "server/core/hash.h"

static bool is_digit(struct gw_str text, size_t at)
{
    return at < text.len && (unsigned char)(text.ptr[at] - '0') <= 9;
}

/* The exponent at `text` (behind the 'e'): saturates above the bound, which the caller checks. */
static int parse_exponent(struct gw_str text, int64_t *out_exponent)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    int64_t value = 0;

    if (!is_digit(text, at))
        return -EINVAL;
    for (; is_digit(text, at); at++) {
        value = value * 10 + (text.ptr[at] - '0');
        if (value >= GW_DECIMAL_EXPONENT_MAX)
            return -ERANGE;
    }
    *out_exponent = is_negative ? -value : value;
    return at == text.len ? 0 : -EINVAL;
}

/* Takes zeros and the point off both ends of `decimal->digits`, whose first digit stands for
 * 10^(exponent). On return the exponent is that of the last digit. */
static void normalise(struct gw_decimal *decimal, int64_t integer_digits)
{
    struct gw_str digits = decimal->digits;
    int64_t power = integer_digits; /* the value is 0.digits * 10^power */
    size_t first = 0;

    for (; first < digits.len && (digits.ptr[first] == '0' || digits.ptr[first] == '.'); first++)
        power -= digits.ptr[first] == '0';
    while (digits.len > first &&
           (digits.ptr[digits.len - 1] == '0' || digits.ptr[digits.len - 1] == '.'))
        digits.len--;
    decimal->digits = gw_str_tail(digits, first);
    if (decimal->digits.len == 0) {
        *decimal = (struct gw_decimal){.digits = {digits.ptr, 0}};
        return;
    }
    bool has_point = memchr(decimal->digits.ptr, '.', decimal->digits.len) != NULL;
    decimal->digit_count = (int64_t)decimal->digits.len - has_point;
    decimal->exponent += power - decimal->digit_count;
}

int gw_decimal_parse(struct gw_str literal, struct gw_decimal *out_decimal)
{
    struct gw_decimal decimal = {.is_negative = literal.len > 0 && literal.ptr[0] == '-'};
    size_t start = decimal.is_negative;
    size_t at = start;

    while (is_digit(literal, at))
        at++;
    size_t integer_digits = at - start;
    if (integer_digits == 0 || (integer_digits > 1 && literal.ptr[start] == '0'))
        return -EINVAL;
    if (at < literal.len && literal.ptr[at] == '.') {
        if (!is_digit(literal, ++at))
            return -EINVAL;
        while (is_digit(literal, at))
            at++;
    }
    decimal.digits = gw_str_from(literal.ptr + start, at - start);
    if (at < literal.len) {
        if ((literal.ptr[at] | 0x20) != 'e')
            return -EINVAL;
        int rc = parse_exponent(gw_str_tail(literal, at + 1), &decimal.exponent);
        if (rc != 0)
            return rc;
    }
    normalise(&decimal, (int64_t)integer_digits);
    *out_decimal = decimal;
    return 0;
}

/* The next digit of `digits` from *position on, past the point; 0 behind the end. */
static int next_digit(struct gw_str digits, size_t *position)
{
    if (*position < digits.len && digits.ptr[*position] == '.')
        ++*position;
    return *position < digits.len ? digits.ptr[(*position)++] - '0' : 0;
}

static int compare_magnitude(const struct gw_decimal *a, const struct gw_decimal *b)
{
    if (a->digit_count == 0 || b->digit_count == 0)
        return (a->digit_count != 0) - (b->digit_count != 0);

    int64_t a_power = a->exponent + a->digit_count;
    int64_t b_power = b->exponent + b->digit_count;
    if (a_power != b_power)
        return a_power < b_power ? -1 : 1;
    int64_t count = a->digit_count > b->digit_count ? a->digit_count : b->digit_count;
    size_t a_at = 0, b_at = 0;
    for (int64_t i = 0; i < count; i++) {
        int difference = next_digit(a->digits, &a_at) - next_digit(b->digits, &b_at);
        if (difference != 0)
            return difference;
    }
    return 0;
}

int gw_decimal_compare(const struct gw_decimal *a, const struct gw_decimal *b)
{
    if (a->is_negative != b->is_negative)
        return a->is_negative ? -1 : 1;
    int result = compare_magnitude(a, b);
    return a->is_negative ? -result : result;
}

bool gw_decimal_is_integer(const struct gw_decimal *a)
{
    return a->exponent >= 0;
}

int gw_divisor_init(const struct gw_decimal *value, struct gw_divisor *out_divisor)
{
    struct gw_divisor divisor = {.exponent = value->exponent};
    size_t at = 0;

    if (value->digit_count == 0 || value->is_negative)
        return -EINVAL;
    if (value->digit_count > GW_DIVISOR_DIGITS)
        return -ERANGE;
    for (int64_t i = 0; i < value->digit_count; i++)
        divisor.digits = divisor.digits * 10 + (unsigned)next_digit(value->digits, &at);
    *out_divisor = divisor;
    return 0;
}

/* Both below `modulus`, which is below 10^38: the sum may pass 2^127 but not 2^128. */
static unsigned __int128 add_mod(unsigned __int128 a, unsigned __int128 b,
                                 unsigned __int128 modulus)
{
    return a >= modulus - b ? a - (modulus - b) : a + b;
}

static unsigned __int128 multiply_mod(unsigned __int128 a, unsigned __int128 b,
                                      unsigned __int128 modulus)
{
    unsigned __int128 result = 0;

    if (a <= UINT64_MAX && b <= UINT64_MAX)
        return a * b % modulus;
    for (; b != 0; b >>= 1) {
        if ((b & 1) != 0)
            result = add_mod(result, a, modulus);
        a = add_mod(a, a, modulus);
    }
    return result;
}

static unsigned __int128 power_of_ten_mod(int64_t exponent, unsigned __int128 modulus)
{
    unsigned __int128 result = 1 % modulus;
    unsigned __int128 base = 10 % modulus;

    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0)
            result = multiply_mod(result, base, modulus);
        base = multiply_mod(base, base, modulus);
    }
    return result;
}

bool gw_decimal_is_multiple(const struct gw_decimal *a, const struct gw_divisor *divisor)
{
    unsigned __int128 rest = 0;
    size_t at = 0;

    if (a->digit_count == 0)
        return true;
    if (a->exponent < divisor->exponent) /* its last digit is not 0, so 10 does not divide it */
        return false;
    for (int64_t i = 0; i < a->digit_count; i++) {
        unsigned __int128 digit = (unsigned)next_digit(a->digits, &at);
        rest = add_mod(multiply_mod(rest, 10 % divisor->digits, divisor->digits),
                       digit % divisor->digits, divisor->digits);
    }
    unsigned __int128 power = power_of_ten_mod(a->exponent - divisor->exponent, divisor->digits);
    return multiply_mod(rest, power, divisor->digits) == 0;
}

uint64_t gw_decimal_hash(const struct gw_decimal *a, const struct gw_hash_key *key)
{
    struct gw_hash_key chained = {key->k0 ^ (uint64_t)a->exponent, key->k1 ^ a->is_negative};
    char chunk[64];
    size_t at = 0, used = 0;

    for (int64_t i = 0; i < a->digit_count; i++) {
        chunk[used++] = (char)next_digit(a->digits, &at);
        if (used == sizeof(chunk)) {
            chained.k0 = gw_hash(&chained, gw_str_from(chunk, used));
            used = 0;
        }
    }
    return gw_hash(&chained, gw_str_from(chunk, used));
}
