#include "server/upstream/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DRAWS 100000

static void count(const struct gw_balance_choice *choices, size_t n, unsigned *out)
{
    uint64_t random = 7;

    for (unsigned i = 0; i < DRAWS; i++) {
        size_t at = gw_balance_pick(choices, n, &random);
        assert_in_range(at, 0, n - 1);
        out[at]++;
    }
}

static void idle_targets_share_by_weight(void **state)
{
    (void)state;
    const struct gw_balance_choice choices[] = {{100, 0}, {300, 0}, {0, 0}, {600, 0}};
    unsigned counts[4] = {0};

    count(choices, 4, counts);
    assert_in_range(counts[0], DRAWS * 9 / 100, DRAWS * 11 / 100);
    assert_in_range(counts[1], DRAWS * 29 / 100, DRAWS * 31 / 100);
    assert_int_equal(counts[2], 0);
    assert_in_range(counts[3], DRAWS * 59 / 100, DRAWS * 61 / 100);
}

static void the_one_with_less_to_do_wins(void **state)
{
    (void)state;
    const struct gw_balance_choice choices[] = {{1, 10}, {1, 0}};
    unsigned counts[2] = {0};

    count(choices, 2, counts);
    assert_in_range(counts[0], DRAWS * 24 / 100, DRAWS * 26 / 100); /* both draws are it */

    /* Ten times the weight with five times the work is less. */
    const struct gw_balance_choice heavy[] = {{100, 1}, {1000, 5}};
    unsigned heavies[2] = {0};
    count(heavy, 2, heavies);
    assert_in_range(heavies[0], 1, DRAWS / 100);
}

static void load_evens_out(void **state)
{
    (void)state;
    struct gw_balance_choice choices[8];
    uint64_t random = 1;

    for (size_t i = 0; i < 8; i++)
        choices[i] = (struct gw_balance_choice){.weight = 1};
    for (unsigned i = 0; i < 8000; i++) /* nobody ever answers */
        choices[gw_balance_pick(choices, 8, &random)].outstanding++;
    for (size_t i = 0; i < 8; i++)
        assert_in_range(choices[i].outstanding, 990, 1010);
}

static void there_may_be_none(void **state)
{
    (void)state;
    const struct gw_balance_choice choices[] = {{0, 0}, {0, 0}};
    uint64_t random = 1;

    assert_int_equal(gw_balance_pick(choices, 2, &random), 2);
    assert_int_equal(gw_balance_pick(NULL, 0, &random), 0);
}

static void a_target_that_came_back_starts_slowly(void **state)
{
    (void)state;
    assert_int_equal(gw_balance_ramp(100, 0, 1000000), 10);
    assert_int_equal(gw_balance_ramp(100, 500500, 1000000), 55);
    assert_int_equal(gw_balance_ramp(100, 1000000, 1000000), 100);
    assert_int_equal(gw_balance_ramp(1, 0, 1000000), 1);
    assert_int_equal(gw_balance_ramp(0, 0, 1000000), 0);
    assert_int_equal(gw_balance_ramp(100, 0, 0), 100);
    assert_int_equal(gw_balance_ramp(1000, UINT64_MAX / 2, UINT64_MAX), 549);
    for (uint64_t at = 0, last = 0; at <= 3600; at++) { /* an hour, and it never falls */
        uint32_t weight = gw_balance_ramp(1000, at * 1000000000, UINT64_C(3600000000000));
        assert_in_range(weight, last, 1000);
        last = weight;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_targets_share_by_weight),
        cmocka_unit_test(the_one_with_less_to_do_wins),
        cmocka_unit_test(load_evens_out),
        cmocka_unit_test(there_may_be_none),
        cmocka_unit_test(a_target_that_came_back_starts_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
