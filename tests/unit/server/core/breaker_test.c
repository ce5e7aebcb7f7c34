#include "server/core/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_opens_after_failures_in_a_row(void **state)
{
    struct gw_breaker breaker = {.max_failures = 3, .pause_ns = 100};

    (void)state;
    gw_breaker_failure(&breaker, 10);
    gw_breaker_failure(&breaker, 10);
    gw_breaker_success(&breaker); /* the row is broken */
    gw_breaker_failure(&breaker, 10);
    gw_breaker_failure(&breaker, 10);
    assert_true(gw_breaker_allows(&breaker, 10));
    gw_breaker_failure(&breaker, 10);
    assert_false(gw_breaker_allows(&breaker, 10));
    assert_false(gw_breaker_allows(&breaker, 109));
}

static void test_one_probe_at_a_time(void **state)
{
    struct gw_breaker breaker = {.max_failures = 1, .pause_ns = 100};

    (void)state;
    gw_breaker_failure(&breaker, 0);
    assert_true(gw_breaker_allows(&breaker, 100));
    assert_false(gw_breaker_allows(&breaker, 100));
    gw_breaker_failure(&breaker, 120);
    assert_false(gw_breaker_allows(&breaker, 219));
    assert_true(gw_breaker_allows(&breaker, 220));
    gw_breaker_cancel(&breaker); /* that client left: another one tries */
    assert_true(gw_breaker_allows(&breaker, 220));
    assert_false(gw_breaker_allows(&breaker, 220));
    gw_breaker_success(&breaker);
    assert_true(gw_breaker_allows(&breaker, 221));
    assert_true(gw_breaker_allows(&breaker, 221));
}

static void test_probes_are_bounded_and_must_all_succeed(void **state)
{
    struct gw_breaker breaker = {.max_failures = 1, .pause_ns = 100, .max_probes = 2};

    (void)state;
    gw_breaker_failure(&breaker, 0);
    assert_int_equal(gw_breaker_get_state(&breaker, 99), GW_BREAKER_OPEN);
    assert_int_equal(gw_breaker_get_state(&breaker, 100), GW_BREAKER_HALF_OPEN);
    assert_true(gw_breaker_allows(&breaker, 100));
    assert_true(gw_breaker_would_allow(&breaker, 100));
    assert_true(gw_breaker_allows(&breaker, 100));
    assert_false(gw_breaker_would_allow(&breaker, 100));
    gw_breaker_success(&breaker);
    assert_true(breaker.is_open);
    gw_breaker_failure(&breaker, 110); /* one of two: open again, and the count begins anew */
    assert_false(gw_breaker_allows(&breaker, 209));
    assert_true(gw_breaker_allows(&breaker, 210));
    gw_breaker_success(&breaker);
    assert_true(gw_breaker_allows(&breaker, 211));
    gw_breaker_success(&breaker);
    assert_int_equal(gw_breaker_get_state(&breaker, 211), GW_BREAKER_CLOSED);
    gw_breaker_cancel(&breaker);
    assert_int_equal(breaker.probes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes_are_bounded_and_must_all_succeed),
        cmocka_unit_test(test_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_probe_at_a_time),
    };

    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
