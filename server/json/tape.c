/* Reading a finished tape, and tapes of one scalar. */
#include <errno.h>

#include "server/json/number.h"
#include "server/json/reader.h"
#include "server/json/reader_scan.h"

struct gw_json_tape gw_json_tape_of_string(struct gw_str text, struct gw_json_token *out_token)
{
    *out_token = (struct gw_json_token){
        .type = GW_JSON_STRING,
        .len = (uint32_t)text.len,
        .ptr = text.ptr != NULL ? text.ptr : "",
    };
    return (struct gw_json_tape){.text = text, .tokens = out_token, .count = 1};
}

struct gw_json_tape gw_json_tape_of_bool(bool value, struct gw_json_token *out_token)
{
    *out_token = (struct gw_json_token){.type = value ? GW_JSON_TRUE : GW_JSON_FALSE};
    return (struct gw_json_tape){.tokens = out_token, .count = 1};
}

struct gw_json_tape gw_json_tape_of_null(struct gw_json_token *out_token)
{
    *out_token = (struct gw_json_token){.type = GW_JSON_NULL};
    return (struct gw_json_tape){.tokens = out_token, .count = 1};
}

int gw_json_tape_of_number(struct gw_str text, struct gw_json_token *out_token,
                           struct gw_json_tape *out_tape)
{
    bool is_huge = false;
    struct gw_json_token token = {.type = GW_JSON_NULL};
    const char *end = text.ptr + text.len;

    if (text.len == 0 || text.len > UINT32_MAX)
        return -EINVAL;
    if (*text.ptr != '-' && !reader_is_digit(text.ptr, end))
        return -EINVAL;
    if (reader_scan_number(text.ptr, text.ptr, end, &token, &is_huge) != end)
        return -EINVAL;
    *out_token = token;
    *out_tape = (struct gw_json_tape){.text = text, .tokens = out_token, .count = 1};
    return 0;
}

struct gw_str gw_json_number(const struct gw_json_tape *tape, uint32_t at)
{
    const struct gw_json_token *token = &tape->tokens[at];

    if ((token->flags & GW_JSON_SMALL) != 0)
        return gw_str_from(tape->text.ptr + token->len, token->literal.len);
    return gw_str_from(token->ptr, token->len);
}

int gw_json_scalar_text(const struct gw_json_tape *tape, uint32_t at, struct gw_str *out_text)
{
    switch (gw_json_type(tape, at)) {
    case GW_JSON_STRING:
        *out_text = gw_json_string(tape, at);
        return 0;
    case GW_JSON_NUMBER:
        *out_text = gw_json_number(tape, at);
        return 0;
    case GW_JSON_TRUE:
        *out_text = GW_STR("true");
        return 0;
    case GW_JSON_FALSE:
        *out_text = GW_STR("false");
        return 0;
    case GW_JSON_NULL:
        return -ENOENT;
    case GW_JSON_ARRAY:
    case GW_JSON_OBJECT:
        break;
    }
    return -EINVAL;
}

struct gw_json_cursor gw_json_begin(const struct gw_json_tape *tape, uint32_t at)
{
    bool is_container = tape->tokens[at].type >= GW_JSON_ARRAY;

    return (struct gw_json_cursor){
        .name = GW_JSON_NONE,
        .value = GW_JSON_NONE,
        .next = at + 1,
        .end = is_container ? tape->tokens[at].inside.next : at + 1,
        .is_object = tape->tokens[at].type == GW_JSON_OBJECT,
    };
}

bool gw_json_step(const struct gw_json_tape *tape, struct gw_json_cursor *cursor)
{
    if (cursor->next >= cursor->end)
        return false;
    if (cursor->is_object)
        cursor->name = cursor->next++;
    cursor->value = cursor->next;
    cursor->next = gw_json_next(tape, cursor->value);
    return true;
}

uint32_t gw_json_get(const struct gw_json_tape *tape, uint32_t object, struct gw_str name)
{
    uint32_t found = GW_JSON_NONE;

    if (object == GW_JSON_NONE || tape->tokens[object].type != GW_JSON_OBJECT)
        return GW_JSON_NONE;
    uint16_t hash = gw_json_name_hash(name);
    uint32_t end = tape->tokens[object].inside.next;
    for (uint32_t at = object + 1; at < end; at = gw_json_next(tape, at + 1)) {
        const struct gw_json_token *token = &tape->tokens[at];
        if (token->hash == hash && gw_str_equal(gw_json_string(tape, at), name))
            found = at + 1;
    }
    return found;
}

uint32_t gw_json_element(const struct gw_json_tape *tape, uint32_t array, uint32_t position)
{
    if (array == GW_JSON_NONE || tape->tokens[array].type != GW_JSON_ARRAY ||
        position >= tape->tokens[array].inside.count)
        return GW_JSON_NONE;
    uint32_t at = array + 1;
    while (position-- > 0)
        at = gw_json_next(tape, at);
    return at;
}

size_t gw_json_offset(const struct gw_json_tape *tape, uint32_t at)
{
    const struct gw_json_token *token = &tape->tokens[at];
    bool is_string = token->type == GW_JSON_STRING;

    if (token->type >= GW_JSON_ARRAY || (token->flags & GW_JSON_SMALL) != 0)
        return token->len;
    if (!is_string && token->type != GW_JSON_NUMBER)
        return SIZE_MAX;
    uintptr_t start = (uintptr_t)tape->text.ptr;
    uintptr_t place = (uintptr_t)token->ptr - is_string;
    return place >= start && place < start + tape->text.len ? place - start : SIZE_MAX;
}

uint16_t gw_json_name_hash(struct gw_str name)
{
    return reader_hash(name.ptr, name.len);
}

/* For numbers that are not small: 1e2 and 1000000000000000000000e-20 are integers, too. */
static bool decimal_to_i64(const struct gw_decimal *decimal, int64_t *out_value)
{
    uint64_t value = 0;

    if (decimal->exponent < 0 || decimal->digit_count + decimal->exponent > 19)
        return false;
    for (size_t i = 0; i < decimal->digits.len; i++) {
        if (decimal->digits.ptr[i] != '.')
            value = value * 10 + (uint64_t)(decimal->digits.ptr[i] - '0');
    }
    for (int64_t i = 0; i < decimal->exponent; i++)
        value *= 10;
    if (value > (uint64_t)INT64_MAX + decimal->is_negative)
        return false;
    *out_value = decimal->is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

bool gw_json_to_i64(const struct gw_json_tape *tape, uint32_t at, int64_t *out_value)
{
    const struct gw_json_token *token = &tape->tokens[at];
    struct gw_decimal decimal;

    if (token->type != GW_JSON_NUMBER)
        return false;
    if ((token->flags & (GW_JSON_SMALL | GW_JSON_INTEGER)) == (GW_JSON_SMALL | GW_JSON_INTEGER)) {
        *out_value = token->small;
        return true;
    }
    return gw_decimal_parse(gw_json_number(tape, at), &decimal) == 0 &&
           decimal_to_i64(&decimal, out_value);
}
