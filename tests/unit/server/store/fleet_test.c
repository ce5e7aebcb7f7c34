#include "server/store/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

#define MINUTE_NS (60 * GW_NS_PER_SECOND)

static void test_the_peak_of_five_minutes(void **state)
{
    struct gw_fleet_peak peak = {0};
    uint64_t now_ns = 1000 * MINUTE_NS;

    (void)state;
    assert_int_equal(gw_fleet_peak_get(&peak, now_ns), 0);
    gw_fleet_peak_note(&peak, 4, now_ns);
    gw_fleet_peak_note(&peak, 2, now_ns + GW_NS_PER_SECOND);
    for (unsigned minute = 1; minute <= 4; minute++)
        gw_fleet_peak_note(&peak, 3, now_ns + minute * MINUTE_NS);
    assert_int_equal(gw_fleet_peak_get(&peak, now_ns + 4 * MINUTE_NS), 4);
    assert_int_equal(gw_fleet_peak_get(&peak, now_ns + 5 * MINUTE_NS - 10 * GW_NS_PER_SECOND), 4);
    assert_int_equal(gw_fleet_peak_get(&peak, now_ns + 5 * MINUTE_NS + 10 * GW_NS_PER_SECOND), 3);
    gw_fleet_peak_note(&peak, 1, now_ns + 5 * MINUTE_NS); /* the place of the first */
    assert_int_equal(gw_fleet_peak_get(&peak, now_ns + 5 * MINUTE_NS), 3);
    assert_int_equal(gw_fleet_peak_get(&peak, now_ns + 20 * MINUTE_NS), 0);
}

static void await_size(struct redis_rig *rig, const struct gw_fleet *fleet, unsigned size)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (gw_fleet_get_size(fleet) != size) {
        gw_loop_turn(rig->loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void test_instances_see_each_other(void **state)
{
    struct redis_rig rig;

    (void)state;
    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, NULL);
    assert_int_equal(gw_fleet_get_size(NULL), 1);
    struct gw_fleet *one = gw_fleet_create(rig.loop, rig.redis, GW_STR("one"));
    assert_non_null(one);
    assert_int_equal(gw_fleet_get_size(one), 1);
    struct gw_fleet *also_one = gw_fleet_create(rig.loop, rig.redis, GW_STR("one"));
    struct gw_fleet *two = gw_fleet_create(rig.loop, rig.redis, GW_STR("two"));
    await_size(&rig, one, 2);
    await_size(&rig, also_one, 2);
    gw_fleet_destroy(two);
    redis_server_kill(&rig.server);
    redis_rig_turn_for(&rig, 2500);
    assert_int_equal(gw_fleet_get_size(one), 2); /* what was known holds while Redis is away */
    gw_fleet_destroy(one);
    gw_fleet_destroy(also_one);
    gw_fleet_destroy(NULL);
    redis_rig_stop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_peak_of_five_minutes),
        cmocka_unit_test(test_instances_see_each_other),
    };

    if (!redis_server_is_installed()) {
        printf("redis-server is not installed: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
