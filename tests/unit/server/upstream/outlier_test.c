#include "server/upstream/outlier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct gw_outlier_rule rule = {
    .failures = 3, .base_ns = 100, .max_ns = 250, .max_percent = 50};

/* Fails it until it is to be ejected, and ejects it; returns for how long. */
static uint64_t eject_at(struct gw_outlier *outlier, uint64_t now_ns)
{
    assert_false(gw_outlier_failure(outlier, &rule, now_ns));
    assert_false(gw_outlier_failure(outlier, &rule, now_ns));
    assert_true(gw_outlier_failure(outlier, &rule, now_ns));
    gw_outlier_eject(outlier, &rule, now_ns);
    assert_true(gw_outlier_is_ejected(outlier, now_ns));
    return outlier->until_ns - now_ns;
}

static void the_time_out_grows_and_is_forgiven(void **state)
{
    (void)state;
    struct gw_outlier outlier = {0};

    assert_int_equal(eject_at(&outlier, 1000), 100);
    assert_false(gw_outlier_failure(&outlier, &rule, 1050)); /* of requests from before */
    assert_false(gw_outlier_is_ejected(&outlier, 1100));
    assert_int_equal(eject_at(&outlier, 1100), 200);
    assert_int_equal(eject_at(&outlier, 1300), 250);
    assert_int_equal(eject_at(&outlier, 1550), 250);
    assert_int_equal(eject_at(&outlier, 100000), 100); /* good for long: it begins anew */
}

static void a_success_breaks_the_row(void **state)
{
    (void)state;
    struct gw_outlier outlier = {0};

    for (unsigned i = 0; i < 10; i++) {
        assert_false(gw_outlier_failure(&outlier, &rule, 1));
        assert_false(gw_outlier_failure(&outlier, &rule, 1));
        gw_outlier_success(&outlier);
    }
}

static void some_must_stay(void **state)
{
    (void)state;
    assert_false(gw_outlier_has_room(&rule, 0, 1));
    assert_true(gw_outlier_has_room(&rule, 0, 2));
    assert_false(gw_outlier_has_room(&rule, 1, 2));
    assert_true(gw_outlier_has_room(&rule, 0, 3));
    assert_false(gw_outlier_has_room(&rule, 1, 3));
    assert_true(gw_outlier_has_room(&rule, 4, 10));
    assert_false(gw_outlier_has_room(&rule, 5, 10));
}

static void one_that_may_not_be_out_asks_again(void **state)
{
    (void)state;
    struct gw_outlier outlier = {0};

    for (unsigned i = 0; i < 2; i++)
        assert_false(gw_outlier_failure(&outlier, &rule, 1));
    assert_true(gw_outlier_failure(&outlier, &rule, 1));
    assert_true(gw_outlier_failure(&outlier, &rule, 1));
    const struct gw_outlier_rule off = {.failures = 0};
    assert_false(gw_outlier_failure(&outlier, &off, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_out_grows_and_is_forgiven),
        cmocka_unit_test(a_success_breaks_the_row),
        cmocka_unit_test(some_must_stay),
        cmocka_unit_test(one_that_may_not_be_out_asks_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
