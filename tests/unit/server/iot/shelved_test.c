/* Which alarms are shelved, as a lane reads them from a real Redis. */
#include "server/iot/shelved.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/iot/alarms.h"
#include "tests/unit/support/lane_rig.h"

#define PATIENCE_NS (10 * GW_NS_PER_SECOND)
#define SIGNAL GW_STR("warm")

static const char registry_text[] =
    "types:\n"
    "  oven: {metrics: {temperature: {source: T}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: oven, equipment: OVEN, plant: p}\n"
    "  - {group: g, edge_node: o, device: a, type: oven, equipment: STOVE, plant: p}\n"
    "  - {group: h, edge_node: m, device: a, type: oven, equipment: OVEN, plant: q}\n";
static const char any_signal[] = "signal: w\ndevices: [oven]\ninputs: {temperature: {}}\n"
                                 "window: {count: 1}\nvalues: {n: {count: temperature}}\n"
                                 "event: {type: t.w.v1}\n";

static struct lane_rig rig;
static struct gw_iot_shelved *shelved;

static const char *key_of(const char *device)
{
    static char key[GW_ALARM_KEY_BYTES];

    (void)gw_alarm_key(lane_rig_device(&rig, device)->plant, GW_STR("shelved"), key);
    return key;
}

static void shelve(const char *device, const char *text)
{
    char id[GW_ALARM_ID_BYTES];
    struct redis_outcome outcome;

    gw_alarm_id(lane_rig_device(&rig, device), SIGNAL, id);
    if (text != NULL)
        LANE_RIG_ASK(&rig, &outcome, "HSET", key_of(device), id, text);
    else
        LANE_RIG_ASK(&rig, &outcome, "HDEL", key_of(device), id);
    assert_int_equal(outcome.type, GW_REPLY_INTEGER);
}

static bool has(const char *device, int64_t now_ms)
{
    return gw_iot_shelved_has(shelved, lane_rig_device(&rig, device), SIGNAL, now_ms);
}

static void await(const char *device, bool is_so)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;

    while (has(device, 50) != is_so) {
        redis_rig_turn_for(&rig.redis, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
}

static void test_of_each_plant(void **state)
{
    (void)state;

    assert_false(has("g/n/a", 50));
    shelve("g/n/a", "10 100 me because of this");
    shelve("h/m/a", "10 200 me because of that");
    await("g/n/a", true);
    await("h/m/a", true);
    assert_false(has("g/o/a", 50));
    assert_false(gw_iot_shelved_has(shelved, lane_rig_device(&rig, "g/n/a"), GW_STR("cold"), 50));
    assert_true(has("g/n/a", 99));
    assert_false(has("g/n/a", 100)); /* its time is over */
    assert_true(has("h/m/a", 100));
    shelve("g/n/a", NULL); /* that of the other plant stays */
    await("g/n/a", false);
    redis_rig_turn_for(&rig.redis, 1500);
    assert_true(has("h/m/a", 50));
}

static void test_one_that_is_changed(void **state)
{
    (void)state;

    shelve("g/n/a", "10 40 me because");
    redis_rig_turn_for(&rig.redis, 1500);
    assert_false(has("g/n/a", 50));
    shelve("g/n/a", "10 100 me because");
    await("g/n/a", true);
}

static void test_what_is_none_is_passed_over(void **state)
{
    struct redis_outcome outcome;
    (void)state;

    LANE_RIG_ASK(&rig, &outcome, "HSET", key_of("g/n/a"),
                 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "1 100 me x");
    shelve("g/o/a", "soon");
    shelve("g/n/a", "10 100 me because");
    await("g/n/a", true);
    assert_false(has("g/o/a", 50));
}

static void test_without_redis_it_stays_as_it_was(void **state)
{
    (void)state;

    shelve("g/n/a", "10 100 me because");
    await("g/n/a", true);
    redis_server_kill(&rig.redis.server);
    redis_rig_turn_for(&rig.redis, 1500);
    assert_true(has("g/n/a", 50));
    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    shelve("g/n/a", NULL);
    await("g/n/a", false);
}

/* What is known of a plant stays, whatever its number; what is of none goes. */
static void test_another_registry(void **state)
{
    static const char others[] =
        "types:\n"
        "  oven: {metrics: {temperature: {source: T}}}\n"
        "devices:\n"
        "  - {group: a, edge_node: z, device: a, type: oven, equipment: OVEN, plant: o}\n"
        "  - {group: h, edge_node: m, device: a, type: oven, equipment: OVEN, plant: q}\n";
    const char *texts[] = {any_signal, NULL};
    struct signal_rig *other = calloc(1, sizeof(*other));
    (void)state;

    assert_non_null(other);
    shelve("g/n/a", "10 100 me because");
    shelve("h/m/a", "10 100 me because");
    await("g/n/a", true);
    await("h/m/a", true);
    signal_rig_open(other, others, texts);
    assert_int_equal(gw_iot_shelved_set_registry(shelved, other->registry), 0);
    signal_rig_close(other);
    free(other);
    assert_true(has("h/m/a", 50));
    assert_false(has("g/n/a", 50));
    redis_rig_turn_for(&rig.redis, 1500);
    assert_true(has("h/m/a", 50));
    shelve("h/m/a", NULL);
    await("h/m/a", false);
}

static int set_up(void **state)
{
    (void)state;
    lane_rig_open(&rig, registry_text, any_signal);
    shelved = gw_iot_shelved_create(rig.redis.loop, rig.redis.redis, rig.documents->registry);
    return shelved == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_iot_shelved_destroy(shelved);
    lane_rig_close(&rig);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_of_each_plant),
        TEST(test_one_that_is_changed),
        TEST(test_what_is_none_is_passed_over),
        TEST(test_without_redis_it_stays_as_it_was),
        TEST(test_another_registry),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
