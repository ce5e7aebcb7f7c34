/* Times of maintenance against a real Redis: whose they are, when they count, and what a lane knows
 * of them that has just taken a node over. */
#include "server/iot/maintenance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/lane_rig.h"

#define T0 INT64_C(1763886600000)
#define EVER "1 9000000000000 somebody because"

static const char registry_text[] =
    "types:\n"
    "  oven: {metrics: {temperature: {source: T, unit: Cel}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: oven, equipment: OVEN, plant: p}\n"
    "  - {group: g, edge_node: n, device: b, type: oven, equipment: STOVE, plant: p}\n"
    "  - {group: h, edge_node: m, device: a, type: oven, equipment: OVEN, plant: q}\n";
static const char too_warm[] =
    "signal: warm\ndevices: [oven]\nlateness: PT0S\ninputs: {temperature: {}}\n"
    "alarm: {severity: warning, raised: t.r.v1, cleared: t.c.v1, raise: {value: temperature, "
    "above: 8}}\n";

static struct lane_rig rig;
static int64_t now_s;

static void set(const char *field, const char *text)
{
    struct redis_outcome outcome;

    LANE_RIG_ASK(&rig, &outcome, "HSET", GW_MAINTENANCE_KEY, field, text);
    assert_int_equal(outcome.type, GW_REPLY_INTEGER);
}

static void end(const char *field)
{
    struct redis_outcome outcome;

    LANE_RIG_ASK(&rig, &outcome, "HDEL", GW_MAINTENANCE_KEY, field);
    assert_int_equal(outcome.integer, 1);
}

/* Until a reading has come that began behind what was said. */
static void wait_for_reading(void)
{
    redis_rig_turn_for(&rig.redis, 2200);
}

/* All have this temperature from now on, and it is computed. */
static void heat(double temperature)
{
    static const char *const devices[] = {"g/n/a", "g/n/b", "h/m/a"};
    char expected[60];

    for (size_t i = 0; i < 6; i++) { /* the second time ends the first */
        now_s += i % 3 == 0;
        lane_rig_put(&rig, devices[i % 3], "temperature", T0 + now_s * 1000, temperature);
    }
    snprintf(expected, sizeof(expected), "%lld good %g", (long long)(T0 + now_s * 1000),
             temperature);
    lane_rig_await_text(&rig, "HGET millgate:iot:{g/n}:values a/temperature", expected);
    lane_rig_await_text(&rig, "HGET millgate:iot:{g/n}:values b/temperature", expected);
    lane_rig_await_text(&rig, "HGET millgate:iot:{h/m}:values a/temperature", expected);
}

static void test_it_is_of_a_plant_and_an_equipment(void **state)
{
    (void)state;

    set("p/OVEN", EVER);
    set("x/OVEN", EVER); /* another fleet's */
    set("OVEN", EVER);   /* nobody's */
    set("p/STOVE", "later");
    set("q/OVEN", "5 4 somebody because");
    lane_rig_start(&rig);
    heat(9);
    lane_rig_has_told(&rig, 2); /* of the stove, and of the other plant's oven */
    end("p/OVEN");
    wait_for_reading();
    heat(9);
    lane_rig_has_told(&rig, 3); /* it still holds */
    heat(3);
    lane_rig_has_told(&rig, 6);
}

static void test_one_that_is_changed_counts_anew(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    heat(3);
    set("p/OVEN", EVER);
    set("p/STOVE", EVER);
    wait_for_reading();
    set("p/OVEN", "1 2 somebody 'it is over'");
    wait_for_reading();
    heat(9);
    lane_rig_has_told(&rig, 2);
}

/* What the checkpoint knew does not count: others may have ended it, or begun another. */
static void test_one_that_takes_over_asks_redis(void **state)
{
    (void)state;

    set("p/OVEN", EVER);
    lane_rig_start(&rig);
    heat(3);
    lane_rig_stop(&rig);
    end("p/OVEN");
    set("p/STOVE", EVER);
    lane_rig_start(&rig);
    heat(9);
    lane_rig_has_told(&rig, 2); /* of both ovens */
}

/* The journal is computed on with what is in maintenance: else what it had not said is said. */
static void test_what_is_computed_again_is_in_maintenance_again(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    heat(3);
    lane_rig_stop(&rig);
    lane_rig_start(&rig);
    set("p/OVEN", EVER);
    set("p/STOVE", EVER);
    set("q/OVEN", EVER);
    wait_for_reading();
    heat(9);
    lane_rig_die(&rig);
    lane_rig_start(&rig);
    heat(9);
    lane_rig_has_told(&rig, 0);
}

static void test_without_redis_it_stays_as_it_was(void **state)
{
    (void)state;

    set("p/OVEN", EVER);
    lane_rig_start(&rig);
    heat(3);
    redis_server_kill(&rig.redis.server);
    redis_rig_turn_for(&rig.redis, 1500);
    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    set("p/OVEN", EVER);
    heat(9);
    lane_rig_has_told(&rig, 2);
}

static void test_one_that_cannot_be_read_holds_nothing_up(void **state)
{
    struct redis_outcome outcome;
    (void)state;

    LANE_RIG_ASK(&rig, &outcome, "SET", GW_MAINTENANCE_KEY, "x");
    lane_rig_start(&rig);
    heat(9);
    lane_rig_has_told(&rig, 3);
    LANE_RIG_ASK(&rig, &outcome, "DEL", GW_MAINTENANCE_KEY);
    set("p/OVEN", EVER); /* and on it goes */
    wait_for_reading();
    heat(3);
    heat(9);
    lane_rig_has_told(&rig, 8);
}

static int set_up(void **state)
{
    (void)state;
    now_s = 0;
    lane_rig_open(&rig, registry_text, too_warm);
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
        TEST(test_it_is_of_a_plant_and_an_equipment),
        TEST(test_one_that_is_changed_counts_anew),
        TEST(test_one_that_takes_over_asks_redis),
        TEST(test_what_is_computed_again_is_in_maintenance_again),
        TEST(test_without_redis_it_stays_as_it_was),
        TEST(test_one_that_cannot_be_read_holds_nothing_up),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
