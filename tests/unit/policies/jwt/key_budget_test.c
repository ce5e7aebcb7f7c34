/* The bucket: five at once, one more per 10 s, and no more than that however time goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/jwt/key_budget.h"

#define S UINT64_C(1000000000)

static void test_burst(void **state)
{
    struct key_budget budget = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(key_budget_take(&budget, 100 * S));
    assert_false(key_budget_take(&budget, 100 * S));
    assert_false(key_budget_take(&budget, 110 * S - 1));
    assert_true(key_budget_take(&budget, 110 * S));
    assert_false(key_budget_take(&budget, 110 * S));
}

static void test_refusals_cost_nothing(void **state)
{
    struct key_budget budget = {0};

    (void)state;
    for (int i = 0; i < 1000; i++)
        (void)key_budget_take(&budget, 7 * S);
    assert_true(key_budget_take(&budget, 17 * S));
    assert_false(key_budget_take(&budget, 17 * S));
}

static void test_never_more_than_five(void **state)
{
    struct key_budget budget = {0};
    int taken = 0;

    (void)state;
    assert_true(key_budget_take(&budget, 1 * S));
    while (key_budget_take(&budget, 100000 * S))
        taken++;
    assert_int_equal(taken, 5);
}

static void test_over_a_day(void **state)
{
    struct key_budget budget = {0};
    int taken = 0;

    (void)state;
    for (uint64_t second = 0; second < 86400; second++)
        taken += key_budget_take(&budget, second * S);
    assert_int_equal(taken, 5 + 8639);
}

static void test_a_clock_that_steps_back(void **state)
{
    struct key_budget budget = {0};

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(key_budget_take(&budget, 100 * S));
    assert_false(key_budget_take(&budget, 50 * S));
    assert_true(key_budget_take(&budget, 110 * S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst),
        cmocka_unit_test(test_refusals_cost_nothing),
        cmocka_unit_test(test_never_more_than_five),
        cmocka_unit_test(test_over_a_day),
        cmocka_unit_test(test_a_clock_that_steps_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
