#include "server/upstream/bulkhead.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct gw_bulkhead_place *turns[8];
static size_t turn_count;

static void on_turn(struct gw_bulkhead_place *place)
{
    turns[turn_count++] = place;
}

static void in_order_and_bounded(void **state)
{
    const struct gw_bulkhead_rule rule = {.max_requests = 2, .max_queued = 2};
    struct gw_bulkhead_place places[5] = {0};
    struct gw_bulkhead bulkhead = {0};

    (void)state;
    turn_count = 0;
    for (size_t i = 0; i < 5; i++)
        places[i].on_turn = on_turn;
    assert_int_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[0]), GW_BULKHEAD_IN);
    assert_int_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[1]), GW_BULKHEAD_IN);
    assert_int_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[2]), GW_BULKHEAD_QUEUED);
    assert_int_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[3]), GW_BULKHEAD_QUEUED);
    assert_int_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[4]), GW_BULKHEAD_FULL);
    gw_bulkhead_leave(&places[4]); /* was never in */
    gw_bulkhead_leave(&places[2]); /* gives up waiting */
    assert_int_equal(turn_count, 0);
    gw_bulkhead_leave(&places[0]);
    gw_bulkhead_leave(&places[0]);
    assert_int_equal(turn_count, 1);
    assert_ptr_equal(turns[0], &places[3]);
    assert_int_equal(bulkhead.active, 2);
    gw_bulkhead_leave(&places[1]);
    gw_bulkhead_leave(&places[3]);
    assert_int_equal(bulkhead.active, 0);
    assert_int_equal(bulkhead.queued, 0);
}

/* A reload has changed the bound. */
static void a_wider_bound_lets_more_in(void **state)
{
    struct gw_bulkhead_rule rule = {.max_requests = 1, .max_queued = 4};
    struct gw_bulkhead_place places[4] = {0};
    struct gw_bulkhead bulkhead = {0};

    (void)state;
    turn_count = 0;
    for (size_t i = 0; i < 4; i++)
        places[i].on_turn = on_turn;
    for (size_t i = 0; i < 3; i++)
        assert_int_not_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[i]), GW_BULKHEAD_FULL);
    rule.max_requests = 3;
    assert_int_equal(gw_bulkhead_enter(&bulkhead, &rule, &places[3]), GW_BULKHEAD_IN);
    gw_bulkhead_leave(&places[0]);
    assert_int_equal(turn_count, 2);
    for (size_t i = 1; i < 4; i++)
        gw_bulkhead_leave(&places[i]);
    assert_int_equal(bulkhead.active, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_and_bounded),
        cmocka_unit_test(a_wider_bound_lets_more_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
