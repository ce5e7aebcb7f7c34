#include "policies/rate_limit/breaker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_opens_after_failures_in_a_row(void **state)
{
    struct breaker breaker = {.max_failures = 3, .pause_ns = 100};

    (void)state;
    breaker_failure(&breaker, 10);
    breaker_failure(&breaker, 10);
    breaker_success(&breaker); /* the row is broken */
    breaker_failure(&breaker, 10);
    breaker_failure(&breaker, 10);
    assert_true(breaker_allows(&breaker, 10));
    breaker_failure(&breaker, 10);
    assert_false(breaker_allows(&breaker, 10));
    assert_false(breaker_allows(&breaker, 109));
}

static void test_one_probe_at_a_time(void **state)
{
    struct breaker breaker = {.max_failures = 1, .pause_ns = 100};

    (void)state;
    breaker_failure(&breaker, 0);
    assert_true(breaker_allows(&breaker, 100));
    assert_false(breaker_allows(&breaker, 100));
    breaker_failure(&breaker, 120);
    assert_false(breaker_allows(&breaker, 219));
    assert_true(breaker_allows(&breaker, 220));
    breaker_cancel(&breaker); /* that client left: another one tries */
    assert_true(breaker_allows(&breaker, 220));
    assert_false(breaker_allows(&breaker, 220));
    breaker_success(&breaker);
    assert_true(breaker_allows(&breaker, 221));
    assert_true(breaker_allows(&breaker, 221));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_probe_at_a_time),
    };

    return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
