#include "policies/rate_limit/gcra.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#define SECOND_NS UINT64_C(1000000000)
#define SECOND GCRA_TICKS_PER_SECOND

static struct gcra_rate rate_of(uint64_t limit, uint64_t window_s, uint64_t burst)
{
    struct gcra_rate rate;

    assert_int_equal(gcra_rate_init(limit, window_s * SECOND_NS, burst, &rate), 0);
    return rate;
}

static void test_rates(void **state)
{
    struct gcra_rate rate = {7, 7};

    (void)state;
    assert_int_equal(gcra_rate_init(0, SECOND_NS, 1, &rate), -EINVAL);
    assert_int_equal(gcra_rate_init(1, 0, 1, &rate), -EINVAL);
    assert_int_equal(gcra_rate_init(1, SECOND_NS, 0, &rate), -EINVAL);
    assert_int_equal(gcra_rate_init(100001, SECOND_NS, 1, &rate), -ERANGE);
    assert_int_equal(gcra_rate_init(1, 86400 * 366 * SECOND_NS, 100, &rate), -ERANGE);
    assert_int_equal(gcra_rate_init(1, SECOND_NS, UINT64_MAX, &rate), -ERANGE);
    assert_int_equal(gcra_rate_init(1, UINT64_MAX, 1, &rate), -ERANGE);
    assert_int_equal(rate.step_ticks, 7);

    rate = rate_of(100, 60, 100);
    assert_int_equal(rate.step_ticks, SECOND * 6 / 10);
    assert_int_equal(rate.room_ticks, 60 * SECOND);
    rate = rate_of(100000, 1, 1);
    assert_int_equal(rate.step_ticks, 160);
    rate = rate_of(7, 1, 7); /* 2285714.28 and 2285714.7: to the nearest */
    assert_int_equal(rate.step_ticks, 2285714);
    rate = rate_of(17, 1, 1); /* 941176.47 */
    assert_int_equal(rate.step_ticks, 941176);
    rate = rate_of(11, 1, 1); /* 1454545.45 */
    assert_int_equal(rate.step_ticks, 1454545);
    rate = rate_of(13, 1, 1); /* 1230769.23 */
    assert_int_equal(rate.step_ticks, 1230769);
    rate = rate_of(19, 1, 1); /* 842105.26 */
    assert_int_equal(rate.step_ticks, 842105);
    rate = rate_of(23, 1, 1); /* 695652.17 */
    assert_int_equal(rate.step_ticks, 695652);
    rate = rate_of(9, 1, 1); /* 1777777.78 */
    assert_int_equal(rate.step_ticks, 1777778);
}

static void test_a_burst_then_evenly(void **state)
{
    const struct gcra_rate rate = rate_of(10, 1, 5);
    uint64_t now = 1000 * SECOND;
    uint64_t full_at = 0;

    (void)state;
    for (uint64_t i = 0; i < 5; i++) {
        struct limit_answer decision = gcra_take(&full_at, &rate, 1, now);
        assert_true(decision.is_admitted);
        assert_int_equal(decision.remaining, 4 - i);
        /* Until all is regained; with the last one gone, until there is one. */
        assert_int_equal(decision.reset_ns, i < 4 ? (i + 1) * SECOND_NS / 10 : SECOND_NS / 10);
    }
    uint64_t before = full_at;
    struct limit_answer decision = gcra_take(&full_at, &rate, 1, now);
    assert_false(decision.is_admitted);
    assert_int_equal(decision.remaining, 0);
    assert_int_equal(decision.reset_ns, SECOND_NS / 10);
    assert_int_equal(full_at, before);

    now += SECOND / 10 - 1; /* a tick too early */
    decision = gcra_take(&full_at, &rate, 1, now);
    assert_false(decision.is_admitted);
    assert_int_equal(decision.reset_ns, 63);
    now += 1;
    assert_true(gcra_take(&full_at, &rate, 1, now).is_admitted);
    assert_false(gcra_take(&full_at, &rate, 1, now).is_admitted);
    now += 100 * SECOND; /* a pause gives a burst, not more */
    for (int i = 0; i < 5; i++)
        assert_true(gcra_take(&full_at, &rate, 1, now).is_admitted);
    assert_false(gcra_take(&full_at, &rate, 1, now).is_admitted);
}

/* In any stretch of time no more than burst + limit * time/window pass, and no fewer if asked. */
static void test_the_rate_over_time(void **state)
{
    static const struct {
        uint64_t limit, window_s, burst;
    } plans[] = {{100, 60, 100}, {7, 1, 3}, {99999, 1, 10}, {1, 3600, 1}, {1000, 1, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
        const struct gcra_rate rate = rate_of(plans[i].limit, plans[i].window_s, plans[i].burst);
        uint64_t span = plans[i].window_s * SECOND;
        uint64_t admitted = 0;
        uint64_t full_at = 0;
        uint64_t pause = rate.step_ticks / 10; /* ten times the limit */

        for (uint64_t now = SECOND; now < SECOND + span; now += pause)
            admitted += gcra_take(&full_at, &rate, 1, now).is_admitted;
        uint64_t expected = plans[i].burst + plans[i].limit;
        assert_true(admitted <= expected + expected / 250 + 1);
        assert_true(admitted + expected / 250 + 2 >= expected);
    }
}

static void test_odd_clocks(void **state)
{
    const struct gcra_rate rate = rate_of(10, 1, 5);
    uint64_t full_at = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(gcra_take(&full_at, &rate, 1, 10000 * SECOND).is_admitted);
    /* It steps back by an hour: nobody is shut out for an hour. */
    struct limit_answer decision = gcra_take(&full_at, &rate, 1, 10000 * SECOND - 3600 * SECOND);
    assert_false(decision.is_admitted);
    assert_int_equal(decision.reset_ns, SECOND_NS / 10);
    /* The limit is lowered: what was owed is at most the new burst. */
    const struct gcra_rate lower = rate_of(1, 1, 1);
    full_at = 10100 * SECOND;
    decision = gcra_take(&full_at, &lower, 1, 10000 * SECOND);
    assert_int_equal(decision.reset_ns, SECOND_NS);
}

static void test_weights(void **state)
{
    const struct gcra_rate rate = rate_of(10, 1, 5);
    uint64_t now = 1000 * SECOND;
    uint64_t full_at = 0;

    (void)state;
    struct limit_answer answer = gcra_take(&full_at, &rate, 3, now);
    assert_true(answer.is_admitted);
    assert_int_equal(answer.remaining, 2);
    answer = gcra_take(&full_at, &rate, 3, now);
    assert_false(answer.is_admitted);
    assert_int_equal(answer.remaining, 2);
    assert_int_equal(answer.reset_ns, SECOND_NS / 10);
    assert_int_equal(gcra_owed(full_at, &rate, now), 3);
    assert_int_equal(gcra_owed(full_at, &rate, now + SECOND / 20), 3); /* a part counts whole */
    assert_int_equal(gcra_owed(full_at, &rate, now + SECOND / 10), 2);
    assert_true(gcra_take(&full_at, &rate, 2, now).is_admitted);
    answer = gcra_take(&full_at, &rate, 6, now + 100 * SECOND); /* never */
    assert_false(answer.is_admitted);
    assert_int_equal(answer.reset_ns, SECOND_NS / 2);
    answer = gcra_take(&full_at, &rate, UINT64_MAX, now + 100 * SECOND);
    assert_false(answer.is_admitted);
}

static void test_ticks(void **state)
{
    (void)state;
    assert_int_equal(gcra_ticks(0), 0);
    assert_int_equal(gcra_ticks(1000), 16);
    assert_int_equal(gcra_ticks(62), 0);
    assert_int_equal(gcra_ticks(63), 1);
    assert_int_equal(gcra_ticks(3 * SECOND_NS + 500), 3 * SECOND + 8);
    assert_true(gcra_ticks(UINT64_MAX) > gcra_ticks(UINT64_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_a_burst_then_evenly),
        cmocka_unit_test(test_the_rate_over_time),
        cmocka_unit_test(test_odd_clocks),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_ticks),
    };

    return cmocka_run_group_tests_name("gcra", tests, NULL, NULL);
}
