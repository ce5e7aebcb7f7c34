/* Strings and numbers. */
#include <errno.h>

#include "server/json/validate_private.h"

/* Code points: bytes that do not continue a sequence. */
static uint64_t count_code_points(struct gw_str text)
{
    uint64_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool check_length(struct eval *eval, const struct schema_node *node, uint32_t at,
                         struct gw_str text)
{
    const struct string_part *part = node->string;

    /* between a quarter of the bytes and all of them: often that decides */
    if (text.len <= part->max_length && (text.len + 3) / 4 >= part->min_length)
        return true;
    uint64_t count = count_code_points(text);
    if (count < part->min_length)
        return eval_fault(eval, node, at, FAULT_MIN_LENGTH);
    if (count > part->max_length)
        return eval_fault(eval, node, at, FAULT_MAX_LENGTH);
    return true;
}

bool eval_string(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    const struct string_part *part = node->string;
    struct gw_str text = gw_json_string(eval->tape, at);

    bool ok = check_length(eval, node, at, text);
    if (part->pattern != NULL && eval_goes_on(eval, ok)) {
        int rc = gw_pattern_match(part->pattern, text, &eval->scratch);
        if (rc < 0)
            return eval_abort(eval, node, at, rc);
        if (rc == 0)
            ok = eval_fault(eval, node, at, FAULT_PATTERN);
    }
    if (part->format != NULL && eval_goes_on(eval, ok) && !part->format(text))
        ok = eval_fault(eval, node, at, FAULT_FORMAT);
    return ok;
}

static __int128 scale_up(int64_t value, unsigned power)
{
    __int128 result = value;

    for (; power > 0; power--)
        result *= 10;
    return result;
}

/* <0, 0, >0. Small numbers have at most 18 digits each, so that the scaled ones fit 128 bits. */
static int compare(const struct eval *eval, uint32_t at, const struct bound *bound)
{
    const struct gw_json_token *token = &eval->tokens[at];
    struct gw_decimal value;

    if (GW_LIKELY((token->flags & GW_JSON_SMALL) != 0 && bound->is_small)) {
        if (token->literal.scale == bound->scale)
            return (token->small > bound->small) - (token->small < bound->small);
        __int128 left = scale_up(token->small, bound->scale);
        __int128 right = scale_up(bound->small, token->literal.scale);
        return (left > right) - (left < right);
    }
    if (gw_decimal_parse(gw_json_number(eval->tape, at), &value) != 0)
        return 0; /* cannot be: the reader has accepted it */
    return gw_decimal_compare(&value, &bound->value);
}

static bool is_multiple(const struct eval *eval, uint32_t at, const struct number_part *part)
{
    const struct gw_json_token *token = &eval->tokens[at];
    const struct bound *divisor = &part->multiple_of;
    struct gw_decimal value;

    if ((token->flags & GW_JSON_SMALL) != 0 && divisor->is_small) {
        if (token->literal.scale == divisor->scale)
            return token->small % divisor->small == 0;
        if (token->literal.scale < divisor->scale)
            return scale_up(token->small, divisor->scale - (unsigned)token->literal.scale) %
                       divisor->small ==
                   0;
    }
    return gw_decimal_parse(gw_json_number(eval->tape, at), &value) == 0 &&
           gw_decimal_is_multiple(&value, &part->divisor);
}

static bool is_between(const struct eval *eval, uint32_t at, struct gw_str low, struct gw_str high)
{
    struct gw_decimal value, least, most;

    return gw_decimal_parse(gw_json_number(eval->tape, at), &value) == 0 &&
           gw_decimal_parse(low, &least) == 0 && gw_decimal_parse(high, &most) == 0 &&
           gw_decimal_compare(&value, &least) >= 0 && gw_decimal_compare(&value, &most) <= 0;
}

/* The formats of OpenAPI for numbers. float and double take any number that does not overflow them.
 */
static bool is_number_format(const struct eval *eval, uint32_t at, enum number_format format)
{
    int64_t value = 0;

    switch (format) {
    case NUMBER_INT32:
        return gw_json_to_i64(eval->tape, at, &value) && value >= INT32_MIN && value <= INT32_MAX;
    case NUMBER_INT64:
        return gw_json_to_i64(eval->tape, at, &value);
    case NUMBER_FLOAT:
        return is_between(eval, at, GW_STR("-3.4028235677973366e38"),
                          GW_STR("3.4028235677973366e38"));
    case NUMBER_DOUBLE:
        return is_between(eval, at, GW_STR("-1.7976931348623158e308"),
                          GW_STR("1.7976931348623158e308"));
    default:
        return true;
    }
}

static bool check_bounds(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    const struct number_part *part = node->number;
    bool ok = true;

    if (part->minimum.is_set) {
        int order = compare(eval, at, &part->minimum);
        if (order < 0 || (order == 0 && part->is_minimum_exclusive))
            ok = eval_fault(eval, node, at, FAULT_MINIMUM);
    }
    if (part->maximum.is_set) {
        int order = compare(eval, at, &part->maximum);
        if (order > 0 || (order == 0 && part->is_maximum_exclusive))
            ok = eval_fault(eval, node, at, FAULT_MAXIMUM);
    }
    if (part->exclusive_minimum.is_set && compare(eval, at, &part->exclusive_minimum) <= 0)
        ok = eval_fault(eval, node, at, FAULT_EXCLUSIVE_MINIMUM);
    if (part->exclusive_maximum.is_set && compare(eval, at, &part->exclusive_maximum) >= 0)
        ok = eval_fault(eval, node, at, FAULT_EXCLUSIVE_MAXIMUM);
    return ok;
}

bool eval_number(struct eval *eval, const struct schema_node *node, uint32_t at)
{
    const struct number_part *part = node->number;

    bool ok = check_bounds(eval, node, at);
    if (part->has_divisor && eval_goes_on(eval, ok) && !is_multiple(eval, at, part))
        ok = eval_fault(eval, node, at, FAULT_MULTIPLE_OF);
    if (part->format != NUMBER_ANY && eval_goes_on(eval, ok) &&
        !is_number_format(eval, at, part->format))
        ok = eval_fault(eval, node, at, FAULT_NUMBER_FORMAT);
    return ok;
}
