/* The helper: what does not end, takes too much, or dies, fails alone and is named. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/flow/expression_evaluator.h"
#include "tests/unit/support/expression_rig.h"

#define QUEUED 100

static struct expression_rig rig;

static const struct gw_evaluator_limits limits = {.max_memory_bytes = 64u << 20,
                                                  .timeout_ns = 400 * GW_NS_PER_MS,
                                                  .max_input_bytes = 100000,
                                                  .max_output_bytes = 100000};

static int set_up(void **state)
{
    (void)state;
    expression_rig_init(&rig, &limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    expression_rig_finish(&rig);
    return 0;
}

static void expect_alive(void)
{
    expression_rig_expect(&rig, ".a | ascii_downcase", "{\"a\":\"XY\"}", "\"xy\"");
}

/* The first helper takes the next one. */
static void await_idle(void)
{
    while (rig.evaluator->helpers[0].state != GW_EVALUATOR_IDLE)
        gw_loop_turn(rig.loop, 10);
}

static void what_does_not_end_is_named_and_ended(void **state)
{
    (void)state;
    expression_rig_expect_failure(&rig, "def f: f; f", "null",
                                  "${ def f: f; f }: it did not end within 400 ms");
    expect_alive();
    expression_rig_expect_failure(&rig, "last(repeat(1))", "null", "did not end");
    expect_alive();
    expression_rig_expect_failure(&rig, "[limit(1e9; repeat(1))]", "null", "it ");
    expect_alive();
}

static void what_takes_too_much_memory_is_named(void **state)
{
    const struct gw_evaluator_limits patient = {.max_memory_bytes = 48u << 20,
                                                .timeout_ns = 20 * GW_NS_PER_SECOND};
    struct expression_rig other;

    (void)state;
    expression_rig_init(&other, &patient);
    /* A sanitizer's allocator ends the process by itself, so the words differ there. */
    expression_rig_expect_failure(&other, "[range(1e9)]", "null", "memory");
    expression_rig_expect_failure(&other, "def f: [f]; f", "null", "memory");
    expression_rig_expect_failure(&other, "reduce range(1e6) as $i (null; [.])", "null", "");
    expression_rig_expect(&other, "ascii_downcase", "\"A\"", "\"a\"");
    expression_rig_finish(&other);
}

static void input_and_output_have_bounds(void **state)
{
    char *large = malloc(120001);

    (void)state;
    assert_non_null(large);
    memset(large, 'x', 120000);
    large[0] = large[119999] = '"';
    large[120000] = '\0';
    expression_rig_expect_failure(&rig, "ascii_downcase", large, "its input is larger");
    free(large);
    expression_rig_expect_failure(&rig, "[range(50000)]", "null", "results are larger");
    expect_alive();
    expression_rig_expect_failure(&rig, "reduce range(1000) as $i (null; [.])", "null",
                                  "nested too deep");
    expect_alive();
}

static void a_deep_input_is_refused(void **state)
{
    char deep[1300] = "";

    (void)state;
    memset(deep, '[', 300);
    memset(deep + 300, ']', 300);
    expression_rig_expect_failure(&rig, "flatten", deep, "");
    expect_alive();
}

static void killed_from_outside_only_the_one_that_ran_fails(void **state)
{
    struct gw_expressions *endless = expression_rig_set("", "last(repeat(1))");
    struct gw_expressions *quick = expression_rig_set("", "ascii_downcase");
    static struct expression_run first, second;

    (void)state;
    await_idle();
    expect_alive();
    expression_rig_start(&rig, &first, endless, "null");
    expression_rig_start(&rig, &second, quick, "\"A\"");
    while (rig.evaluator->helpers[0].state != GW_EVALUATOR_RUNNING)
        gw_loop_turn(rig.loop, 10);
    assert_int_equal(kill(rig.evaluator->helpers[0].process.pid, SIGKILL), 0);
    expression_rig_wait(&rig, &first);
    expression_rig_wait(&rig, &second);
    assert_true(first.has_failed);
    assert_non_null(strstr(first.text, "the helper ended"));
    assert_string_equal(second.text, "\"a\"");
    expression_rig_free(&first);
    expression_rig_free(&second);
    gw_expressions_release(endless);
    gw_expressions_release(quick);
}

/* Others need not wait until its time is over: another helper takes them, and ends when it has
 * nothing to do. */
static void what_takes_its_time_holds_up_nobody(void **state)
{
    const struct gw_evaluator_limits patient = {.timeout_ns = 50 * GW_NS_PER_SECOND};
    struct gw_expressions *endless = expression_rig_set("", "last(repeat(1))");
    struct gw_expressions *quick = expression_rig_set("", "ascii_downcase");
    static struct expression_run slow[2], run;
    struct expression_rig other;

    (void)state;
    expression_rig_init(&other, &patient);
    for (size_t i = 0; i < 2; i++)
        expression_rig_start(&other, &slow[i], endless, "null");
    for (size_t i = 0; i < 20; i++) {
        expression_rig_start(&other, &run, quick, "\"A\"");
        expression_rig_wait(&other, &run);
        assert_string_equal(run.text, "\"a\"");
        expression_rig_free(&run);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_false(slow[i].is_done);
        gw_evaluation_cancel(&slow[i].evaluation);
        expression_rig_free(&slow[i]);
    }
    expression_rig_finish(&other);
    gw_expressions_release(endless);
    gw_expressions_release(quick);
}

/* However many do not end, each is named, and the worker has as many helpers as it may. */
static void each_of_many_that_do_not_end_is_named(void **state)
{
    struct gw_expressions *endless = expression_rig_set("", "def f: f; f");
    static struct expression_run runs[7];

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(runs); i++)
        expression_rig_start(&rig, &runs[i], endless, "null");
    for (size_t i = 0; i < GW_COUNT_OF(runs); i++) {
        expression_rig_wait(&rig, &runs[i]);
        assert_true(runs[i].has_failed);
        assert_non_null(strstr(runs[i].text, "${ def f: f; f }: it did not end within 400 ms"));
        expression_rig_free(&runs[i]);
    }
    expect_alive();
    gw_expressions_release(endless);
}

/* An array of so many bytes of text, and a bit. */
static char *large_text(size_t bytes)
{
    char *text = malloc(bytes + 16);
    size_t at = 0;

    assert_non_null(text);
    text[at++] = '[';
    while (at < bytes)
        at += (size_t)snprintf(text + at, 16, "%s\"abcdefg\"", at == 1 ? "" : ",");
    memcpy(text + at, "]", 2);
    return text;
}

/* Both go over threads of the pool; small ones are answered meanwhile. */
static void what_is_large_passes(void **state)
{
    const struct gw_evaluator_limits patient = {.timeout_ns = 50 * GW_NS_PER_SECOND};
    char *text = large_text(4u << 20);
    struct gw_expressions *set = expression_rig_set("", "[.[] | ascii_upcase]");
    struct gw_expressions *quick = expression_rig_set("", "ascii_downcase");
    static struct expression_run large, run;
    struct expression_rig other;
    size_t before = 0;

    (void)state;
    expression_rig_init(&other, &patient);
    expression_rig_start(&other, &large, set, text);
    assert_int_equal(other.evaluator->helpers[0].state, GW_EVALUATOR_WRITING);
    for (; !large.is_done; before++) {
        expression_rig_start(&other, &run, quick, "\"A\"");
        expression_rig_wait(&other, &run);
        assert_string_equal(run.text, "\"a\"");
        expression_rig_free(&run);
    }
    assert_true(before > 1);
    assert_false(large.has_failed);
    assert_true(large.evaluation.results[0].count > 400000);
    assert_true(gw_str_equal(large.evaluation.results[0].items[400000].text, GW_STR("ABCDEFG")));
    expression_rig_free(&large);
    expression_rig_finish(&other);
    gw_expressions_release(set);
    gw_expressions_release(quick);
    free(text);
}

/* At any point: its values may go at once. */
static void what_is_large_can_be_cancelled(void **state)
{
    const struct gw_evaluator_limits patient = {.timeout_ns = 50 * GW_NS_PER_SECOND};
    char *text = large_text(4u << 20);
    struct gw_expressions *set = expression_rig_set("", "[.[] | ascii_upcase]");
    static struct expression_run large;
    struct expression_rig other;

    (void)state;
    expression_rig_init(&other, &patient);
    for (enum gw_evaluator_state when = GW_EVALUATOR_WRITING; when <= GW_EVALUATOR_READING;
         when++) {
        for (size_t i = 0; i < GW_JQ_HELPERS; i++) {
            while (other.evaluator->helpers[i].state != GW_EVALUATOR_IDLE)
                gw_loop_turn(other.loop, 10);
        }
        bool is_known = other.evaluator->helpers[0].uses > 0;
        expression_rig_start(&other, &large, set, text);
        while (other.evaluator->helpers[0].state < when)
            gw_loop_turn(other.loop, 10);
        assert_true(is_known || other.evaluator->helpers[0].state == when);
        gw_evaluation_cancel(&large.evaluation);
        expression_rig_free(&large);
        assert_false(large.is_done);
    }
    expression_rig_start(&other, &large, set, text);
    gw_evaluator_destroy(other.evaluator); /* with a thread that still writes for it */
    other.evaluator = NULL;
    expression_rig_free(&large);
    expression_rig_finish(&other);
    gw_expressions_release(set);
    free(text);
}

/* Idle: nobody fails for it. */
static void killed_while_idle_nobody_fails(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        expect_alive();
        assert_int_equal(kill(rig.evaluator->helpers[0].process.pid, SIGKILL), 0);
        while (rig.evaluator->helpers[0].process.pid != 0)
            gw_loop_turn(rig.loop, 10);
    }
    expect_alive();
}

static void many_wait_in_order(void **state)
{
    static struct expression_run runs[QUEUED];
    struct gw_expressions *set = expression_rig_set("", ". * 2 | sqrt");
    struct gw_expressions *endless = expression_rig_set("", "def f: f; f");
    char document[16], expected[16];

    (void)state;
    for (int i = 0; i < QUEUED; i++) {
        snprintf(document, sizeof(document), "%d", 2 * i * i);
        expression_rig_start(&rig, &runs[i], i == 50 ? endless : set, document);
    }
    for (int i = 0; i < QUEUED; i++) {
        expression_rig_wait(&rig, &runs[i]);
        snprintf(expected, sizeof(expected), "%d", 2 * i);
        assert_int_equal(runs[i].has_failed, i == 50);
        if (i != 50)
            assert_string_equal(runs[i].text, expected);
        expression_rig_free(&runs[i]);
    }
    gw_expressions_release(set);
    gw_expressions_release(endless);
}

static void the_queue_has_a_bound(void **state)
{
    static struct expression_run runs[1100];
    struct gw_expressions *set = expression_rig_set("", "ascii_downcase");
    size_t refused = 0;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(runs); i++)
        expression_rig_start(&rig, &runs[i], set, "\"A\"");
    for (size_t i = 0; i < GW_COUNT_OF(runs); i++) {
        expression_rig_wait(&rig, &runs[i]);
        refused += runs[i].has_failed && strstr(runs[i].text, "too many others wait") != NULL;
        assert_true(runs[i].has_failed || strcmp(runs[i].text, "\"a\"") == 0);
        expression_rig_free(&runs[i]);
    }
    /* Those that were taken at once found a place of their own. */
    assert_in_range(refused, GW_COUNT_OF(runs) - 1000 - GW_JQ_HELPERS, GW_COUNT_OF(runs) - 1001);
    gw_expressions_release(set);
}

static void what_is_cancelled_is_not_told(void **state)
{
    static struct expression_run running, waiting, last;
    struct gw_expressions *slow = expression_rig_set("", "last(repeat(1))");
    struct gw_expressions *quick = expression_rig_set("", "ascii_downcase");

    (void)state;
    await_idle();
    expression_rig_start(&rig, &running, slow, "null");
    expression_rig_start(&rig, &waiting, quick, "\"A\"");
    gw_evaluation_cancel(&waiting.evaluation);
    gw_evaluation_cancel(&waiting.evaluation);
    expression_rig_start(&rig, &last, quick, "\"B\"");
    while (rig.evaluator->helpers[0].state != GW_EVALUATOR_RUNNING)
        gw_loop_turn(rig.loop, 10);
    gw_evaluation_cancel(&running.evaluation);
    expression_rig_free(&running);
    expression_rig_free(&waiting);
    gw_expressions_release(slow); /* the evaluator holds what it works with */
    expression_rig_wait(&rig, &last);
    assert_string_equal(last.text, "\"b\"");
    assert_false(running.is_done || waiting.is_done);
    expression_rig_free(&last);
    gw_expressions_release(quick);
}

static void sets_of_the_same_texts_share_a_program(void **state)
{
    await_idle();
    uint64_t uses = rig.evaluator->helpers[0].uses;
    size_t slots = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        expression_rig_expect(&rig, "ascii_upcase", "\"a\"", "\"A\"");
    assert_int_equal(rig.evaluator->helpers[0].uses, uses + 3);
    for (size_t i = 0; i < GW_JQ_SLOTS; i++) {
        const struct gw_jq_program *program = rig.evaluator->helpers[0].slots[i].program;
        slots += program != NULL && gw_str_equal(program->cases[0], GW_STR("ascii_upcase"));
    }
    assert_int_equal(slots, 1);
}

static void more_sets_than_slots_take_turns(void **state)
{
    uint32_t programs = rig.evaluator->limits.max_programs;
    char text[64], expected[16];

    (void)state;
    rig.evaluator->limits.max_programs = 8;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 13; i++) {
            snprintf(text, sizeof(text), "[range(%d)] | add", i + 2);
            snprintf(expected, sizeof(expected), "%d", (i + 1) * (i + 2) / 2);
            expression_rig_expect(&rig, text, "null", expected);
        }
    }
    rig.evaluator->limits.max_programs = programs;
}

/* A line of what the kernel says of the first helper. */
static void expect_status(const char *expected)
{
    char path[64], line[256] = "";
    bool is_there = false;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)rig.evaluator->helpers[0].process.pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        is_there |= strcmp(line, expected) == 0;
    fclose(file);
    if (!is_there)
        fail_msg("the helper has not: %s", expected);
}

/* The helper has the socket and nothing else. */
static void the_helper_has_nothing_to_reach(void **state)
{
    (void)state;
    setenv("MILLGATE_TEST_SECRET", "secret", 1);
    expression_rig_expect(&rig, "now | type", "null", "\"number\"");
    expression_rig_expect(&rig, "0 | strftime(\"%H\")", "null", "\"00\"");
    expression_rig_expect(&rig, "fromdate | todate", "\"2026-11-23T10:00:00Z\"",
                          "\"2026-11-23T10:00:00Z\"");
    expression_rig_expect(&rig, "[0 | localtime | mktime, (1 | exp10), (\"aab\" | test(\"a+b\"))]",
                          "null", "[0,10,true]");
    await_idle();
    expect_alive();
    expect_status("NoNewPrivs:\t1\n");
#if defined(__x86_64__) || defined(__aarch64__)
    expect_status("Seccomp:\t2\n");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_end_is_named_and_ended),
        cmocka_unit_test(what_takes_too_much_memory_is_named),
        cmocka_unit_test(input_and_output_have_bounds),
        cmocka_unit_test(a_deep_input_is_refused),
        cmocka_unit_test(killed_from_outside_only_the_one_that_ran_fails),
        cmocka_unit_test(what_takes_its_time_holds_up_nobody),
        cmocka_unit_test(each_of_many_that_do_not_end_is_named),
        cmocka_unit_test(what_is_large_passes),
        cmocka_unit_test(what_is_large_can_be_cancelled),
        cmocka_unit_test(killed_while_idle_nobody_fails),
        cmocka_unit_test(many_wait_in_order),
        cmocka_unit_test(the_queue_has_a_bound),
        cmocka_unit_test(what_is_cancelled_is_not_told),
        cmocka_unit_test(sets_of_the_same_texts_share_a_program),
        cmocka_unit_test(more_sets_than_slots_take_turns),
        cmocka_unit_test(the_helper_has_nothing_to_reach),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
