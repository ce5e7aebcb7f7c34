/* What operators do with values, as jq 1.6 does, but with numbers exact: what is not exact here is
 * left to libjq. */
#include <stdarg.h>
#include <stdio.h>

#include "server/core/arena.h"
#include "server/flow/expression_nodes.h"
#include "server/json/number.h"

#define MAX_INTEGER (INT64_C(1) << 53)

enum gw_jq_outcome gw_jq_fail(struct gw_jq_run *run, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(run->failure, sizeof(run->failure), format, args);
    va_end(args);
    return GW_JQ_FAILED;
}

enum gw_jq_outcome gw_jq_charge(struct gw_jq_run *run, size_t steps)
{
    if (steps >= run->steps)
        return GW_JQ_LEFT;
    run->steps -= (unsigned)steps;
    return GW_JQ_DONE;
}

bool gw_jq_is_true(const struct gw_value *value)
{
    return value->type != GW_JSON_NULL && value->type != GW_JSON_FALSE;
}

const char *gw_jq_type_name(const struct gw_value *value)
{
    static const char *const names[] = {"null",   "boolean", "boolean", "number",
                                        "string", "array",   "object"};

    return names[value->type];
}

/* --- paths ------------------------------------------------------------------------------------ */

static enum gw_jq_outcome element(const struct gw_value *array, const struct gw_value *key,
                                  struct gw_value *out_value)
{
    int64_t at;

    if (!gw_jq_to_integer(key->text, &at) || at > INT32_MAX || at < -INT32_MAX)
        return GW_JQ_LEFT;
    if (at < 0)
        at += array->count;
    *out_value = at >= 0 && at < array->count ? array->items[at] : gw_value_null();
    return GW_JQ_DONE;
}

enum gw_jq_outcome gw_jq_index(struct gw_jq_run *run, const struct gw_value *value,
                               const struct gw_value *key, struct gw_value *out_value)
{
    const struct gw_value *member;

    if (key->type == GW_JSON_ARRAY || key->type == GW_JSON_OBJECT)
        return GW_JQ_LEFT;
    if (value->type == GW_JSON_OBJECT && key->type == GW_JSON_STRING) {
        if (gw_jq_charge(run, value->count / 16) != GW_JQ_DONE)
            return GW_JQ_LEFT;
        member = gw_value_member(value, key->text);
        *out_value = member == NULL ? gw_value_null() : *member;
        return GW_JQ_DONE;
    }
    if (value->type == GW_JSON_ARRAY && key->type == GW_JSON_NUMBER)
        return element(value, key, out_value);
    if (value->type == GW_JSON_NULL &&
        (key->type == GW_JSON_STRING || key->type == GW_JSON_NUMBER)) {
        *out_value = gw_value_null();
        return GW_JQ_DONE;
    }
    if (key->type == GW_JSON_STRING)
        return gw_jq_fail(run, "Cannot index %s with string \"%.*s\"", gw_jq_type_name(value),
                          (int)(key->text.len < 100 ? key->text.len : 100), key->text.ptr);
    return gw_jq_fail(run, "Cannot index %s with %s", gw_jq_type_name(value), gw_jq_type_name(key));
}

/* --- comparisons ------------------------------------------------------------------------------ */

/* A step per value in `value`. */
static enum gw_jq_outcome charge_value(struct gw_jq_run *run, const struct gw_value *value)
{
    bool has_parts = value->type >= GW_JSON_ARRAY;
    enum gw_jq_outcome outcome = gw_jq_charge(run, has_parts ? 1 : 1 + value->text.len / 64);

    if (value->type <= GW_JSON_TRUE)
        return gw_jq_charge(run, 1);
    for (uint32_t i = 0; has_parts && i < value->count && outcome == GW_JQ_DONE; i++)
        outcome = charge_value(run, value->type == GW_JSON_ARRAY ? &value->items[i]
                                                                 : &value->members[i].value);
    return outcome;
}

static int compare_numbers(struct gw_str a, struct gw_str b, int *out_order)
{
    struct gw_decimal left, right;

    if (gw_decimal_parse(a, &left) != 0 || gw_decimal_parse(b, &right) != 0)
        return -1;
    *out_order = gw_decimal_compare(&left, &right);
    return 0;
}

/* By type (null, false, true, numbers, strings, arrays, objects), then within it. */
static enum gw_jq_outcome order(const struct gw_value *a, const struct gw_value *b, int *out_order)
{
    if (a->type != b->type)
        *out_order = (int)a->type - (int)b->type;
    else if (a->type == GW_JSON_STRING)
        *out_order = gw_str_compare(a->text, b->text);
    else if (a->type == GW_JSON_NUMBER)
        return compare_numbers(a->text, b->text, out_order) == 0 ? GW_JQ_DONE : GW_JQ_LEFT;
    else if (a->type < GW_JSON_NUMBER)
        *out_order = 0;
    else
        return GW_JQ_LEFT;
    return GW_JQ_DONE;
}

static bool holds(char sign, int order)
{
    switch (sign) {
    case '<':
        return order < 0;
    case '>':
        return order > 0;
    case 'l':
        return order <= 0;
    default:
        return order >= 0;
    }
}

enum gw_jq_outcome gw_jq_compare(struct gw_jq_run *run, char sign, const struct gw_value *a,
                                 const struct gw_value *b, struct gw_value *out_value)
{
    enum gw_jq_outcome outcome = charge_value(run, a);
    int by = 0;

    if (outcome == GW_JQ_DONE)
        outcome = charge_value(run, b);
    if (outcome != GW_JQ_DONE)
        return outcome;
    if (sign == '=' || sign == '!') {
        *out_value = gw_value_bool(gw_value_equal(a, b) == (sign == '='));
        return GW_JQ_DONE;
    }
    outcome = order(a, b, &by);
    if (outcome == GW_JQ_DONE)
        *out_value = gw_value_bool(holds(sign, by));
    return outcome;
}

/* --- arithmetic ------------------------------------------------------------------------------- */

static enum gw_jq_outcome calculate_integers(struct gw_jq_run *run, char sign,
                                             const struct gw_value *a, const struct gw_value *b,
                                             struct gw_value *out_value)
{
    int64_t x, y, result;

    if (!gw_jq_to_integer(a->text, &x) || !gw_jq_to_integer(b->text, &y))
        return GW_JQ_LEFT;
    if (sign == '*') {
        if (x == 0 || y == 0 || __builtin_mul_overflow(x, y, &result))
            return GW_JQ_LEFT;
    } else {
        result = sign == '+' ? x + y : x - y;
    }
    if (result > MAX_INTEGER || result < -MAX_INTEGER)
        return GW_JQ_LEFT;
    return gw_value_integer(run->arena, result, out_value) == 0 ? GW_JQ_DONE : GW_JQ_NO_MEMORY;
}

static enum gw_jq_outcome join_texts(struct gw_jq_run *run, struct gw_str a, struct gw_str b,
                                     struct gw_value *out_value)
{
    const struct gw_str parts[] = {a, b};

    if (gw_jq_charge(run, (a.len + b.len) / 64) != GW_JQ_DONE)
        return GW_JQ_LEFT;
    struct gw_str text = gw_arena_join(run->arena, parts, 2);
    *out_value = gw_value_string(text);
    return text.ptr == NULL ? GW_JQ_NO_MEMORY : GW_JQ_DONE;
}

static enum gw_jq_outcome join_parts(struct gw_jq_run *run, const struct gw_value *a,
                                     const struct gw_value *b, struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = run->arena};
    const struct gw_value *both[] = {a, b};
    bool is_array = a->type == GW_JSON_ARRAY;
    int rc = 0;

    if (gw_jq_charge(run, (size_t)a->count + b->count) != GW_JQ_DONE)
        return GW_JQ_LEFT;
    for (int i = 0; i < 2; i++) {
        for (uint32_t j = 0; j < both[i]->count && rc == 0; j++)
            rc = is_array ? gw_value_add_item(&builder, both[i]->items[j])
                          : gw_value_add_member(&builder, both[i]->members[j].name,
                                                both[i]->members[j].value);
    }
    if (rc != 0)
        return GW_JQ_NO_MEMORY;
    *out_value = is_array ? gw_value_built_array(&builder) : gw_value_built_object(&builder);
    return GW_JQ_DONE;
}

enum gw_jq_outcome gw_jq_calculate(struct gw_jq_run *run, char sign, const struct gw_value *a,
                                   const struct gw_value *b, struct gw_value *out_value)
{
    if (a->type == GW_JSON_NUMBER && b->type == GW_JSON_NUMBER)
        return calculate_integers(run, sign, a, b, out_value);
    if (sign != '+')
        return GW_JQ_LEFT;
    if (a->type == GW_JSON_NULL || b->type == GW_JSON_NULL) {
        *out_value = a->type == GW_JSON_NULL ? *b : *a;
        return GW_JQ_DONE;
    }
    if (a->type != b->type || a->type < GW_JSON_STRING)
        return gw_jq_fail(run, "%s and %s cannot be added", gw_jq_type_name(a), gw_jq_type_name(b));
    if (a->type == GW_JSON_STRING)
        return join_texts(run, a->text, b->text, out_value);
    return join_parts(run, a, b, out_value);
}

/* --- functions -------------------------------------------------------------------------------- */

static size_t count_code_points(struct gw_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

enum gw_jq_outcome gw_jq_length(struct gw_jq_run *run, const struct gw_value *value,
                                struct gw_value *out_value)
{
    size_t length = value->type == GW_JSON_NULL ? 0 : value->count;

    if (value->type == GW_JSON_NUMBER) {
        bool is_negative = value->text.ptr[0] == '-';
        *out_value = gw_value_number(gw_str_tail(value->text, is_negative));
        return GW_JQ_DONE;
    }
    if (value->type == GW_JSON_TRUE || value->type == GW_JSON_FALSE)
        return gw_jq_fail(run, "boolean (%s) has no length",
                          value->type == GW_JSON_TRUE ? "true" : "false");
    if (value->type == GW_JSON_STRING) {
        if (gw_jq_charge(run, value->text.len / 64) != GW_JQ_DONE)
            return GW_JQ_LEFT;
        length = count_code_points(value->text);
    }
    return gw_value_integer(run->arena, (int64_t)length, out_value) == 0 ? GW_JQ_DONE
                                                                         : GW_JQ_NO_MEMORY;
}

enum gw_jq_outcome gw_jq_to_text(const struct gw_value *value, struct gw_value *out_value)
{
    static const char *const words[] = {"null", "false", "true"};
    struct gw_str text = value->text;

    if (value->type >= GW_JSON_ARRAY)
        return GW_JQ_LEFT;
    if (value->type == GW_JSON_NUMBER && !gw_jq_number_text(value->text, &text))
        return GW_JQ_LEFT;
    if (value->type < GW_JSON_NUMBER)
        text = gw_str_of(words[value->type]);
    *out_value = gw_value_string(text);
    return GW_JQ_DONE;
}
