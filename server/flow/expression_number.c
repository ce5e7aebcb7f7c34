/* Numbers between literals, which keep every digit, and the doubles of libjq. */
#include <stdio.h>
#include <stdlib.h>

#include "server/flow/expression_nodes.h"
#include "server/json/number.h"

#define MAX_INTEGER (INT64_C(1) << 53)
#define SURE_DIGITS 15 /* a decimal of as many comes back from a double */
#define MOST_DIGITS 17 /* no double needs more */
#define SURE_POWER 290 /* of ten: far from where doubles end */

static bool is_plain_integer(struct gw_str literal)
{
    for (size_t i = literal.len > 0 && literal.ptr[0] == '-'; i < literal.len; i++) {
        if (literal.ptr[i] < '0' || literal.ptr[i] > '9')
            return false;
    }
    return true;
}

bool gw_jq_to_integer(struct gw_str literal, int64_t *out_number)
{
    bool is_negative = literal.len > 0 && literal.ptr[0] == '-';
    int64_t number = 0;

    if (literal.len > MOST_DIGITS || !is_plain_integer(literal))
        return false;
    for (size_t i = is_negative; i < literal.len; i++)
        number = number * 10 + (literal.ptr[i] - '0');
    if (number > MAX_INTEGER || (is_negative && number == 0))
        return false;
    *out_number = is_negative ? -number : number;
    return true;
}

/* Goes to a double and back without a change? */
static bool comes_back(const struct gw_decimal *decimal, struct gw_str literal)
{
    char text[64], back[64];
    struct gw_decimal again;

    if (literal.len >= sizeof(text))
        return false;
    memcpy(text, literal.ptr, literal.len);
    text[literal.len] = '\0';
    int len =
        snprintf(back, sizeof(back), "%.*e", (int)decimal->digit_count - 1, strtod(text, NULL));
    return len > 0 && gw_decimal_parse(gw_str_from(back, (size_t)len), &again) == 0 &&
           gw_decimal_compare(decimal, &again) == 0;
}

bool gw_jq_is_long(struct gw_str literal)
{
    struct gw_decimal decimal;

    if (literal.len <= SURE_DIGITS && memchr(literal.ptr, 'e', literal.len) == NULL &&
        memchr(literal.ptr, 'E', literal.len) == NULL)
        return false;
    if (gw_decimal_parse(literal, &decimal) != 0)
        return true;
    if (is_plain_integer(literal)) {
        int64_t number;
        return literal.len > MOST_DIGITS || !gw_jq_to_integer(literal, &number);
    }
    int64_t power = decimal.exponent + decimal.digit_count;
    if (power > SURE_POWER || power < -SURE_POWER || decimal.digit_count > MOST_DIGITS)
        return decimal.digit_count != 0;
    return decimal.digit_count > SURE_DIGITS && !comes_back(&decimal, literal);
}

/* Digits with a point, without the zeros behind it that say nothing. */
static struct gw_str trim_fraction(struct gw_str literal)
{
    if (memchr(literal.ptr, '.', literal.len) == NULL)
        return literal;
    while (literal.ptr[literal.len - 1] == '0')
        literal.len--;
    if (literal.ptr[literal.len - 1] == '.')
        literal.len--;
    return literal;
}

bool gw_jq_number_text(struct gw_str literal, struct gw_str *out_text)
{
    struct gw_decimal decimal;

    if (gw_jq_is_long(literal)) {
        *out_text = literal;
        return true;
    }
    if (memchr(literal.ptr, 'e', literal.len) != NULL ||
        memchr(literal.ptr, 'E', literal.len) != NULL || gw_decimal_parse(literal, &decimal) != 0)
        return false;
    /* Zero has a sign in jq, and small or large numbers an exponent. */
    int64_t power = decimal.exponent + decimal.digit_count;
    bool is_zero = decimal.digit_count == 0;
    if ((is_zero && literal.ptr[0] == '-') || (!is_zero && power < -2) || power > SURE_DIGITS)
        return false;
    *out_text = trim_fraction(literal);
    return true;
}
