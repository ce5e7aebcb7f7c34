/* The inbox of an edge node, on a real Redis: taken by its owner alone, in order, into the journal,
 * and only then gone. */
#include "server/iot/inbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/lane_rig.h"

#define T0 INT64_C(1763886600000)
#define NODE "millgate:iot:{g/n}:"

static const char registry_text[] =
    "types:\n"
    "  counter: {metrics: {good: {source: G}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: counter, equipment: A, plant: p}\n";
static const char each_part[] = "signal: w\ndevices: [counter]\nlateness: PT0S\n"
                                "inputs: {good: {}}\nwindow: {count: 1}\n"
                                "values: {n: {last: good}}\nevent: {type: t.w.v1}\n";

static struct lane_rig rig;

/* Each gives an event, when the next one comes. */
static void put(int64_t from, int64_t count)
{
    for (int64_t i = from; i < from + count; i++)
        lane_rig_put(&rig, "g/n/a", "good", T0 + i * 1000, (double)i);
}

static void await_last(int64_t number)
{
    char expected[60];

    snprintf(expected, sizeof(expected), "%lld good %lld", (long long)(T0 + number * 1000),
             (long long)number);
    lane_rig_await_text(&rig, "HGET " NODE "values a/good", expected);
}

static void test_what_is_nobodys_waits(void **state)
{
    (void)state;

    rig.is_nobodys = true;
    lane_rig_start(&rig);
    put(0, 3);
    redis_rig_turn_for(&rig.redis, 700);
    assert_int_equal(lane_rig_number(&rig, "XLEN " NODE "inbox"), 3);
    lane_rig_die(&rig);
    rig.is_nobodys = false;
    lane_rig_start(&rig);
    await_last(2);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
}

static void test_more_than_is_read_at_once_comes_in_order(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    put(0, 100);
    await_last(99);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_has_told(&rig, 99);
}

/* One that dies may have journaled what still stands there: it counts once. */
static void test_what_is_taken_twice_counts_once(void **state)
{
    (void)state;

    for (unsigned round = 0; round < 5; round++) {
        put(10 * round, 10);
        lane_rig_start(&rig);
        redis_rig_turn_for(&rig.redis, 150 + 30 * round);
        lane_rig_die(&rig);
    }
    lane_rig_start(&rig);
    await_last(49);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_stop(&rig);
    lane_rig_has_told(&rig, 49);
}

/* Samples of an edge: shown, and not computed on, neither now nor from the journal. */
static void test_what_an_edge_has_kept_is_shown_and_tells_nothing(void **state)
{
    struct redis_outcome outcome;
    (void)state;

    lane_rig_start(&rig);
    put(0, 3);
    LANE_RIG_ASK(&rig, &outcome, "XADD", NODE "inbox", "*", GW_INBOX_KEPT,
                 "[[\"a\",\"good\",1763886660000,60,\"good\",false],"
                 "[\"a\",\"good\",1763886661000,61,\"good\",false]]");
    await_last(61);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_die(&rig);
    lane_rig_start(&rig);
    put(3, 1);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_stop(&rig);
    lane_rig_has_told(&rig, 3);
}

/* What finds no room is taken later. */
static void test_a_lane_that_is_full_takes_it_later(void **state)
{
    (void)state;

    rig.max_pending_bytes = 300; /* some three of them */
    lane_rig_start(&rig);
    put(0, 60);
    await_last(59);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_has_told(&rig, 59);
}

static void test_without_redis_it_waits_and_goes_on(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    put(0, 5);
    await_last(4);
    put(5, 5);
    redis_server_kill(&rig.redis.server);
    redis_rig_turn_for(&rig.redis, 1000);
    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    put(10, 5);
    await_last(14);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_has_told(&rig, 14);
}

static int set_up(void **state)
{
    (void)state;
    lane_rig_open(&rig, registry_text, each_part);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lane_rig_close(&rig);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_nobodys_waits),
        TEST(test_more_than_is_read_at_once_comes_in_order),
        TEST(test_what_is_taken_twice_counts_once),
        TEST(test_what_an_edge_has_kept_is_shown_and_tells_nothing),
        TEST(test_a_lane_that_is_full_takes_it_later),
        TEST(test_without_redis_it_waits_and_goes_on),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
