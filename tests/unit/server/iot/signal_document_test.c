/* What documents may not say, and what becomes of the state when one is changed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/signal_plant.h"

#define TOO_WARM                                                                                 \
    "signal: warm\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {maxAge: PT1H}, door: " \
    "{}}\n"                                                                                      \
    "alarm:\n  severity: critical\n  raised: t.warm.v1\n  cleared: t.cool.v1\n"

/* --- documents -------------------------------------------------------------------------------- */

#define HEAD "signal: w\ndevices: [cnc]\ninputs: {temperature: {}, mode: {}}\n"
#define WINDOW "window: {tumbling: PT1M}\n"
#define EVENT "event: {type: t.w.v1}\n"
#define ALARM(condition) "alarm: {raised: t.r.v1, raise: " condition "}\n"

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    static const struct {
        const char *document, *told;
    } cases[] = {
        {HEAD, "`event`, `alarm` or both"},
        {HEAD EVENT, "`window` is missing"},
        {HEAD WINDOW EVENT "values: {t: {mean: pressure}}\n", "6: there is no input \"pressure\""},
        {HEAD WINDOW EVENT "values: {t: {}}\n", "exactly one function"},
        {HEAD WINDOW EVENT "values: {t: {mean: temperature, min: temperature}}\n", "exactly one"},
        {HEAD WINDOW EVENT "values: {t: {add: [a, b]}}\n", "no value \"a\" above"},
        {HEAD WINDOW EVENT "values: {t: {add: [t, t]}}\n", "no value \"t\" above"},
        {HEAD WINDOW EVENT "values: {temperature: {mean: temperature}}\n", "an input has the name"},
        {HEAD WINDOW EVENT "values: {t: {duration: mode}}\n", "states are missing"},
        {HEAD WINDOW EVENT "values: {t: {percentile: temperature}}\n", "percent must be given"},
        {HEAD WINDOW EVENT "values: {t: {percentile: temperature, percent: 101, from: 1, to: 0}}\n",
         "from must be below to"},
        {HEAD WINDOW EVENT "values: {d: {duration: mode, states: cut}, m: {mean: mode}}\n",
         "mode is one of texts"},
        {HEAD WINDOW "values: {m: {mean: mode}}\n" ALARM("{value: mode, equals: cut}"),
         "mode is one of texts: there is no mean"},
        {HEAD "window: {amount: 5, of: mode}\nvalues: {d: {duration: mode, states: cut}}\n" EVENT,
         "4: mode is one of texts: it is no counter"},
        {HEAD ALARM("{any: [{value: mode, equals: cut}, {value: mode, above: 3}]}"),
         "mode is one of texts: it has no limit"},
        {"signal: w\ndevices: [cnc]\ninputs: {mode: {deadband: 3}}\n" ALARM(
             "{value: mode, equals: cut}"),
         "it has no deadband"},
        {HEAD "window: {}\n" EVENT, "exactly one of tumbling"},
        {HEAD "window: {tumbling: PT1M, count: 3}\n" EVENT, "exactly one of tumbling"},
        {HEAD "window: {tumbling: 60s}\n" EVENT, "4: \"60s\" is no duration"},
        {HEAD "window: {tumbling: PT0.5S}\n" EVENT, "must be from 1 to"},
        {HEAD "window: {sliding: PT1M}\n" EVENT, "times its `every`"},
        {HEAD "window: {sliding: PT1M, every: PT7S}\n" EVENT, "times its `every`"},
        {HEAD "window: {sliding: PT1H, every: PT1S}\n" EVENT, "times its `every`"},
        {HEAD "window: {count: 3}\n" EVENT, "`of` must name an input"},
        {HEAD "window: {amount: -3, of: temperature}\n" EVENT, "amount must be above 0"},
        {HEAD ALARM("{value: pressure, above: 3}"), "no value and no input \"pressure\""},
        {HEAD ALARM("{value: temperature}"), "a test is one of above"},
        {HEAD ALARM("{value: temperature, above: 3, below: 4}"), "a test is one of above"},
        {HEAD ALARM("{value: temperature, abov: 3}"), "did you mean \"above\""},
        {HEAD ALARM("{value: temperature, above: warm}"), "above must be a number"},
        {HEAD ALARM("{value: temperature, above: 3, clearBelow: 4}"), "on the other side"},
        {HEAD ALARM("{value: temperature, below: 3, clearBelow: 4}"), "clearAbove goes with below"},
        {HEAD ALARM("{value: temperature, above: 3, for: 3}"), "for must be a duration"},
        {HEAD ALARM("{value: temperature, missing: PT1S, for: PT3S}"), "missing stands alone"},
        {HEAD ALARM("{all: []}"), "a list of 1 to"},
        {HEAD ALARM("{all: [{value: temperature, above: 3}], value: temperature}"), "stands alone"},
        {HEAD ALARM("{not: 3}"), "a condition must be an object"},
        {HEAD ALARM("{value: mode, equals: [cut, 3]}"), "all texts or none"},
        {HEAD WINDOW "event: {type: t.w.v1, when: {value: temperature, above: 3}}\n",
         "said of its values"},
        {HEAD WINDOW "values: {m: {mean: temperature}}\n"
                     "event: {type: t.w.v1, when: {value: m, above: 3, for: PT3S}}\n",
         "for is for alarms"},
        {HEAD WINDOW "event: {type: Big}\n", "an event's type is of a-z"},
        {HEAD WINDOW EVENT "enrich: {member: plant, operation: x}\n", "a member of every event"},
        {HEAD WINDOW EVENT "colour: red\n", "colour"},
        {"signal: w\ndevices: [cnc]\ninputs: {mode: {maxAge: P2D}}\nwindow: {tumbling: PT1S}\n"
         "values: {d: {duration: mode, states: cut}}\n" EVENT,
         "more than 100000 windows"},
        {HEAD WINDOW EVENT "lateness: P2D\n", "lateness must be from 0 to 86400"},
        {"signal: W\ndevices: [cnc]\ninputs: {temperature: {}}\n" WINDOW EVENT, "name is of a-z"},
        {"signal: w\ndevices: [lathe]\ninputs: {good: {}}\n" WINDOW EVENT,
         "2: there is no device type \"lathe\""},
        {"signal: w\ndevices: [cnc, cnc]\ninputs: {good: {}}\n" WINDOW EVENT, "names twice"},
        {"signal: w\ndevices: [cnc, press]\ninputs: {temperature: {}}\n" WINDOW EVENT,
         "3: the device type press has no metric \"temperature\""},
        {"signal: w\ndevices: [cnc]\ninputs: {t: {metric: temperatur}}\n" WINDOW EVENT,
         "did you mean \"temperature\""},
        {"signal: w\ndevices: [cnc]\ninputs: {temperature: {deadband: -1}}\n" WINDOW EVENT,
         "deadband must be"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const char *told = signal_rig_refusal(plant_registry, cases[i].document);
        if (told == NULL || strstr(told, cases[i].told) == NULL)
            fail_msg("case %zu, \"%s\": %s", i, cases[i].told, told != NULL ? told : "accepted");
    }
}

static void a_changed_document_begins_anew(void **state)
{
    (void)state;
    static const char first[] = TOO_WARM "  raise: {value: temperature, above: 8, for: PT30S}\n";
    static const char second[] = TOO_WARM "  raise: {value: temperature, above: 9, for: PT30S}\n";
    struct gw_buf bytes;

    plant_open_with(first);
    const struct gw_edge_node_config *node = gw_registry_node(plant_rig->registry, 0);
    plant_real(plant_series.temperature, 0, 10);
    gw_buf_init(&bytes, 1 << 20);
    plant_pass(10);
    assert_int_equal(gw_signal_engine_save(plant_rig->engine, node, &bytes), 0);
    plant_done();

    plant_open_with(second);
    node = gw_registry_node(plant_rig->registry, 0);
    assert_int_equal(gw_signal_engine_load(plant_rig->engine, node, gw_buf_str(&bytes)), 0);
    plant_pass(100);
    plant_has_told(0);
    plant_real(plant_series.temperature, 101, 10);
    plant_pass(131);
    plant_has_told(1);
    plant_done();

    plant_open_with(first);
    node = gw_registry_node(plant_rig->registry, 0);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(
            gw_signal_engine_load(plant_rig->engine, node, gw_str_from(bytes.ptr, len)), -EINVAL);
    assert_int_equal(gw_signal_engine_load(plant_rig->engine, node, gw_buf_str(&bytes)), 0);
    plant_pass(30);
    plant_has_told(1);
    gw_buf_finish(&bytes);
    plant_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(a_changed_document_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
