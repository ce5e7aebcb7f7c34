/* Long numbers as texts of signs, and back: see expression_guard.h. */
#include <errno.h>
#include <stdio.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/flow/expression_guard.h"
#include "server/flow/expression_nodes.h"
#include "server/json/number.h"

/* U+10F000 + n in UTF-8 is these bytes and 0x80 + n. */
#define SIGN_PREFIX "\xf4\x8f\x80"
#define SIGN_PREFIX_BYTES 3
#define SIGN_BYTES 4
#define FIRST_BYTE 0x80
#define SIGN_BEGIN 14
#define SIGN_END 15

static const char alphabet[] = "0123456789-.e+";

static void write_sign(struct gw_buf *buf, unsigned number)
{
    gw_buf_append_text(buf, SIGN_PREFIX);
    gw_buf_append_byte(buf, (char)(FIRST_BYTE + number));
}

static void write_digits(struct gw_buf *buf, struct gw_str digits)
{
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i] == 'E' ? 'e' : digits.ptr[i];
        write_sign(buf, (unsigned)(strchr(alphabet, c) - alphabet));
    }
}

/* Equal numbers are written in the same way: an integer as it is, others as digits and exponent
 * where there is one, else without zeros at the end. */
static void write_long(struct gw_buf *buf, struct gw_str literal)
{
    struct gw_decimal decimal;
    char exponent[32];

    gw_buf_append_byte(buf, '"');
    write_sign(buf, SIGN_BEGIN);
    bool has_exponent = memchr(literal.ptr, 'e', literal.len) != NULL ||
                        memchr(literal.ptr, 'E', literal.len) != NULL;
    if (has_exponent && gw_decimal_parse(literal, &decimal) == 0) {
        if (decimal.is_negative)
            write_sign(buf, 10);
        for (size_t i = 0; i < decimal.digits.len; i++) {
            if (decimal.digits.ptr[i] != '.')
                write_digits(buf, gw_str_from(decimal.digits.ptr + i, 1));
        }
        int len = snprintf(exponent, sizeof(exponent), "e%lld", (long long)decimal.exponent);
        write_digits(buf, gw_str_from(exponent, (size_t)len));
    } else {
        bool has_point = memchr(literal.ptr, '.', literal.len) != NULL;
        while (has_point && literal.ptr[literal.len - 1] == '0')
            literal.len--;
        write_digits(buf, literal);
    }
    write_sign(buf, SIGN_END);
    gw_buf_append_byte(buf, '"');
}

static void write_text(struct gw_buf *buf, struct gw_str text)
{
    gw_buf_append_byte(buf, '"');
    gw_buf_append_json(buf, text);
    gw_buf_append_byte(buf, '"');
}

static void write_at(struct gw_buf *buf, const struct gw_value *value, unsigned depth,
                     struct gw_jq_written *written)
{
    bool is_object = value->type == GW_JSON_OBJECT;

    if (value->type == GW_JSON_NUMBER && gw_jq_is_long(value->text)) {
        written->has_long = true;
        write_long(buf, value->text);
    } else if (value->type < GW_JSON_ARRAY) {
        written->has_sign |= value->type == GW_JSON_STRING && gw_jq_has_sign(value->text);
        gw_value_write(buf, value);
    } else if (depth == GW_VALUE_MAX_DEPTH ||
               (written->must_stop != NULL && atomic_load(written->must_stop))) {
        buf->has_failed = true;
    } else {
        gw_buf_append_byte(buf, is_object ? '{' : '[');
        for (uint32_t i = 0; i < value->count && !buf->has_failed; i++) {
            if (i > 0)
                gw_buf_append_byte(buf, ',');
            if (is_object) {
                written->has_sign |= gw_jq_has_sign(value->members[i].name);
                write_text(buf, value->members[i].name);
                gw_buf_append_byte(buf, ':');
            }
            write_at(buf, is_object ? &value->members[i].value : &value->items[i], depth + 1,
                     written);
        }
        gw_buf_append_byte(buf, is_object ? '}' : ']');
    }
}

void gw_jq_write_value(struct gw_buf *buf, const struct gw_value *value,
                       struct gw_jq_written *written)
{
    write_at(buf, value, 0, written);
}

/* --- and back --------------------------------------------------------------------------------- */

/* The number of the sign that `text` starts with, or -1. */
static int read_sign(struct gw_str text)
{
    if (text.len < SIGN_BYTES || memcmp(text.ptr, SIGN_PREFIX, SIGN_PREFIX_BYTES) != 0)
        return -1;
    int number = (unsigned char)text.ptr[SIGN_PREFIX_BYTES] - FIRST_BYTE;
    return number >= 0 && number <= SIGN_END ? number : -1;
}

bool gw_jq_has_sign(struct gw_str text)
{
    const char *found = text.ptr;

    if (text.len == 0)
        return false;
    const char *end = text.ptr + text.len;
    while ((found = memmem(found, (size_t)(end - found), SIGN_PREFIX, SIGN_PREFIX_BYTES)) != NULL) {
        if (read_sign(gw_str_from(found, (size_t)(end - found))) >= 0)
            return true;
        found += SIGN_PREFIX_BYTES;
    }
    return false;
}

/* A whole number: begin, digits, end. */
static int restore_number(struct gw_arena *arena, struct gw_str text, struct gw_value *out_value)
{
    size_t count = text.len / SIGN_BYTES;
    struct gw_json_token token;
    struct gw_json_tape tape;

    if (text.len % SIGN_BYTES != 0 || count < 3 || read_sign(text) != SIGN_BEGIN ||
        read_sign(gw_str_tail(text, text.len - SIGN_BYTES)) != SIGN_END)
        return -EINVAL;
    char *digits = gw_arena_alloc(arena, count);
    if (digits == NULL)
        return -ENOMEM;
    for (size_t i = 1; i + 1 < count; i++) {
        int number = read_sign(gw_str_tail(text, i * SIGN_BYTES));
        if (number < 0 || number >= SIGN_BEGIN)
            return -EINVAL;
        digits[i - 1] = alphabet[number];
    }
    struct gw_str literal = gw_str_from(digits, count - 2);
    if (gw_json_tape_of_number(literal, &token, &tape) != 0)
        return -EINVAL;
    *out_value = gw_value_number(literal);
    return 0;
}

static int restore_items(struct gw_arena *arena, const struct gw_value *value,
                         struct gw_value *out_value)
{
    struct gw_value *items = gw_arena_calloc(arena, value->count, sizeof(*items));
    int rc = items == NULL ? -ENOMEM : 0;

    for (uint32_t i = 0; i < value->count && rc == 0; i++)
        rc = gw_jq_restore(arena, &value->items[i], &items[i]);
    if (rc == 0)
        *out_value = gw_value_array(items, value->count);
    return rc;
}

static int restore_members(struct gw_arena *arena, const struct gw_value *value,
                           struct gw_value *out_value)
{
    struct gw_value_member *members = gw_arena_calloc(arena, value->count, sizeof(*members));
    int rc = members == NULL ? -ENOMEM : 0;

    for (uint32_t i = 0; i < value->count && rc == 0; i++) {
        members[i].name = value->members[i].name;
        rc = gw_jq_has_sign(members[i].name)
                 ? -EINVAL
                 : gw_jq_restore(arena, &value->members[i].value, &members[i].value);
    }
    if (rc == 0)
        *out_value = gw_value_object(members, value->count);
    return rc;
}

/* Recursion: no deeper than the reader, which made the value. */
int gw_jq_restore(struct gw_arena *arena, const struct gw_value *value, struct gw_value *out_value)
{
    if (value->type == GW_JSON_ARRAY)
        return restore_items(arena, value, out_value);
    if (value->type == GW_JSON_OBJECT)
        return restore_members(arena, value, out_value);
    if (value->type == GW_JSON_STRING && gw_jq_has_sign(value->text))
        return restore_number(arena, value->text, out_value);
    *out_value = *value;
    return 0;
}

void gw_jq_restore_text(char *text)
{
    char *out = text;

    while (*text != '\0') {
        int number = read_sign(gw_str_from(text, strnlen(text, SIGN_BYTES)));
        if (number < 0) {
            *out++ = *text++;
            continue;
        }
        if (number < SIGN_BEGIN)
            *out++ = alphabet[number];
        text += SIGN_BYTES;
    }
    *out = '\0';
}
