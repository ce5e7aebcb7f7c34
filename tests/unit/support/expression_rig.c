#include "tests/unit/support/expression_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/flow/expression_group.h"
#include "server/flow/expression_set.h"
#include "server/net/loop.h"

#define WAIT_NS (60 * GW_NS_PER_SECOND)

static const char variables_text[] = "{\"x\":{\"a\":1,\"name\":\"name\",\"list\":[1,2]}}";

void expression_rig_init(struct expression_rig *rig, const struct gw_evaluator_limits *limits)
{
    struct gw_error error;

    assert_int_equal(gw_loop_create(&rig->loop, &error), 0);
    rig->evaluator = gw_evaluator_create(rig->loop, limits);
    assert_non_null(rig->evaluator);
}

void expression_rig_finish(struct expression_rig *rig)
{
    gw_evaluator_destroy(rig->evaluator);
    gw_loop_turn(rig->loop, 0);
    gw_loop_destroy(rig->loop);
}

struct gw_expressions *expression_rig_set(const char *definitions, const char *text)
{
    struct gw_expressions *set = gw_expressions_create(gw_str_of(definitions));
    struct gw_error error = {0};
    uint32_t index;

    assert_non_null(set);
    if (gw_expressions_add(set, gw_str_of(text), &index, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    assert_int_equal(index, 0);
    return set;
}

static void on_done(struct gw_evaluation *evaluation, const char *failure)
{
    struct expression_run *run = evaluation->owner;
    struct gw_buf buf;

    assert_false(run->is_done);
    run->is_done = true;
    run->has_failed = failure != NULL;
    gw_buf_init(&buf, sizeof(run->text) - 1);
    if (failure != NULL)
        gw_buf_append_text(&buf, failure);
    else
        gw_value_write(&buf, &evaluation->results[0]);
    snprintf(run->text, sizeof(run->text), "%.*s", GW_STR_ARG(gw_buf_str(&buf)));
    gw_buf_finish(&buf);
}

static struct gw_value read_text(struct gw_arena *arena, const char *text)
{
    const struct gw_json_limits limits = {.max_bytes = 64u << 20,
                                          .max_depth = GW_JSON_DEPTH_CEILING};
    struct gw_str copy = gw_arena_copy(arena, gw_str_of(text));
    struct gw_json_error error;
    struct gw_value value;

    if (gw_value_read(arena, copy, &limits, &value, &error) != 0)
        fail_msg("%s: %s", text, error.text);
    return value;
}

void expression_rig_start(struct expression_rig *rig, struct expression_run *run,
                          struct gw_expressions *set, const char *document)
{
    if (set->program == NULL)
        assert_int_equal(gw_jq_make_program(set), 0);
    *run = (struct expression_run){0};
    gw_arena_init(&run->arena, 16384, 256u << 20);
    run->evaluation = (struct gw_evaluation){.set = set,
                                             .indices = &run->index,
                                             .count = 1,
                                             .input = read_text(&run->arena, document),
                                             .variables = read_text(&run->arena, variables_text),
                                             .arena = &run->arena,
                                             .done = on_done,
                                             .owner = run};
    gw_evaluate(rig->evaluator, &run->evaluation);
}

void expression_rig_wait(struct expression_rig *rig, const struct expression_run *run)
{
    uint64_t end_ns = gw_clock_monotonic_ns() + WAIT_NS;

    while (!run->is_done && gw_clock_monotonic_ns() < end_ns)
        gw_loop_turn(rig->loop, 100);
    assert_true(run->is_done);
}

void expression_rig_free(struct expression_run *run)
{
    gw_arena_finish(&run->arena);
}

int expression_rig_run(struct expression_rig *rig, struct gw_expressions *set, const char *document,
                       char *out, size_t capacity)
{
    struct expression_run run;

    expression_rig_start(rig, &run, set, document);
    expression_rig_wait(rig, &run);
    snprintf(out, capacity, "%s", run.text);
    expression_rig_free(&run);
    return run.has_failed ? -1 : 0;
}

void expression_rig_expect(struct expression_rig *rig, const char *text, const char *document,
                           const char *expected)
{
    struct gw_expressions *set = expression_rig_set("", text);
    char out[4096];

    int rc = expression_rig_run(rig, set, document, out, sizeof(out));
    if (rc != 0 || strcmp(out, expected) != 0)
        fail_msg("%s over %s: %s, expected %s", text, document, out, expected);
    gw_expressions_release(set);
}

void expression_rig_expect_failure(struct expression_rig *rig, const char *text,
                                   const char *document, const char *words)
{
    struct gw_expressions *set = expression_rig_set("", text);
    char out[4096];

    int rc = expression_rig_run(rig, set, document, out, sizeof(out));
    if (rc == 0 || strstr(out, words) == NULL)
        fail_msg("%s over %s: %s, expected a failure with: %s", text, document, out, words);
    gw_expressions_release(set);
}

bool expression_rig_is_same(const char *a, const char *b)
{
    struct gw_arena arena;

    gw_arena_init(&arena, 16384, 16u << 20);
    struct gw_value left = read_text(&arena, a), right = read_text(&arena, b);
    bool is_same = gw_value_equal(&left, &right);
    gw_arena_finish(&arena);
    return is_same;
}
