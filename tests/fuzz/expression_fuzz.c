/* Expressions: a line of JSON, then the expression. What is evaluated here is what libjq yields for
 * it, in this process: whatever ends here is finite there, too. */
#include <jq.h>
#include <stdint.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/flow/expression_group.h"
#include "server/flow/expression_guard.h"
#include "server/flow/expression_program.h"
#include "server/flow/expression_set.h"

#define MAX_BYTES 2000

static const char variables_text[] = "{\"x\":{\"a\":1,\"name\":\"name\",\"list\":[1,2]}}";

static void ignore(void *self, jv message)
{
    (void)self;
    jv_free(message);
}

/* All that libjq yields; invalid where it fails. */
static jv run_theirs(jq_state *program, struct gw_str call)
{
    jv all = jv_array(), value;

    jq_start(program, jv_parse_sized(call.ptr, (int)call.len), 0);
    while (jv_is_valid(value = jq_next(program)))
        all = jv_array_append(all, value);
    if (!jv_invalid_has_msg(jv_copy(value))) {
        jv_free(value);
        return all;
    }
    jv_free(all);
    return value;
}

static void compare(enum gw_jq_outcome outcome, const struct gw_value *own, jv theirs)
{
    struct gw_jq_written written = {0};
    struct gw_buf text;

    if (jv_is_valid(theirs) != (outcome == GW_JQ_DONE))
        abort();
    gw_buf_init(&text, 64u << 20);
    gw_jq_write_value(&text, own, &written);
    jv ours = jv_parse_sized(text.ptr, (int)text.len);
    if (outcome == GW_JQ_DONE && jv_is_valid(ours) && !written.has_long &&
        !jv_equal(jv_copy(ours), jv_copy(theirs)))
        abort();
    jv_free(ours);
    jv_free(theirs);
    gw_buf_finish(&text);
}

/* The program as the helper gets it, and its input. */
static void check_theirs(struct gw_expressions *set, const struct gw_value *input,
                         enum gw_jq_outcome outcome, const struct gw_value *own)
{
    struct gw_jq_written written = {0};
    struct gw_buf program, call;
    jq_state *state = jq_init();

    gw_buf_init(&program, 1u << 20);
    gw_buf_init(&call, 1u << 20);
    set->items[0].own = NULL;
    if (gw_jq_make_program(set) != 0)
        abort();
    gw_jq_program_write(&program, set->program, NULL);
    gw_buf_append_byte(&program, '\0');
    gw_buf_append_byte(&call, '[');
    gw_jq_write_value(&call, input, &written);
    gw_buf_printf(&call, ",%s,0]", variables_text);
    jq_set_error_cb(state, ignore, NULL);
    if (state == NULL || program.has_failed || call.has_failed)
        abort();
    if (!jq_compile(state, program.ptr))
        abort(); /* all that is ours is jq */
    jq_set_error_cb(state, ignore, NULL);
    if (!written.has_long)
        compare(outcome, own, run_theirs(state, gw_buf_str(&call)));
    jq_teardown(&state);
    gw_buf_finish(&program);
    gw_buf_finish(&call);
}

static void try_both(struct gw_arena *arena, struct gw_expressions *set,
                     const struct gw_value *input)
{
    const struct gw_jq_expression *expression = &set->items[0];
    struct gw_value_builder results = {.arena = arena};
    struct gw_json_error error;
    struct gw_value variables;

    if (gw_value_read(arena, gw_str_of(variables_text), NULL, &variables, &error) != 0)
        return;
    for (size_t i = 0; i < expression->needed_count; i++) {
        if (!gw_str_equal(expression->needed[i], GW_STR("x")))
            return;
    }
    struct gw_jq_run run = {.arena = arena, .variables = &variables, .steps = GW_JQ_MAX_STEPS};
    enum gw_jq_outcome outcome = gw_jq_evaluate(&run, expression->own, input, &results);
    struct gw_value own = gw_value_built_array(&results);
    if (outcome == GW_JQ_DONE || outcome == GW_JQ_FAILED)
        check_theirs(set, input, outcome, &own);
}

static bool has_long_literal(struct gw_arena *arena, struct gw_str text)
{
    struct gw_jq_tokens tokens;
    struct gw_error error;
    bool has_long = false;

    if (gw_jq_scan(arena, text, &tokens, &error) != 0)
        return true;
    for (size_t i = 0; i < tokens.count; i++)
        has_long |= tokens.items[i].kind == GW_JQ_NUMBER && gw_jq_is_long(tokens.items[i].text);
    return has_long;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str rest = gw_str_from((const char *)bytes, len), document = {NULL, 0};
    struct gw_expressions *set = gw_expressions_create(GW_STR(""));
    struct gw_json_error json_error;
    struct gw_error error = {0};
    struct gw_arena arena;
    struct gw_value input;
    uint32_t index;

    if (set == NULL || len == 0 || len > MAX_BYTES) {
        gw_expressions_release(set);
        return 0;
    }
    (void)gw_str_split(&rest, '\n', &document);
    if (rest.ptr == NULL)
        rest = GW_STR("");
    gw_arena_init(&arena, 16384, 64u << 20);
    if (gw_expressions_add(set, rest, &index, &error) != 0) {
        if (error.text[0] == '\0')
            abort();
    } else if (set->items[0].own != NULL && !has_long_literal(&arena, rest) &&
               gw_value_read(&arena, document, NULL, &input, &json_error) == 0) {
        try_both(&arena, set, &input);
    }
    gw_arena_finish(&arena);
    gw_expressions_release(set);
    return 0;
}
