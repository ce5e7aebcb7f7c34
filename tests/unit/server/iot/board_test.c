/* What telemetry's thread has, on a real Redis and without brokers: samples of the inbox become
 * values, events and alarms, and what a crash left half told is told. */
#include "server/iot/board.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/iot/alarms.h"
#include "tests/unit/support/lane_rig.h"

#define T0 INT64_C(1763886600000)
#define NODE "millgate:iot:{g/n}:"
#define OTHER "millgate:iot:{h/m}:"

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

/* "HGET <alarm> <member>", of that device. */
static const char *ask_alarm(const char *id, const char *member)
{
    static char line[GW_ALARM_KEY_BYTES + 60];
    const struct gw_device_config *device = lane_rig_device(&rig, id);
    char alarm[GW_ALARM_ID_BYTES], key[GW_ALARM_KEY_BYTES];

    gw_alarm_id(device, GW_STR("warm"), alarm);
    struct gw_str text = gw_alarm_key(device->plant, gw_str_of(alarm), key);
    snprintf(line, sizeof(line), "HGET %.*s %s", GW_STR_ARG(text), member);
    return line;
}

static void command_alarm(const char *id, const char *command, const char *more)
{
    char line[GW_ALARM_KEY_BYTES + 60], key[GW_ALARM_KEY_BYTES];
    struct redis_outcome outcome;

    snprintf(key, sizeof(key), "%s", ask_alarm(id, "") + strlen("HGET "));
    key[strlen(key) - 1] = 0;
    snprintf(line, sizeof(line), "%s %s%s", command, key, more);
    redis_rig_ask(&rig.redis, line, &outcome);
    assert_int_not_equal(outcome.type, GW_REPLY_ERROR);
}

static void warm_up(const char *device, int64_t at_s, double temperature)
{
    lane_rig_put(&rig, device, "temperature", T0 + at_s * 1000, temperature);
    lane_rig_put(&rig, device, "temperature", T0 + (at_s + 1) * 1000, temperature);
}

static void test_from_the_inbox_to_values_events_and_alarms(void **state)
{
    struct gw_iot_board_counts counts;
    (void)state;

    lane_rig_start(&rig);
    warm_up("g/n/a", 0, 9);
    lane_rig_await_text(&rig, ask_alarm("g/n/a", "state"), "raised");
    lane_rig_has_told(&rig, 1);
    lane_rig_await_text(&rig, "HGET " NODE "values a/temperature", "1763886601000 good 9");
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    warm_up("g/n/a", 2, 3);
    lane_rig_await_text(&rig, ask_alarm("g/n/a", "state"), "cleared");
    assert_string_equal(lane_rig_text(&rig, ask_alarm("g/n/a", "times")), "1");
    lane_rig_await_number(&rig, "EXISTS " NODE "checkpoint", 1);
    gw_iot_board_get_counts(rig.board, &counts);
    assert_int_equal(counts.pending_alarms, 0);
    assert_int_equal(counts.exported.samples, 0);
    assert_true(counts.values.writes > 0);
}

static void test_what_is_no_sample_is_put_aside(void **state)
{
    struct gw_iot_board_counts counts;
    struct redis_outcome outcome;
    (void)state;

    LANE_RIG_ASK(&rig, &outcome, "XADD", NODE "inbox", "*", "b", "no JSON");
    LANE_RIG_ASK(&rig, &outcome, "XADD", NODE "inbox", "*", "b",
                 "[[\"ghost\",\"temperature\",1,2,\"good\",false]]");
    LANE_RIG_ASK(&rig, &outcome, "XADD", NODE "inbox", "*", "b",
                 "[[\"a\",\"pressure\",1,2,\"good\",false]]");
    warm_up("g/n/a", 0, 1);
    lane_rig_start(&rig);
    lane_rig_await_text(&rig, "HGET " NODE "values a/temperature", "1763886601000 good 1");
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    gw_iot_board_get_counts(rig.board, &counts);
    assert_int_equal(counts.quarantined[GW_QUARANTINE_MALFORMED], 1);
    assert_int_equal(counts.quarantined[GW_QUARANTINE_UNKNOWN_DEVICE], 1);
    assert_int_equal(counts.quarantined[GW_QUARANTINE_UNKNOWN_METRIC], 1);
    lane_rig_await_number(&rig, "HLEN millgate:iot:quarantine", 3);
}

/* The event is in the log, its alarm cannot be written: before it is, a crash must not make the
 * change unknown. */
static void test_a_checkpoint_waits_for_alarms(void **state)
{
    (void)state;

    command_alarm("g/n/a", "SET", " x"); /* not what a script expects there */
    lane_rig_start(&rig);
    warm_up("g/n/a", 0, 9);
    lane_rig_put(&rig, "h/m/a", "temperature", T0, 1);
    lane_rig_await_number(&rig, "EXISTS " OTHER "checkpoint", 1); /* that of another does not */
    lane_rig_has_told(&rig, 1);
    redis_rig_turn_for(&rig.redis, 700); /* seven times what a checkpoint takes */
    assert_int_equal(lane_rig_number(&rig, "EXISTS " NODE "checkpoint"), 0);
    lane_rig_die(&rig);
    command_alarm("g/n/a", "DEL", "");
    lane_rig_start(&rig);
    lane_rig_await_text(&rig, ask_alarm("g/n/a", "state"), "raised");
    lane_rig_has_told(&rig, 1); /* it is the same event */
    lane_rig_await_number(&rig, "EXISTS " NODE "checkpoint", 1);
    lane_rig_die(&rig);
    lane_rig_start(&rig);
    warm_up("g/n/a", 2, 3);
    lane_rig_await_text(&rig, ask_alarm("g/n/a", "state"), "cleared");
    lane_rig_has_told(&rig, 2);
    assert_string_equal(lane_rig_text(&rig, ask_alarm("g/n/a", "times")), "1");
}

static void test_one_that_ends_leaves_no_alarm_untold(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    for (int64_t i = 0; i < 20; i++)
        warm_up(i % 2 == 0 ? "g/n/a" : "g/n/b", 2 * i, i % 4 < 2 ? 9 : 3);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_stop(&rig);
    lane_rig_has_told(&rig, 20);
    assert_string_equal(lane_rig_text(&rig, ask_alarm("g/n/a", "times")), "5");
    assert_string_equal(lane_rig_text(&rig, ask_alarm("g/n/a", "state")), "cleared");
    assert_string_equal(lane_rig_text(&rig, ask_alarm("g/n/b", "times")), "5");
}

static void test_without_redis_it_waits_and_goes_on(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    warm_up("g/n/a", 0, 9);
    lane_rig_await_text(&rig, ask_alarm("g/n/a", "state"), "raised");
    redis_server_signal(&rig.redis.server, SIGSTOP);
    redis_rig_turn_for(&rig.redis, 2500); /* longer than a command may take */
    redis_server_signal(&rig.redis.server, SIGCONT);
    redis_rig_wait_up(&rig.redis);
    warm_up("g/n/a", 2, 3);
    lane_rig_await_text(&rig, ask_alarm("g/n/a", "state"), "cleared");
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_has_told(&rig, 2);
}

static int set_up(void **state)
{
    (void)state;
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
        TEST(test_from_the_inbox_to_values_events_and_alarms),
        TEST(test_what_is_no_sample_is_put_aside),
        TEST(test_a_checkpoint_waits_for_alarms),
        TEST(test_one_that_ends_leaves_no_alarm_untold),
        TEST(test_without_redis_it_waits_and_goes_on),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
