/* The core schema of YAML 1.2 (chapter 10.3.2): from the text of a scalar to its value. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/json/yaml_graph.h"

#define MAX_DIGITS 400 /* more than the longest finite double has before its point */

static bool is_one_of(struct gw_str text, const struct gw_str *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gw_str_equal(text, words[i]))
            return true;
    return false;
}

static bool is_null(struct gw_str text)
{
    static const struct gw_str words[] = {
        GW_STR_INIT(""),     GW_STR_INIT("~"),    GW_STR_INIT("null"),
        GW_STR_INIT("Null"), GW_STR_INIT("NULL"),
    };
    return is_one_of(text, words, GW_COUNT_OF(words));
}

static bool is_true(struct gw_str text)
{
    static const struct gw_str words[] = {
        GW_STR_INIT("true"),
        GW_STR_INIT("True"),
        GW_STR_INIT("TRUE"),
    };
    return is_one_of(text, words, GW_COUNT_OF(words));
}

static bool is_false(struct gw_str text)
{
    static const struct gw_str words[] = {
        GW_STR_INIT("false"),
        GW_STR_INIT("False"),
        GW_STR_INIT("FALSE"),
    };
    return is_one_of(text, words, GW_COUNT_OF(words));
}

/* How many bytes from `at` are digits of the base (8, 10 or 16). */
static size_t count_digits(struct gw_str text, size_t at, int base)
{
    const char *digits = "0123456789abcdefABCDEF";
    size_t known = base == 16 ? 22 : (size_t)base;
    size_t count = 0;

    while (at + count < text.len && memchr(digits, text.ptr[at + count], known) != NULL)
        count++;
    return count;
}

static size_t sign_length(struct gw_str text)
{
    return text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
}

/* 0 if `text` is no integer, else its base. */
static int integer_base(struct gw_str text)
{
    size_t sign = sign_length(text);

    if (text.len > 2 && gw_str_has_prefix(text, GW_STR("0x")))
        return count_digits(text, 2, 16) == text.len - 2 ? 16 : 0;
    if (text.len > 2 && gw_str_has_prefix(text, GW_STR("0o")))
        return count_digits(text, 2, 8) == text.len - 2 ? 8 : 0;
    return text.len > sign && count_digits(text, sign, 10) == text.len - sign ? 10 : 0;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(struct gw_str text)
{
    size_t at = sign_length(text);
    size_t whole = count_digits(text, at, 10);
    size_t fraction = 0;

    at += whole;
    if (at < text.len && text.ptr[at] == '.') {
        fraction = count_digits(text, ++at, 10);
        at += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += sign_length(gw_str_tail(text, at));
        size_t exponent = count_digits(text, at, 10);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == text.len;
}

static bool is_infinite_or_nan(struct gw_str text)
{
    static const struct gw_str words[] = {
        GW_STR_INIT(".inf"), GW_STR_INIT(".Inf"), GW_STR_INIT(".INF"),
        GW_STR_INIT(".nan"), GW_STR_INIT(".NaN"), GW_STR_INIT(".NAN"),
    };
    struct gw_str unsigned_text = gw_str_tail(text, sign_length(text));

    return is_one_of(unsigned_text, words, 3) || is_one_of(text, words + 3, 3);
}

/* Texts of scalars need not end in NUL, but something that is no part of a number follows. */
static enum gw_yaml_scalar_result real_value(struct gw_str text, json_t **out_value)
{
    double value = strtod(text.ptr, NULL);

    if (!isfinite(value))
        return GW_YAML_SCALAR_NO_VALUE;
    *out_value = json_real(value);
    return GW_YAML_SCALAR_OK;
}

/* A decimal integer beyond 64 bits: is `value` exactly what the digits say? */
static bool is_exact(struct gw_str text, double value)
{
    char exact[MAX_DIGITS];
    struct gw_str digits = gw_str_tail(text, sign_length(text));

    while (digits.len > 1 && digits.ptr[0] == '0')
        digits = gw_str_tail(digits, 1);
    snprintf(exact, sizeof(exact), "%.0f", fabs(value));
    return gw_str_equal(gw_str_of(exact), digits);
}

static enum gw_yaml_scalar_result integer_value(struct gw_str text, int base, json_t **out_value)
{
    const char *digits = base == 10 ? text.ptr : text.ptr + 2; /* without 0x, 0o */

    errno = 0;
    long long value = strtoll(digits, NULL, base);
    if (errno == 0) {
        *out_value = json_integer(value);
        return GW_YAML_SCALAR_OK;
    }
    if (base != 10)
        return GW_YAML_SCALAR_NO_VALUE;

    enum gw_yaml_scalar_result result = real_value(text, out_value);
    if (result == GW_YAML_SCALAR_OK && *out_value != NULL &&
        !is_exact(text, json_real_value(*out_value)))
        return GW_YAML_SCALAR_INEXACT;
    return result;
}

static enum gw_yaml_scalar_result string_value(struct gw_str text, json_t **out_value)
{
    *out_value = json_stringn_nocheck(text.len > 0 ? text.ptr : "", text.len); /* known as UTF-8 */
    return GW_YAML_SCALAR_OK;
}

static enum gw_yaml_scalar_result plain_value(struct gw_str text, json_t **out_value)
{
    char first = text.len > 0 ? text.ptr[0] : '\0';
    int base;

    /* What begins otherwise is no number, and most scalars are none. */
    if ((first >= '0' && first <= '9') || first == '-' || first == '+' || first == '.') {
        base = integer_base(text);
        if (base != 0)
            return integer_value(text, base, out_value);
        if (is_float(text))
            return real_value(text, out_value);
        if (is_infinite_or_nan(text))
            return GW_YAML_SCALAR_NO_VALUE;
        return string_value(text, out_value);
    }
    if (is_null(text))
        *out_value = json_null();
    else if (is_true(text))
        *out_value = json_true();
    else if (is_false(text))
        *out_value = json_false();
    else
        return string_value(text, out_value);
    return GW_YAML_SCALAR_OK;
}

static bool fits_tag(struct gw_str text, enum gw_yaml_tag tag)
{
    switch (tag) {
    case GW_YAML_INT:
        return integer_base(text) != 0;
    case GW_YAML_FLOAT:
        return is_float(text) || is_infinite_or_nan(text);
    case GW_YAML_BOOL:
        return is_true(text) || is_false(text);
    case GW_YAML_NULL:
        return is_null(text);
    default:
        return false;
    }
}

enum gw_yaml_scalar_result gw_yaml_scalar_value(const struct gw_yaml_node *node, json_t **out_value)
{
    if (node->tag == GW_YAML_STR || (node->tag == GW_YAML_UNTAGGED && !node->is_plain))
        return string_value(node->text, out_value);
    if (node->tag == GW_YAML_UNTAGGED)
        return plain_value(node->text, out_value);
    if (!fits_tag(node->text, node->tag))
        return GW_YAML_SCALAR_WRONG_TAG;
    if (node->tag == GW_YAML_FLOAT && !is_infinite_or_nan(node->text))
        return real_value(node->text, out_value);
    return plain_value(node->text, out_value);
}
