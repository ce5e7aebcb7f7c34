#include "server/upstream/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static unsigned take_all(struct gw_budget *budget)
{
    unsigned taken = 0;

    while (gw_budget_take(budget))
        taken++;
    return taken;
}

static void a_share_of_the_requests_and_a_reserve(void **state)
{
    (void)state;
    struct gw_budget budget = {0};
    unsigned taken = 0;

    assert_int_equal(take_all(&budget), GW_BUDGET_RESERVE);
    for (unsigned i = 0; i < 1000; i++) {
        gw_budget_earn(&budget, 20);
        taken += gw_budget_take(&budget);
    }
    assert_int_equal(taken, 200);
}

static void what_is_not_spent_is_not_saved_up(void **state)
{
    (void)state;
    struct gw_budget budget = {0};

    for (unsigned i = 0; i < 1000; i++)
        gw_budget_earn(&budget, 100);
    assert_int_equal(take_all(&budget), GW_BUDGET_RESERVE);
    gw_budget_earn(&budget, 0);
    assert_false(gw_budget_take(&budget));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_the_requests_and_a_reserve),
        cmocka_unit_test(what_is_not_spent_is_not_saved_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
