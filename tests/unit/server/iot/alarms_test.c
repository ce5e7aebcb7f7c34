/* Alarms as they stand, against a real Redis: told again, out of order, at one time, and bounded.
 */
#include "server/iot/alarms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/store/record.h"
#include "tests/unit/support/lane_rig.h"

#define SET "millgate:iot:{alarms:p}"

static const char registry_text[] =
    "types:\n"
    "  oven: {metrics: {temperature: {source: T}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: oven, equipment: OVEN, plant: p}\n"
    "  - {group: h, edge_node: m, device: b, type: oven, equipment: STOVE, plant: q}\n";
static const char any_signal[] = "signal: w\ndevices: [oven]\ninputs: {temperature: {}}\n"
                                 "window: {count: 1}\nvalues: {n: {count: temperature}}\n"
                                 "event: {type: t.w.v1}\n";

static struct lane_rig rig;
static struct gw_iot_alarms *alarms;
static char key[GW_ALARM_KEY_BYTES];

static bool tell_of(const char *device, enum gw_alarm_change change, int64_t time_ms,
                    const char *event)
{
    const struct gw_alarm_news news = {.device = lane_rig_device(&rig, device),
                                       .signal = GW_STR("warm"),
                                       .event_id = gw_str_of(event),
                                       .severity = "warning",
                                       .change = change,
                                       .time_ms = time_ms,
                                       .data = GW_STR("{\"n\":1}")};

    return gw_iot_alarms_tell(alarms, &news);
}

static void finish(void)
{
    while (gw_iot_alarms_pending(alarms) > 0)
        redis_rig_turn_for(&rig.redis, 5);
}

static void raise(int64_t time_ms, const char *event)
{
    assert_true(tell_of("g/n/a", GW_ALARM_RAISED, time_ms, event));
    finish();
}

static void clear(int64_t time_ms, const char *event)
{
    assert_true(tell_of("g/n/a", GW_ALARM_CLEARED, time_ms, event));
    finish();
}

static void has(const char *member, const char *value)
{
    char line[GW_ALARM_KEY_BYTES + 40];

    snprintf(line, sizeof(line), "HGET %s %s", key, member);
    assert_string_equal(lane_rig_text(&rig, line), value);
}

static void acknowledge(void)
{
    struct redis_outcome outcome;

    LANE_RIG_ASK(&rig, &outcome, "HSET", key, "acknowledged", "77", "by", "me", "comment", "on it");
    assert_int_equal(outcome.integer, 3);
}

static void test_what_it_says(void **state)
{
    (void)state;

    raise(1000, "e1");
    has("state", "raised");
    has("device", "g/n/a");
    has("equipment", "OVEN");
    has("signal", "warm");
    has("severity", "warning");
    has("raised", "1000");
    has("cleared", "nil");
    has("data", "{\"n\":1}");
    has("times", "1");
    acknowledge();
    clear(2000, "e2");
    has("state", "cleared");
    has("cleared", "2000");
    has("by", "me"); /* who has seen it is known until it is raised anew */
    raise(3000, "e3");
    has("times", "2");
    has("version", "3");
    has("cleared", "nil");
    has("by", "nil");
    assert_int_equal(lane_rig_number(&rig, "ZCARD " SET), 1);
}

/* After a crash all behind the checkpoint is told once more. */
static void test_what_is_told_again_changes_nothing(void **state)
{
    (void)state;

    raise(1000, "e1");
    clear(2000, "e2");
    raise(3000, "e3");
    acknowledge();
    raise(1000, "e1");
    clear(2000, "e2");
    raise(3000, "e3");
    has("state", "raised");
    has("times", "2");
    has("version", "3");
    has("by", "me");
}

static void test_two_changes_at_one_time(void **state)
{
    (void)state;

    raise(1000, "e1");
    clear(1000, "e2");
    has("state", "cleared");
    acknowledge();
    raise(1000, "e1");
    clear(1000, "e2");
    has("state", "cleared");
    has("times", "1");
    has("version", "2");
    has("by", "me");
}

static void test_who_waits_is_known_by_node(void **state)
{
    const struct gw_registry *registry = rig.documents->registry;
    const struct gw_edge_node_config *first = gw_registry_node(registry, 0);
    const struct gw_edge_node_config *second = gw_registry_node(registry, 1);
    (void)state;

    assert_true(gw_iot_alarms_has_all(alarms, first));
    redis_server_kill(&rig.redis.server);
    redis_rig_turn_for(&rig.redis, 100);
    assert_true(tell_of("h/m/b", GW_ALARM_RAISED, 1000, "e1"));
    assert_true(tell_of("h/m/b", GW_ALARM_CLEARED, 2000, "e2"));
    redis_rig_turn_for(&rig.redis, 700);
    assert_true(gw_iot_alarms_has_all(alarms, first));
    assert_false(gw_iot_alarms_has_all(alarms, second));
    assert_int_equal(gw_iot_alarms_pending(alarms), 2);
    redis_server_restart(&rig.redis.server);
    redis_rig_wait_up(&rig.redis);
    finish();
    assert_true(gw_iot_alarms_has_all(alarms, second));
    assert_int_equal(lane_rig_number(&rig, "ZCARD millgate:iot:{alarms:q}"), 1);
}

static void test_too_many_are_refused(void **state)
{
    size_t count = 0;
    (void)state;

    while (tell_of("g/n/a", GW_ALARM_RAISED, 1000, "e1"))
        assert_true(++count < 100000);
    assert_true(count >= 1000);
    assert_int_equal(gw_iot_alarms_pending(alarms), count);
    redis_rig_turn_for(&rig.redis, 50);
    assert_true(gw_iot_alarms_pending(alarms) < count);
    assert_true(tell_of("g/n/a", GW_ALARM_RAISED, 1000, "e1"));
}

/* Beyond the greatest number that which was cleared longest ago goes; none that is raised. */
static void test_a_plant_has_so_many(void **state)
{
    struct redis_outcome outcome;
    (void)state;

    LANE_RIG_ASK(&rig, &outcome, "EVAL",
                 "for i = 1, 10000 do\n"
                 "  redis.call('ZADD', KEYS[1], i, 'x' .. i)\n"
                 "  redis.call('HSET', KEYS[1] .. ':x' .. i, 'state', i == 1 and 'raised' or "
                 "'cleared')\n"
                 "end\n"
                 "return 1",
                 "1", SET);
    assert_int_equal(outcome.integer, 1);
    raise(20000, "e1");
    assert_int_equal(lane_rig_number(&rig, "ZCARD " SET), 10000);
    assert_int_equal(lane_rig_number(&rig, "EXISTS " SET ":x1"), 1);
    assert_int_equal(lane_rig_number(&rig, "EXISTS " SET ":x2"), 0);
    assert_string_equal(lane_rig_text(&rig, "ZSCORE " SET " x2"), "nil");
    assert_string_equal(lane_rig_text(&rig, "ZSCORE " SET " x3"), "3");
}

static void test_names_are_cut_not_overrun(void **state)
{
    char plant[300], out[GW_ALARM_KEY_BYTES];
    (void)state;

    memset(plant, 'p', sizeof(plant));
    struct gw_str text =
        gw_alarm_key(gw_str_from(plant, sizeof(plant)), gw_str_from(plant, sizeof(plant)), out);
    assert_true(text.len < GW_ALARM_KEY_BYTES);
}

static int set_up(void **state)
{
    char id[GW_ALARM_ID_BYTES];
    (void)state;

    lane_rig_open(&rig, registry_text, any_signal);
    alarms = gw_iot_alarms_create(rig.redis.loop, rig.writer, rig.documents->registry);
    gw_alarm_id(lane_rig_device(&rig, "g/n/a"), GW_STR("warm"), id);
    (void)gw_alarm_key(GW_STR("p"), gw_str_of(id), key);
    return alarms == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_iot_alarms_destroy(alarms);
    lane_rig_close(&rig);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_it_says),
        TEST(test_what_is_told_again_changes_nothing),
        TEST(test_two_changes_at_one_time),
        TEST(test_who_waits_is_known_by_node),
        TEST(test_too_many_are_refused),
        TEST(test_a_plant_has_so_many),
        TEST(test_names_are_cut_not_overrun),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
