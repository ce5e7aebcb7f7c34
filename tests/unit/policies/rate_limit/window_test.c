#include "policies/rate_limit/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define SECOND UINT64_C(1000000)
#define CELLS 200
#define START (UINT64_C(1000000) * SECOND)

static struct window_cell cells[CELLS + 2];
static struct window window;
static struct window_rule rule;

static int setup(void **state)
{
    (void)state;
    memset(cells, 0, sizeof(cells));
    window = (struct window){.capacity = CELLS + 2, .cells = cells};
    rule = (struct window_rule){100, 60 * SECOND, 1};
    return 0;
}

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *random >> 33;
}

static void test_all_at_once_then_not_before_a_window(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct limit_answer answer = window_take(&window, &rule, 1, START);
        assert_true(answer.is_admitted);
        assert_int_equal(answer.remaining, 99 - i);
        assert_int_equal(answer.reset_ns, 60 * SECOND * 1000);
    }
    struct limit_answer answer = window_take(&window, &rule, 1, START);
    assert_false(answer.is_admitted);
    assert_int_equal(answer.remaining, 0);
    assert_int_equal(answer.reset_ns, 60 * SECOND * 1000);
    assert_false(window_take(&window, &rule, 1, START + 60 * SECOND - 1).is_admitted);
    assert_true(window_take(&window, &rule, 100, START + 60 * SECOND).is_admitted);
}

/* Wherever the window is laid: what was admitted within one length of each admission. */
static void check_stream(uint64_t cell, unsigned factor, bool is_bursty, uint64_t seed)
{
    static uint64_t admitted_us[20000];
    unsigned admitted = 0, first = 0, asked = 0;
    uint64_t now = START;

    setup(NULL);
    uint64_t gap = rule.length_us / rule.limit * 10 / factor; /* factor: tenths of the limit */

    rule.cell = cell;
    while (now < START + 40 * rule.length_us) {
        now +=
            is_bursty
                ? (next_random(&seed) % 10 == 0 ? 20 * gap * (next_random(&seed) % 100) / 100 : 0)
                : 2 * gap * (next_random(&seed) % 1001) / 1000;
        asked++;
        if (!window_take(&window, &rule, 1, now).is_admitted)
            continue;
        admitted_us[admitted++] = now;
        while (admitted_us[first] + rule.length_us <= now)
            first++;
        assert_true(admitted - first <= rule.limit);
    }
    unsigned due = asked < 4000 ? asked : 4000;
    if (factor >= 20 || factor <= 5) /* else chance decides */
        assert_true(is_bursty || admitted + due * cell / 100 + 1 >= due);
    assert_true(admitted <= 40 * rule.limit + rule.limit);
}

static void test_never_more_and_not_much_less(void **state)
{
    static const unsigned factors[] = {5, 10, 20, 100};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        check_stream(1, factors[i], false, 7 + i);
        check_stream(1, factors[i], true, 70 + i);
        check_stream(5, factors[i], false, 700 + i);
        check_stream(5, factors[i], true, 7000 + i);
    }
}

/* A window without any error, beside ours: how many each admits of the same requests. */
static void check_accuracy(unsigned factor, bool is_at_edges, uint64_t seed)
{
    static uint64_t ideal_us[60000];
    unsigned ideal = 0, first = 0, admitted = 0;
    unsigned count = 40 * 600 * factor / 10; /* in 40 windows */
    uint64_t now = START;

    setup(NULL);
    rule = (struct window_rule){600, 60 * SECOND, 3};
    for (unsigned i = 0; i < count; i++) {
        uint64_t gap = 600 * SECOND / 600 / factor; /* factor: in tenths */
        if (!is_at_edges)
            now += next_random(&seed) % (2 * gap);
        else /* all within a tenth of a window, around its edge */
            now = START + (i / (count / 40)) * rule.length_us +
                  i % (count / 40) * rule.length_us / 10 / (count / 40) + next_random(&seed) % 1000;
        admitted += window_take(&window, &rule, 1, now).is_admitted;
        while (first < ideal && ideal_us[first] + rule.length_us <= now)
            first++;
        if (ideal - first < rule.limit && ideal < 60000)
            ideal_us[ideal++] = now;
    }
    unsigned difference = admitted < ideal ? ideal - admitted : admitted - ideal;
    assert_true(difference <= 40 * rule.limit / 100);
}

static void test_within_a_hundredth_of_the_ideal(void **state)
{
    static const unsigned factors[] = {5, 10, 20, 100};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        check_accuracy(factors[i], false, 100 + i);
        check_accuracy(factors[i], true, 200 + i);
    }
}

static void test_weights_and_waits(void **state)
{
    (void)state;
    assert_true(window_take(&window, &rule, 30, START).is_admitted);
    assert_true(window_take(&window, &rule, 60, START + 10 * SECOND).is_admitted);
    struct limit_answer answer = window_take(&window, &rule, 11, START + 20 * SECOND);
    assert_false(answer.is_admitted);
    assert_int_equal(answer.remaining, 10);
    assert_int_equal(answer.reset_ns, 40 * SECOND * 1000); /* the 30 have left */
    answer = window_take(&window, &rule, 41, START + 20 * SECOND);
    assert_int_equal(answer.reset_ns, 50 * SECOND * 1000); /* the 60, too */
    answer = window_take(&window, &rule, 101, START + 20 * SECOND);
    assert_false(answer.is_admitted);
    assert_int_equal(answer.reset_ns, 60 * SECOND * 1000); /* never */
    assert_int_equal(window_total(&window, &rule, START + 20 * SECOND), 90);
    assert_int_equal(window_total(&window, &rule, START + 60 * SECOND), 60);
    assert_int_equal(window_total(&window, &rule, START + 70 * SECOND), 0);
}

static void test_the_clock_steps_back(void **state)
{
    (void)state;
    assert_true(window_take(&window, &rule, 100, START).is_admitted);
    struct limit_answer answer = window_take(&window, &rule, 1, START - 3600 * SECOND);
    assert_false(answer.is_admitted);
    assert_int_equal(answer.reset_ns, 60 * SECOND * 1000); /* not an hour */
    assert_true(window_take(&window, &rule, 1, START - 3540 * SECOND).is_admitted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_at_once_then_not_before_a_window, setup),
        cmocka_unit_test_setup(test_never_more_and_not_much_less, setup),
        cmocka_unit_test_setup(test_within_a_hundredth_of_the_ideal, setup),
        cmocka_unit_test_setup(test_weights_and_waits, setup),
        cmocka_unit_test_setup(test_the_clock_steps_back, setup),
    };

    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
