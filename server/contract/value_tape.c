#include "server/contract/value_tape.h"

#include <errno.h>

#include "server/core/arena.h"

#define MAX_TOKENS (1u << 20)

#define STRING (1u << GW_JSON_STRING)
#define BOOLEAN (1u << GW_JSON_TRUE | 1u << GW_JSON_FALSE)

void gw_value_tape_init(struct gw_value_tape *tape, struct gw_arena *arena, bool prefers_strings)
{
    tape->arena = arena;
    tape->prefers_strings = prefers_strings;
    tape->is_ambiguous = false;
    tape->error = 0;
    tape->text = gw_str_from(NULL, 0);
    tape->tokens = tape->few;
    tape->count = 0;
    tape->capacity = GW_COUNT_OF(tape->few);
}

void gw_value_tape_fail(struct gw_value_tape *tape, int error)
{
    if (tape->error == 0)
        tape->error = error;
}

static bool grow(struct gw_value_tape *tape, uint32_t count)
{
    uint32_t capacity = tape->capacity;

    if (count > MAX_TOKENS - tape->count) {
        gw_value_tape_fail(tape, -E2BIG);
        return false;
    }
    while (capacity - tape->count < count)
        capacity *= 2;
    struct gw_json_token *tokens = gw_arena_alloc(tape->arena, capacity * sizeof(*tokens));
    if (tokens == NULL) {
        gw_value_tape_fail(tape, -ENOMEM);
        return false;
    }
    memcpy(tokens, tape->tokens, tape->count * sizeof(*tokens));
    tape->tokens = tokens;
    tape->capacity = capacity;
    return true;
}

static void add(struct gw_value_tape *tape, struct gw_json_token token)
{
    if (tape->error != 0 || (tape->count == tape->capacity && !grow(tape, 1)))
        return;
    tape->tokens[tape->count++] = token;
}

void gw_value_tape_add_string(struct gw_value_tape *tape, struct gw_str text)
{
    struct gw_json_token token;

    (void)gw_json_tape_of_string(text, &token);
    add(tape, token);
}

void gw_value_tape_add_name(struct gw_value_tape *tape, struct gw_str name)
{
    struct gw_json_token token;

    (void)gw_json_tape_of_string(name, &token);
    token.flags = GW_JSON_NAME;
    token.hash = gw_json_name_hash(name);
    add(tape, token);
}

/* A small number is an offset into the tape's one text; others carry their literal. */
static struct gw_json_token with_literal(struct gw_json_token token, struct gw_str literal)
{
    return (struct gw_json_token){
        .type = GW_JSON_NUMBER,
        .flags = token.flags & GW_JSON_INTEGER,
        .len = (uint32_t)literal.len,
        .ptr = literal.ptr,
    };
}

static bool add_number(struct gw_value_tape *tape, struct gw_str text, unsigned types)
{
    struct gw_json_token token;
    struct gw_json_tape scalar;

    if (gw_json_tape_of_number(text, &token, &scalar) != 0)
        return false;
    bool is_integer = (token.flags & GW_JSON_INTEGER) != 0;
    if (!is_integer && (types & GW_SHAPE_INTEGER) != 0 && (types & STRING) != 0)
        return false;
    if (tape->text.ptr == NULL)
        tape->text = text;
    else if ((token.flags & GW_JSON_SMALL) != 0)
        token = with_literal(token, text);
    add(tape, token);
    return true;
}

static bool add_word(struct gw_value_tape *tape, struct gw_str text, unsigned types)
{
    bool is_true = gw_str_equal(text, GW_STR("true"));
    bool is_null = gw_str_equal(text, GW_STR("null")) || (text.len == 0 && (types & STRING) == 0);
    enum gw_json_type type = is_true ? GW_JSON_TRUE : GW_JSON_FALSE;

    if ((types & BOOLEAN) != 0 && (is_true || gw_str_equal(text, GW_STR("false")))) {
        add(tape, (struct gw_json_token){.type = (uint8_t)type});
        return true;
    }
    if ((types & 1u << GW_JSON_NULL) == 0 || !is_null)
        return false;
    add(tape, (struct gw_json_token){.type = GW_JSON_NULL});
    return true;
}

void gw_value_tape_add_text(struct gw_value_tape *tape, struct gw_str text, unsigned types)
{
    bool may_be_string = (types & STRING) != 0;

    if (!may_be_string || !tape->prefers_strings) {
        if (((types & 1u << GW_JSON_NUMBER) != 0 && add_number(tape, text, types)) ||
            add_word(tape, text, types)) {
            tape->is_ambiguous = tape->is_ambiguous || may_be_string;
            return;
        }
    }
    gw_value_tape_add_string(tape, text);
}

void gw_value_tape_add_tape(struct gw_value_tape *tape, const struct gw_json_tape *value)
{
    uint32_t base = tape->count;

    if (tape->error != 0 || (tape->capacity - base < value->count && !grow(tape, value->count)))
        return;
    for (uint32_t i = 0; i < value->count; i++) {
        struct gw_json_token token = value->tokens[i];
        if (token.type >= GW_JSON_ARRAY)
            token.inside.next += base;
        else if (token.type == GW_JSON_NUMBER && (token.flags & GW_JSON_SMALL) != 0)
            token = with_literal(token, gw_json_number(value, i));
        tape->tokens[base + i] = token;
    }
    tape->count += value->count;
}

uint32_t gw_value_tape_open(struct gw_value_tape *tape, enum gw_json_type type)
{
    uint32_t at = tape->count;

    add(tape, (struct gw_json_token){.type = (uint8_t)type});
    return at;
}

void gw_value_tape_close(struct gw_value_tape *tape, uint32_t opened, uint32_t count)
{
    if (tape->error != 0)
        return;
    tape->tokens[opened].inside.count = count;
    tape->tokens[opened].inside.next = tape->count;
}

int gw_value_tape_finish(const struct gw_value_tape *tape, struct gw_json_tape *out_tape)
{
    if (tape->error != 0)
        return tape->error;
    *out_tape = (struct gw_json_tape){
        .text = tape->text,
        .tokens = tape->tokens,
        .count = tape->count,
    };
    return 0;
}
