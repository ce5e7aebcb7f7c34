/* Who shares the edge nodes: the hash, and instances that come, go and fall silent. */
#include "server/iot/members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "tests/unit/support/redis_rig.h"

#define NODES 1000

static struct redis_rig rig;

static struct gw_str node_name(unsigned number, char *buffer, size_t size)
{
    int len = snprintf(buffer, size, "plant/line-%u", number);

    return gw_str_from(buffer, (size_t)len);
}

static void test_only_the_share_of_who_leaves_moves(void **state)
{
    const struct gw_str all[] = {GW_STR("a"), GW_STR("b"), GW_STR("c"), GW_STR("d")};
    const struct gw_str rest[] = {GW_STR("a"), GW_STR("b"), GW_STR("d")};
    size_t counts[4] = {0};
    char buffer[40];
    (void)state;

    for (unsigned i = 0; i < NODES; i++) {
        struct gw_str node = node_name(i, buffer, sizeof(buffer));
        size_t before = gw_iot_rendezvous(all, 4, node);
        size_t after = gw_iot_rendezvous(rest, 3, node);
        counts[before]++;
        if (before != 2)
            assert_true(gw_str_equal(all[before], rest[after]));
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(counts[i], NODES / 4 - NODES / 16, NODES / 4 + NODES / 16);
    assert_int_equal(gw_iot_rendezvous(all, 0, GW_STR("x")), SIZE_MAX);
}

static void on_change(void *self)
{
    ++*(unsigned *)self;
}

static void await_count(const struct gw_iot_members *members, size_t count)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + 20 * GW_NS_PER_SECOND;

    while (gw_iot_members_count(members) != count) {
        gw_loop_turn(rig.loop, 20);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static size_t count_mine(const struct gw_iot_members *members)
{
    size_t count = 0;
    char buffer[40];

    for (unsigned i = 0; i < NODES; i++)
        count += gw_iot_members_is_mine(members, node_name(i, buffer, sizeof(buffer)));
    return count;
}

static void test_instances_share_all_nodes(void **state)
{
    unsigned changes[2] = {0};
    (void)state;
    struct gw_iot_members *one =
        gw_iot_members_create(rig.loop, rig.redis, GW_STR("one"), on_change, &changes[0]);
    assert_int_equal(count_mine(one), 0);
    await_count(one, 1);
    assert_int_equal(count_mine(one), NODES);

    struct gw_iot_members *two =
        gw_iot_members_create(rig.loop, rig.redis, GW_STR("two"), on_change, &changes[1]);
    await_count(one, 2);
    await_count(two, 2);
    assert_int_equal(count_mine(one) + count_mine(two), NODES);
    assert_true(count_mine(one) > NODES / 3 && count_mine(two) > NODES / 3);

    gw_iot_members_destroy(two); /* it says good-bye */
    await_count(one, 1);
    assert_true(changes[0] >= 3);
    gw_iot_members_destroy(one);
}

/* Redis does not answer: others may think us dead, so nothing is ours. */
static void test_nothing_is_ours_while_redis_is_away(void **state)
{
    unsigned changes = 0;
    (void)state;
    struct gw_iot_members *one =
        gw_iot_members_create(rig.loop, rig.redis, GW_STR("one"), on_change, &changes);

    await_count(one, 1);
    redis_server_kill(&rig.server);
    await_count(one, 0);
    assert_int_equal(count_mine(one), 0);
    redis_server_restart(&rig.server);
    await_count(one, 1);
    assert_int_equal(changes, 3);
    gw_iot_members_destroy(one);
}

static int set_up(void **state)
{
    const struct gw_redis_config config = {0};
    (void)state;

    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, &config);
    redis_rig_wait_up(&rig);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    redis_rig_stop(&rig);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_share_of_who_leaves_moves),
        cmocka_unit_test_setup_teardown(test_instances_share_all_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_is_ours_while_redis_is_away, set_up,
                                        tear_down),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
