/* Conditions in time, alarms, maintenance, enrichment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/signal_plant.h"

/* --- alarms ----------------------------------------------------------------------------------- */

#define TOO_WARM                                                                                 \
    "signal: warm\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {maxAge: PT1H}, door: " \
    "{}}\n"                                                                                      \
    "alarm:\n  severity: critical\n  raised: t.warm.v1\n  cleared: t.cool.v1\n"

static void an_alarm_is_raised_after_its_time(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise: {value: temperature, above: 8, for: PT30S}\n");
    plant_real(plant_series.temperature, 0, 8);
    plant_real(plant_series.temperature, 10, 8.1);
    plant_real(plant_series.temperature, 39, 7);
    plant_real(plant_series.temperature, 50, 9);
    plant_real(plant_series.temperature, 60, 10);
    plant_has_told(0);
    plant_pass(79);
    plant_has_told(0);
    plant_pass(80);
    plant_has_told(1);
    signal_rig_is(plant_rig, 0, "t.warm.v1");
    plant_says(0, "alarm/state", "raised");
    plant_says(0, "alarm/severity", "critical");
    plant_says(0, "alarm/raisedAt", "2025-11-23T08:31:20.000Z");
    plant_says(0, "from", "2025-11-23T08:30:50.000Z");
    plant_says(0, "to", "2025-11-23T08:31:20.000Z");
    plant_says(0, "sampleCount", "2");
    plant_has_value(0, "temperature", "10");
    plant_real(plant_series.temperature, 90, 12);
    plant_pass(300);
    plant_has_told(1); /* one alarm of an asset and signal */
    plant_real(plant_series.temperature, 301, 8);
    plant_pass(302);
    plant_has_told(2);
    signal_rig_is(plant_rig, 1, "t.cool.v1");
    plant_says(1, "alarm/state", "cleared");
    plant_says(1, "alarm/raisedAt", "2025-11-23T08:31:20.000Z");
    plant_says(1, "alarm/clearedAt", "2025-11-23T08:35:01.000Z");
    plant_done();
}

static void hysteresis_keeps_an_alarm(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise: {value: temperature, above: 8, clearBelow: 7}\n");
    plant_real(plant_series.temperature, 0, 7.5);
    plant_real(plant_series.temperature, 1, 8.5);
    plant_real(plant_series.temperature, 2, 7.5);
    plant_real(plant_series.temperature, 3, 7);
    plant_pass(4);
    plant_has_told(1);
    plant_real(plant_series.temperature, 5, 6.9);
    plant_real(plant_series.temperature, 6, 7.5);
    plant_pass(7);
    plant_has_told(2);
    signal_rig_is(plant_rig, 1, "t.cool.v1");
    plant_done();
}

static void conditions_are_put_together(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise:\n    all:\n      - {value: temperature, atLeast: 8}\n"
                             "      - {not: {value: door, equals: true}}\n    for: PT10S\n"
                             "  clear: {value: temperature, atMost: 5, for: PT5S}\n");
    plant_real(plant_series.temperature, 0, 9); /* of the door nothing is known: no alarm */
    plant_pass(20);
    plant_has_told(0);
    plant_real(plant_series.door, 21, 1);
    plant_real(plant_series.door, 40, 0);
    plant_pass(49);
    plant_has_told(0);
    plant_pass(50);
    plant_has_told(1);
    plant_real(plant_series.temperature, 60, 6);
    plant_pass(100);
    plant_has_told(1);
    plant_real(plant_series.temperature, 101, 5);
    plant_real(plant_series.temperature, 103, 6);
    plant_real(plant_series.temperature, 110, 5);
    plant_pass(115);
    plant_has_told(2);
    plant_says(1, "alarm/clearedAt", "2025-11-23T08:31:55.000Z");
    plant_done();
}

static void what_is_not_known_changes_no_alarm(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise: {value: temperature, above: 8, for: PT10S}\n");
    plant_real(plant_series.temperature, 0, 9);
    plant_bad(plant_series.temperature,
              5); /* it has not been above for ten seconds, as far as is known */
    plant_real(plant_series.temperature, 8, 9);
    plant_pass(17);
    plant_has_told(0);
    plant_pass(18);
    plant_has_told(1);
    gw_signal_engine_state(plant_rig->engine, gw_registry_device(plant_rig->registry, 0), false,
                           T0 + 20 * S);
    plant_pass(1000);
    plant_has_told(1); /* dead is not cool */
    plant_real(plant_series.temperature, 1001, 9);
    plant_pass(1002);
    plant_has_told(1); /* and what is as it was need not last anew */
    plant_real(plant_series.temperature, 1003, 3);
    plant_pass(1004);
    plant_has_told(2);
    plant_bad(plant_series.temperature, 1005);
    plant_real(plant_series.temperature, 1006, 9);
    plant_pass(1015);
    plant_has_told(2);
    plant_pass(1016);
    plant_has_told(3);
    plant_done();
}

/* Too old is not known, whether somebody looks at that moment or not. */
static void what_is_too_old_breaks_off(void **state)
{
    (void)state;
    plant_open_with(
        "signal: warm\ndevices: [cnc]\nlateness: PT0S\n"
        "inputs: {temperature: {maxAge: PT10S}}\n"
        "alarm: {raised: t.warm.v1, raise: {value: temperature, above: 8, for: PT30S}}\n");
    plant_real(plant_series.temperature, 0, 9);
    plant_real(plant_series.temperature, 20, 9);
    plant_real(plant_series.temperature, 29, 9);
    plant_real(plant_series.temperature, 38, 9);
    plant_real(plant_series.temperature, 47, 9);
    plant_pass(49);
    plant_has_told(0); /* of what was from 10 to 20 nothing is known */
    plant_pass(50);
    plant_has_told(1);
    plant_says(0, "alarm/raisedAt", "2025-11-23T08:30:50.000Z");
    plant_done();
}

/* The time that clearing takes goes from when it is its turn, if it holds by then already. */
static void clearing_begins_when_it_is_raised(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise: {value: temperature, above: 8, for: PT10S}\n"
                             "  clear: {value: door, equals: 0, for: PT20S}\n");
    plant_real(plant_series.door, 0, 0);
    plant_real(plant_series.temperature, 1, 9);
    plant_pass(30);
    plant_has_told(1);
    plant_pass(31);
    plant_has_told(2);
    plant_says(1, "alarm/clearedAt", "2025-11-23T08:30:31.000Z");
    plant_says(1, "from", "2025-11-23T08:30:11.000Z");
    plant_pass(40);
    plant_has_told(2);
    plant_pass(41); /* and the same the other way round */
    plant_has_told(3);
    plant_done();
}

/* Some deaths are told late: of a device that did not come back after a rebirth, or where the edge
 * node's clock is ahead of ours. */
static void a_late_death_counts_from_now(void **state)
{
    (void)state;
    const struct gw_device_config *device;

    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT5S\ninputs: {mode: {}}\n"
                    "window: {tumbling: PT1M}\nvalues: {cut: {duration: mode, states: cut}}\n"
                    "event: {type: t.w.v1}\n");
    device = gw_registry_device(plant_rig->registry, 0);
    plant_text(plant_series.mode, 0, "cut");
    plant_real(signal_rig_series(plant_rig, "b", "temperature"), 45, 1);
    plant_text(signal_rig_series(plant_rig, "b", "mode"), 45, "rest");
    gw_signal_engine_state(plant_rig->engine, device, false,
                           T0 + 10 * S); /* 40 has been computed */
    plant_pass(200);
    plant_says(0, "device", "g/n/a");
    plant_has_value(0, "cut", "40");
    plant_says(1, "device", "g/n/b");
    plant_says(2, "device", "g/n/b");
    assert_int_equal(plant_rig->late_count, 0);
    plant_done();
}

static void silence_is_a_condition(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise: {value: temperature, missing: PT5M}\n");
    plant_pass(10000); /* of what never came nothing is said */
    plant_real(plant_series.temperature, 10001, 3);
    plant_real(plant_series.temperature, 10200, 3);
    plant_pass(10499);
    plant_has_told(0);
    plant_pass(10500);
    plant_has_told(1);
    plant_real(plant_series.temperature, 10600, 3);
    plant_pass(10601);
    plant_has_told(2);
    plant_done();
}

static void an_alarm_looks_at_windows(void **state)
{
    (void)state;
    plant_open_with(
        "signal: shaky\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {}}\n"
        "window: {tumbling: PT10S}\nvalues: {mean: {mean: temperature}}\n"
        "alarm: {raised: t.r.v1, cleared: t.c.v1, raise: {value: mean, above: 5, for: PT20S}}\n");
    for (int64_t at = 0; at < 60; at++)
        plant_real(plant_series.temperature, at, at < 10 ? 1 : 7);
    plant_pass(60);
    plant_has_told(1); /* windows that end at 20, 30 and 40 say so */
    plant_says(0, "alarm/raisedAt", "2025-11-23T08:30:40.000Z");
    plant_says(0, "from", "2025-11-23T08:30:10.000Z");
    plant_says(0, "sampleCount", "30");
    plant_has_value(0, "mean", "7");
    plant_real(plant_series.temperature, 61, 1);
    plant_pass(70);
    plant_has_told(2);
    plant_done();
}

static void nothing_is_raised_in_maintenance(void **state)
{
    (void)state;
    plant_open_with(TOO_WARM "  raise: {value: temperature, above: 8, for: PT10S}\n");
    const struct gw_device_config *a = gw_registry_device(plant_rig->registry, 0);
    assert_int_equal(gw_signal_engine_suppress(plant_rig->engine, a, T0 + 5 * S, T0 + 100 * S), 0);
    plant_real(plant_series.temperature, 0, 9);
    signal_rig_real(plant_rig, signal_rig_series(plant_rig, "b", "temperature"), T0, 9);
    plant_pass(99);
    plant_has_told(1); /* that of the other one */
    plant_says(0, "equipment", "B");
    signal_rig_move(plant_rig);
    plant_pass(100);
    plant_has_told(2); /* it still holds */
    plant_says(1, "alarm/raisedAt", "2025-11-23T08:31:40.000Z");
    assert_int_equal(gw_signal_engine_suppress(plant_rig->engine, a, T0 + 100 * S, T0 + 1000 * S),
                     0);
    plant_real(plant_series.temperature, 110, 3);
    plant_pass(111);
    plant_has_told(3); /* what is raised is cleared all the same */
    plant_real(plant_series.temperature, 120, 9);
    plant_real(plant_series.temperature, 140, 3);
    plant_real(plant_series.temperature, 150, 9);
    plant_pass(170);
    plant_has_told(3);
    assert_int_equal(gw_signal_engine_suppress(plant_rig->engine, a, 0, 0), 0);
    plant_pass(171);
    plant_has_told(4);
    plant_done();
}

/* --- enrichment ------------------------------------------------------------------------------- */

static struct gw_value asked;
static struct gw_arena asked_arena;

static void keep_parameters(void *self, const struct gw_signal_event *event)
{
    (void)self;
    assert_string_equal(event->enrich_operation.ptr, "listOperations");
    assert_string_equal(event->enrich_member.ptr, "order");
    assert_int_equal(gw_value_copy(&asked_arena, &event->enrich_parameters, &asked), 0);
}

static void parameters_are_filled_in(void **state)
{
    (void)state;
    const struct gw_signal_events events = {.on_event = keep_parameters};
    plant_open_with(
        "signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {good: {}}\nwindow: {count: 1}\n"
        "values: {n: {count: good}}\nevent: {type: t.w.v1}\n"
        "enrich: {member: order, operation: listOperations, parameters: {plant: '{plant}', "
        "q: 'x {equipment}/{asset} {nobody} {', at: '{to}'}}\n");
    gw_arena_init(&asked_arena, 4096, 1 << 20);
    gw_signal_engine_destroy(plant_rig->engine);
    plant_rig->engine = gw_signal_engine_create(plant_rig->signals, &events);
    plant_real(plant_series.good, 0, 1);
    plant_pass(1);
    assert_string_equal(gw_value_member_text(&asked, GW_STR("plant")).ptr, "1010");
    assert_string_equal(gw_value_member_text(&asked, GW_STR("q")).ptr, "x A/A-1 {nobody} {");
    assert_string_equal(gw_value_member_text(&asked, GW_STR("at")).ptr, "2025-11-23T08:30:00.000Z");
    gw_arena_finish(&asked_arena);
    plant_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alarm_is_raised_after_its_time),
        cmocka_unit_test(hysteresis_keeps_an_alarm),
        cmocka_unit_test(conditions_are_put_together),
        cmocka_unit_test(what_is_not_known_changes_no_alarm),
        cmocka_unit_test(what_is_too_old_breaks_off),
        cmocka_unit_test(clearing_begins_when_it_is_raised),
        cmocka_unit_test(a_late_death_counts_from_now),
        cmocka_unit_test(silence_is_a_condition),
        cmocka_unit_test(an_alarm_looks_at_windows),
        cmocka_unit_test(nothing_is_raised_in_maintenance),
        cmocka_unit_test(parameters_are_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
