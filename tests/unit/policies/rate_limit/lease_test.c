#include "policies/rate_limit/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define NOW (UINT64_C(1000000) * MS)

static void test_size_follows_demand(void **state)
{
    struct lease_demand demand = {0};

    (void)state;
    assert_int_equal(lease_max(99), 0);
    assert_int_equal(lease_max(100), 1);
    assert_int_equal(lease_max(6000), 60);
    demand.units = 1;
    assert_int_equal(lease_size(&demand, 60, NOW), 1); /* the first */
    demand.units = 500;
    assert_int_equal(lease_size(&demand, 60, NOW + 100 * MS), 8); /* 500 in 100 ms, but one step */
    demand.units = 30;
    assert_int_equal(lease_size(&demand, 60, NOW + 200 * MS), 30);
    demand.units = 1000;
    assert_int_equal(lease_size(&demand, 60, NOW + 201 * MS), 60);
    demand.units = 40; /* 4 in 100 ms */
    assert_int_equal(lease_size(&demand, 60, NOW + 1201 * MS), 4);
    demand.units = 3; /* 1.5 in 100 ms */
    assert_int_equal(lease_size(&demand, 60, NOW + 1401 * MS), 2);
    demand.units = 1;
    assert_int_equal(lease_size(&demand, 60, NOW + 9000 * MS), 1);
    demand.units = 5;
    assert_int_equal(lease_size(&demand, 0, NOW + 9001 * MS), 1); /* of a limit without leases */
    demand.units = 0;
    assert_int_equal(lease_size(&demand, 60, NOW + 9000 * MS), 1); /* nothing asked, no time */
}

static void test_lots(void **state)
{
    struct lease lease = {.demand = {.size = 10}};
    struct lease_lot lot;

    (void)state;
    assert_false(lease_take(&lease, 1, NOW));
    assert_true(lease_add(&lease, (struct lease_lot){10, NOW + 900 * MS, 1}));
    assert_false(lease_is_low(&lease, NOW));
    assert_true(lease_take(&lease, 8, NOW));
    assert_int_equal(lease_left(&lease, NOW), 2);
    assert_true(lease_is_low(&lease, NOW));
    assert_true(lease_add(&lease, (struct lease_lot){10, NOW + 950 * MS, 2}));
    assert_false(lease_add(&lease, (struct lease_lot){1, NOW + 990 * MS, 3}));
    assert_false(lease_is_low(&lease, NOW)); /* no place for a third */
    assert_true(lease_take(&lease, 5, NOW)); /* out of the second: one lot is not enough */
    assert_true(lease_take(&lease, 2, NOW)); /* the first is used up */
    assert_int_equal(lease_left(&lease, NOW), 5);
    assert_true(lease_add(&lease, (struct lease_lot){7, NOW + 990 * MS, 3}));
    assert_int_equal(lease.lots[0].debited_us, 2);
    assert_false(lease_remove(&lease, NOW + 949 * MS, false, &lot));
    assert_int_equal(lease_left(&lease, NOW + 950 * MS), 7); /* the older has expired */
    assert_true(lease_remove(&lease, NOW + 950 * MS, false, &lot));
    assert_int_equal(lot.units, 5);
    assert_int_equal(lot.debited_us, 2);
    lease_put_back(&lease, 3, NOW + 950 * MS);
    assert_true(lease_remove(&lease, NOW + 951 * MS, true, &lot));
    assert_int_equal(lot.units, 10);
    assert_false(lease_remove(&lease, NOW + 951 * MS, true, &lot));
    lease_put_back(&lease, 3, NOW + 951 * MS); /* nowhere: lost, and not more than was taken */
    assert_int_equal(lease_left(&lease, NOW + 951 * MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_follows_demand),
        cmocka_unit_test(test_lots),
    };

    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
