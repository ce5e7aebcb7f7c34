/* What may be sent again, case by case. */
#include "server/upstream/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/attr.h"

static const struct gw_retry_rule none = {0};
static const struct gw_retry_rule all = {.attempts = 3, .reasons = 63};
static const struct gw_retry_rule resets = {.attempts = 2, .reasons = GW_RETRY_RESET};

static void only_what_is_safe(void **state)
{
    static const struct {
        const char *what;
        const struct gw_retry_rule *rule;
        struct gw_retry_case failed;
        bool may;
    } cases[] = {
        /*                             reason, sent, repeatable, body kept, attempts, untried */
        {"a connect, others there", &none, {GW_RETRY_CONNECT, false, false, true, 1, 1}, true},
        {"the third connect", &none, {GW_RETRY_CONNECT, false, false, true, 2, 1}, true},
        {"the fourth", &none, {GW_RETRY_CONNECT, false, false, true, 3, 1}, false},
        {"a connect, no other", &none, {GW_RETRY_CONNECT, false, false, true, 1, 0}, false},
        {"the same, by the rule", &all, {GW_RETRY_CONNECT, false, false, true, 1, 0}, true},
        {"by another rule", &resets, {GW_RETRY_CONNECT, false, false, true, 1, 0}, false},
        {"a connect, part of the body gone",
         &all,
         {GW_RETRY_CONNECT, false, false, false, 1, 1},
         false},
        {"a reset without a rule", &none, {GW_RETRY_RESET, true, true, true, 1, 1}, false},
        {"a reset of a read", &all, {GW_RETRY_RESET, true, true, true, 1, 1}, true},
        {"of a write", &all, {GW_RETRY_RESET, true, false, true, 1, 1}, false},
        {"a refusal of a write", &all, {GW_RETRY_503, true, false, true, 1, 1}, false},
        {"a time-out of a write", &all, {GW_RETRY_TIMEOUT, true, false, true, 1, 1}, false},
        {"a body that is not kept", &all, {GW_RETRY_RESET, true, true, false, 1, 1}, false},
        {"the second attempt", &all, {GW_RETRY_504, true, true, true, 2, 0}, true},
        {"the last one", &all, {GW_RETRY_504, true, true, true, 3, 1}, false},
        {"a reason not named", &resets, {GW_RETRY_502, true, true, true, 1, 1}, false},
        {"nothing to mend", &all, {GW_RETRY_NONE, true, true, true, 1, 1}, false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (gw_retry_may(cases[i].rule, &cases[i].failed) != cases[i].may)
            fail_msg("%s", cases[i].what);
    }
}

static void failures_have_reasons(void **state)
{
    (void)state;
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_UNRESOLVED, false), GW_RETRY_CONNECT);
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_UNTRUSTED, false), GW_RETRY_CONNECT);
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_DISCONNECTED, false), GW_RETRY_CONNECT);
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_DISCONNECTED, true), GW_RETRY_RESET);
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_TIMED_OUT, true), GW_RETRY_TIMEOUT);
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_MALFORMED, true), GW_RETRY_NONE);
    assert_int_equal(gw_retry_reason_of_failure(GW_HTTP_OVERLOADED, false), GW_RETRY_NONE);
    assert_int_equal(gw_retry_reason_of_status(503), GW_RETRY_503);
    assert_int_equal(gw_retry_reason_of_status(500), GW_RETRY_NONE);
    for (unsigned i = 0; i < GW_RETRY_REASON_COUNT; i++) {
        enum gw_retry_reason reason = (enum gw_retry_reason)(1U << i);
        assert_int_equal(gw_retry_reason_parse(gw_str_of(gw_retry_reason_name(reason))), reason);
    }
    assert_int_equal(gw_retry_reason_parse(GW_STR("500")), GW_RETRY_NONE);
}

static void methods(void **state)
{
    (void)state;
    assert_true(gw_retry_is_idempotent(GW_METHOD_GET));
    assert_true(gw_retry_is_idempotent(GW_METHOD_PUT));
    assert_true(gw_retry_is_idempotent(GW_METHOD_DELETE));
    assert_false(gw_retry_is_idempotent(GW_METHOD_POST));
    assert_false(gw_retry_is_idempotent(GW_METHOD_PATCH));
    assert_false(gw_retry_is_idempotent(GW_METHOD_OTHER));
}

static void waits_are_random_and_bounded(void **state)
{
    (void)state;
    const struct gw_retry_rule rule = {.backoff_ns = 100, .max_backoff_ns = 350};
    static const uint64_t bounds[] = {0, 100, 200, 350, 350};
    uint64_t random = 3;

    for (uint32_t attempts = 1; attempts < GW_COUNT_OF(bounds); attempts++) {
        uint64_t longest = 0, shortest = UINT64_MAX;
        for (unsigned i = 0; i < 2000; i++) {
            uint64_t wait_ns = gw_retry_wait_ns(&rule, attempts, &random);
            longest = wait_ns > longest ? wait_ns : longest;
            shortest = wait_ns < shortest ? wait_ns : shortest;
        }
        assert_in_range(longest, bounds[attempts] * 9 / 10, bounds[attempts]);
        assert_in_range(shortest, 0, bounds[attempts] / 10);
    }
    assert_int_equal(gw_retry_wait_ns(&none, 1, &random), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_safe),
        cmocka_unit_test(failures_have_reasons),
        cmocka_unit_test(methods),
        cmocka_unit_test(waits_are_random_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
