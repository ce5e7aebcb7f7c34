/* Another registry for a lane that goes on, on a real Redis and without brokers: states, alarms and
 * what waits go over, also where it cannot come to rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/iot/alarms.h"
#include "tests/unit/support/lane_rig.h"

#define T0 INT64_C(1763886600000)
#define NODE "millgate:iot:{g/n}:"
#define GONE "millgate:iot:{h/m}:"
#define NEW "millgate:iot:{a/z}:"
#define PATIENCE_NS (10 * GW_NS_PER_SECOND)

static const char before_text[] =
    "types:\n"
    "  oven: {metrics: {temperature: {source: T, unit: Cel}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: b, type: oven, equipment: STOVE, plant: p}\n"
    "  - {group: g, edge_node: n, device: a, type: oven, equipment: OVEN, plant: p}\n"
    "  - {group: h, edge_node: m, device: a, type: oven, equipment: OVEN, plant: q}\n";
/* All have other numbers; one device, one edge node and one metric come, the first two also go. */
static const char after_text[] =
    "types:\n"
    "  oven: {metrics: {door: {source: D}, temperature: {source: T, unit: Cel}}}\n"
    "devices:\n"
    "  - {group: a, edge_node: z, device: a, type: oven, equipment: OVEN, plant: q}\n"
    "  - {group: g, edge_node: n, device: c, type: oven, equipment: GRILL, plant: p}\n"
    "  - {group: g, edge_node: n, device: a, type: oven, equipment: OVEN, plant: p}\n";
static const char too_warm[] =
    "signal: warm\ndevices: [oven]\nlateness: PT0S\ninputs: {temperature: {}}\n"
    "alarm: {severity: warning, raised: t.r.v1, cleared: t.c.v1, raise: {value: temperature, "
    "above: 8}}\n";

static struct lane_rig rig;
static struct signal_rig *next;
static bool is_done;

/* "<command> <alarm><more>", of that device. */
static const char *line_of(const char *command, const char *id, const char *more)
{
    static char line[GW_ALARM_KEY_BYTES + 60];
    const struct gw_device_config *device = lane_rig_device(&rig, id);
    char alarm[GW_ALARM_ID_BYTES], key[GW_ALARM_KEY_BYTES];

    gw_alarm_id(device, GW_STR("warm"), alarm);
    struct gw_str text = gw_alarm_key(device->plant, gw_str_of(alarm), key);
    snprintf(line, sizeof(line), "%s %.*s%s", command, GW_STR_ARG(text), more);
    return line;
}

static void command(const char *line)
{
    struct redis_outcome outcome;

    redis_rig_ask(&rig.redis, line, &outcome);
    assert_int_not_equal(outcome.type, GW_REPLY_ERROR);
}

static void warm_up(const char *device, int64_t at_s, double temperature)
{
    lane_rig_put(&rig, device, "temperature", T0 + at_s * 1000, temperature);
    lane_rig_put(&rig, device, "temperature", T0 + (at_s + 1) * 1000, temperature);
}

static void on_done(void *self, int rc)
{
    (void)self;
    assert_int_equal(rc, 0);
    is_done = true;
}

static void begin_change(uint64_t timeout_ns)
{
    const struct gw_lane_config config = {
        .registry = next->registry, .signals = next->signals, .checkpoint_ns = 100 * GW_NS_PER_MS};

    is_done = false;
    assert_int_equal(gw_lane_change(rig.lane, &config, timeout_ns, on_done, NULL), 0);
    assert_false(is_done);
}

/* From then on `rig` names the new devices. */
static void await_change(void)
{
    uint64_t until_ns = gw_clock_monotonic_ns() + PATIENCE_NS;
    struct signal_rig *last = rig.documents;

    while (!is_done) {
        gw_loop_turn(rig.redis.loop, 10);
        assert_true(gw_clock_monotonic_ns() < until_ns);
    }
    rig.documents = next;
    next = last;
}

static void test_what_is_there_still_goes_on(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    warm_up("g/n/a", 0, 9);
    warm_up("h/m/a", 0, 9);
    lane_rig_await_text(&rig, line_of("HGET", "g/n/a", " state"), "raised");
    lane_rig_await_text(&rig, "HGET " GONE "values a/temperature", "1763886601000 good 9");
    begin_change(PATIENCE_NS);
    warm_up("g/n/a", 2, 3); /* journaled before, or after */
    await_change();
    lane_rig_await_text(&rig, line_of("HGET", "g/n/a", " state"), "cleared");
    assert_string_equal(lane_rig_text(&rig, line_of("HGET", "g/n/a", " times")), "1");
    lane_rig_has_told(&rig, 3);
    lane_rig_await_text(&rig, "HGET " NODE "values a/temperature", "1763886603000 good 3");
    lane_rig_await_number(&rig, "HEXISTS " GONE "owner instance", 0); /* it was given back */
    lane_rig_put(&rig, "a/z/a", "door", T0, 1);
    lane_rig_put(&rig, "g/n/c", "temperature", T0 + 4000, 5);
    lane_rig_await_text(&rig, "HGET " NEW "values a/door", "1763886600000 good 1");
    lane_rig_await_text(&rig, "HGET " NODE "values c/temperature", "1763886604000 good 5");
}

/* An alarm cannot be written, so that there is no checkpoint; the change does not wait for ever. */
static void test_what_waits_goes_over(void **state)
{
    char gone[GW_ALARM_KEY_BYTES + 60];
    (void)state;

    snprintf(gone, sizeof(gone), "%s", line_of("DEL", "g/n/b", ""));
    command(line_of("SET", "g/n/b", " x")); /* not what a script expects there */
    lane_rig_start(&rig);
    warm_up("g/n/b", 0, 9);
    lane_rig_has_told(&rig, 1);
    warm_up("g/n/a", 4, 9);
    lane_rig_has_told(&rig, 2);
    begin_change(300 * GW_NS_PER_MS);
    warm_up("g/n/a", 6, 3); /* computed on afterwards */
    await_change();
    lane_rig_has_told(&rig, 3);
    assert_int_equal(lane_rig_number(&rig, "EXISTS " NODE "checkpoint"), 0);
    command(gone);
    lane_rig_await_text(&rig, line_of("HGET", "g/n/a", " state"), "cleared");
    assert_string_equal(lane_rig_text(&rig, line_of("HGET", "g/n/a", " times")), "1");
    lane_rig_await_number(&rig, "EXISTS " NODE "checkpoint", 1);
}

/* What a crash finds after a change is computed by the new documents, once. */
static void test_a_crash_behind_it(void **state)
{
    (void)state;

    lane_rig_start(&rig);
    warm_up("g/n/a", 0, 9);
    lane_rig_has_told(&rig, 1);
    begin_change(PATIENCE_NS);
    await_change();
    warm_up("g/n/a", 2, 3);
    lane_rig_await_number(&rig, "XLEN " NODE "inbox", 0);
    lane_rig_die(&rig);
    lane_rig_start(&rig); /* with the new ones */
    lane_rig_await_text(&rig, line_of("HGET", "g/n/a", " state"), "cleared");
    lane_rig_has_told(&rig, 2);
}

/* The one that comes is forgotten; what waited for it is computed on. */
static void test_an_end_in_the_middle(void **state)
{
    (void)state;

    command(line_of("SET", "g/n/b", " x"));
    lane_rig_start(&rig);
    warm_up("g/n/b", 0, 9);
    lane_rig_has_told(&rig, 1);
    begin_change(PATIENCE_NS); /* not before the alarm is told */
    warm_up("g/n/a", 4, 9);
    lane_rig_await_number(&rig, "XLEN " NODE "journal", 2);
    assert_false(is_done);
    command(line_of("DEL", "g/n/b", ""));
    lane_rig_stop(&rig);
    lane_rig_has_told(&rig, 2);
}

static int set_up(void **state)
{
    static const char *const documents[] = {too_warm, NULL};
    (void)state;

    lane_rig_open(&rig, before_text, too_warm);
    next = calloc(1, sizeof(*next));
    assert_non_null(next);
    signal_rig_open(next, after_text, documents);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lane_rig_close(&rig);
    signal_rig_close(next);
    free(next);
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_there_still_goes_on),
        TEST(test_what_waits_goes_over),
        TEST(test_a_crash_behind_it),
        TEST(test_an_end_in_the_middle),
    };

    if (!redis_server_is_installed())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
