/* Signals over several devices of one asset: a machine's controller and the sensors that were put
 * on beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/signal_rig.h"

#define T0 INT64_C(1763886600000)
#define S INT64_C(1000)

#define TYPES                                                       \
    "types:\n"                                                      \
    "  cnc: {metrics: {mode: {source: M}, load: {source: L}}}\n"    \
    "  sensor:\n    metrics:\n      rms: {source: R, unit: mm/s}\n" \
    "      turns: {source: T, rollover: 100}\n"                     \
    "devices:\n"
#define DEVICE(node, name, type, asset)                                                           \
    "  - {group: g, edge_node: " node ", device: " name ", type: " type ", equipment: E, plant: " \
    "'1010', asset: " asset "}\n"
#define MACHINES DEVICE("n", "a", "cnc", "A-1") DEVICE("n", "b", "cnc", "B-1")

static const char registry[] = TYPES MACHINES DEVICE("n", "c", "cnc", "''")
    DEVICE("n", "d", "cnc", "D-1") DEVICE("n", "va", "sensor", "A-1")
        DEVICE("n", "vb", "sensor", "B-1") DEVICE("z", "a", "cnc", "Z-1");

/* Shaking while it runs; not known of what is not there. */
static const char worn[] =
    "signal: worn\ndevices: [cnc]\nlateness: PT0S\n"
    "inputs:\n  mode: {}\n  vibration: {metric: rms, deviceType: sensor}\n"
    "alarm:\n  raised: t.worn.v1\n  cleared: t.fine.v1\n"
    "  raise:\n    all:\n      - {value: mode, equals: 2}\n      - {value: vibration, above: 7}\n";

static struct signal_rig rig;

static void open_with(const char *document, const char *more)
{
    const char *documents[] = {document, more, NULL};

    signal_rig_open(&rig, registry, documents);
}

static void real(const char *device, const char *metric, int64_t at_s, double number)
{
    signal_rig_real(&rig, signal_rig_series(&rig, device, metric), T0 + at_s * S, number);
}

static void die(const char *device, int64_t at_s)
{
    const struct gw_device_config *config =
        gw_registry_find(rig.registry, GW_STR("g"), GW_STR("n"), gw_str_of(device));

    gw_signal_engine_state(rig.engine, config, false, T0 + at_s * S);
}

static void pass(int64_t at_s)
{
    signal_rig_advance(&rig, T0 + at_s * S);
}

static void says(size_t index, const char *text)
{
    assert_true(index < rig.event_count);
    if (strstr(rig.events[index], text) == NULL)
        fail_msg("no %s in %s", text, rig.events[index]);
}

/* --- what is computed --- */

static void an_input_is_that_of_the_sensor_beside_it(void **state)
{
    (void)state;
    open_with(worn, NULL);
    real("a", "mode", 0, 2);
    real("b", "mode", 0, 1);
    real("vb", "rms", 1, 9); /* b does not run */
    real("va", "rms", 2, 8);
    pass(3);
    assert_int_equal(rig.event_count, 1);
    signal_rig_is(&rig, 0, "t.worn.v1");
    says(0, "\"device\":\"g/n/a\"");
    says(0, "\"asset\":\"A-1\"");
    says(0, "\"series\":[\"g/n/a/mode\",\"g/n/va/rms\"]");
    says(0, "\"vibration\":{\"value\":\"8\",\"unit\":\"mm/s\"}");
    real("b", "mode", 4, 2);
    pass(5);
    assert_int_equal(rig.event_count, 2);
    says(1, "\"series\":[\"g/n/b/mode\",\"g/n/vb/rms\"]");
    real("va", "rms", 6, 3);
    pass(7);
    assert_int_equal(rig.event_count, 3);
    signal_rig_is(&rig, 2, "t.fine.v1");
    says(2, "\"device\":\"g/n/a\"");
    signal_rig_close(&rig);
}

/* The id is that of the signal's own device, as of any other signal. */
static void the_id_is_that_of_its_device(void **state)
{
    (void)state;
    open_with(worn, NULL);
    real("a", "mode", 0, 2);
    real("va", "rms", 0, 8);
    pass(1);
    says(0, "0450a729bd90d3fbcb5ab49139eac8ac ");
    signal_rig_close(&rig);
}

static void windows_take_samples_of_both(void **state)
{
    (void)state;
    open_with("signal: both\ndevices: [cnc]\nlateness: PT0S\n"
              "inputs: {load: {}, turns: {deviceType: sensor}}\nwindow: {tumbling: PT10S}\n"
              "values: {mean: {mean: load}, turned: {delta: turns}}\nevent: {type: t.both.v1}\n",
              "signal: own\ndevices: [sensor]\nlateness: PT5S\ninputs: {turns: {}}\n"
              "window: {tumbling: PT10S}\nvalues: {n: {count: turns}}\nevent: {type: t.own.v1}\n");
    real("va", "turns", 0, 90);
    real("a", "load", 1, 3);
    real("a", "load", 2, 4);
    real("va", "turns", 3, 15); /* over the end of the counter */
    signal_rig_move(&rig);
    real("va", "turns", 4, 16);
    pass(100);
    assert_int_equal(rig.event_count, 2);
    says(0, "\"mean\":{\"value\":\"3.5\"},\"turned\":{\"value\":\"26\"}");
    says(0, "\"sampleCount\":5");
    says(1, "\"n\":{\"value\":\"3\"}"); /* its own signal sees it, too */
    signal_rig_close(&rig);
}

static void a_death_makes_its_own_inputs_unknown(void **state)
{
    (void)state;
    open_with("signal: any\ndevices: [cnc]\nlateness: PT0S\n"
              "inputs: {load: {}, vibration: {metric: rms, deviceType: sensor}}\n"
              "alarm: {raised: t.r.v1, cleared: t.c.v1, raise: {any: [{value: load, above: 5}, "
              "{value: vibration, above: 7}]}}\n",
              NULL);
    real("a", "load", 0, 9);
    real("va", "rms", 0, 1);
    die("va", 1);
    pass(2);
    assert_int_equal(rig.event_count, 1); /* the load is still known */
    real("a", "load", 3, 1);
    pass(4);
    assert_int_equal(rig.event_count, 1); /* and the vibration is not: it may still be too high */
    real("va", "rms", 5, 1);
    pass(6);
    assert_int_equal(rig.event_count, 2);
    real("va", "rms", 7, 9);
    pass(8);
    assert_int_equal(rig.event_count, 3);
    die("a", 9);
    real("va", "rms", 10, 1);
    pass(11);
    assert_int_equal(rig.event_count, 3); /* now it is the load of which nothing is known */
    real("a", "load", 12, 1);
    pass(13);
    assert_int_equal(rig.event_count, 4);
    signal_rig_close(&rig);
}

/* --- what is bound --- */

static void what_has_no_sibling_is_told_and_not_computed(void **state)
{
    (void)state;
    open_with(worn, NULL);
    assert_int_equal(rig.diagnostics.count, 3);
    assert_false(gw_diagnostics_has_errors(&rig.diagnostics));
    assert_non_null(strstr(rig.diagnostics.findings[0].text, "g/n/c, which has no asset"));
    assert_non_null(strstr(rig.diagnostics.findings[1].text, "g/n/d: its asset D-1"));
    assert_string_equal(rig.diagnostics.findings[2].text,
                        "worn is not computed for g/z/a: its asset Z-1 has no sensor on the same "
                        "edge node for input vibration");
    assert_int_equal(rig.diagnostics.findings[2].line, 6);
    assert_int_equal(gw_signals_watched_series(rig.signals), 4);
    real("c", "mode", 0, 2);
    real("d", "mode", 0, 2);
    real("va", "rms", 0, 9);
    pass(10);
    assert_int_equal(rig.event_count, 0);
    signal_rig_close(&rig);
}

/* Of two signals of one type some devices have both. */
static void each_device_has_what_it_can(void **state)
{
    (void)state;
    open_with(worn, "signal: idle\ndevices: [cnc]\nlateness: PT0S\ninputs: {mode: {}}\n"
                    "alarm: {raised: t.idle.v1, raise: {value: mode, equals: 2}}\n");
    for (size_t i = 0; i < 4; i++) {
        const char name[] = {"abcd"[i], '\0'};
        real(name, "mode", 0, 2);
    }
    real("vb", "rms", 0, 9);
    signal_rig_move(&rig);
    pass(10);
    assert_int_equal(rig.event_count, 5);
    signal_rig_close(&rig);
}

static void many_without_one_are_summed_up(void **state)
{
    (void)state;
    char text[4000];
    size_t len = (size_t)snprintf(text, sizeof(text), TYPES);
    const char *documents[] = {worn, NULL};

    for (int i = 0; i < 8; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "  - {group: g, edge_node: n, device: x%d, type: cnc, equipment: "
                                "E, plant: '1010'}\n",
                                i);
    signal_rig_open(&rig, text, documents);
    assert_int_equal(rig.diagnostics.count, 6);
    assert_string_equal(rig.diagnostics.findings[5].text,
                        "worn is not computed for 3 more devices, for the same reason");
    signal_rig_close(&rig);
}

static void refused(const char *of, const char *document, const char *why)
{
    const char *told = signal_rig_refusal(of, document);

    if (told == NULL || strstr(told, why) == NULL)
        fail_msg("\"%s\" is not in: %s", why, told != NULL ? told : "(accepted)");
}

static void what_is_not_clear_is_refused(void **state)
{
    (void)state;
    refused(TYPES MACHINES DEVICE("n", "v1", "sensor", "A-1") DEVICE("n", "v2", "sensor", "A-1"),
            worn,
            "6: input vibration of g/n/a: the asset A-1 has two of the type sensor, g/n/v1 and "
            "g/n/v2");
    refused(TYPES MACHINES DEVICE("z", "va", "sensor", "A-1"), worn,
            "6: input vibration of g/n/a: g/z/va of the same asset is on another edge node");
    refused(registry,
            "signal: w\ndevices: [cnc]\ninputs: {v: {metric: rms, deviceType: senser}}\n"
            "alarm: {raised: t.r.v1, raise: {value: v, above: 1}}\n",
            "3: there is no device type \"senser\"");
    refused(registry,
            "signal: w\ndevices: [cnc]\ninputs: {v: {metric: rmz, deviceType: sensor}}\n"
            "alarm: {raised: t.r.v1, raise: {value: v, above: 1}}\n",
            "3: the device type sensor has no metric \"rmz\"; did you mean \"rms\"?");
    /* What is at the asset elsewhere does not matter where there is one here. */
    assert_null(signal_rig_refusal(TYPES MACHINES DEVICE("n", "va", "sensor", "A-1")
                                       DEVICE("n", "vb", "sensor", "B-1")
                                           DEVICE("z", "va", "sensor", "A-1"),
                                   worn));
}

/* Two of one type are each other's siblings. */
static void a_sibling_may_be_of_its_own_type(void **state)
{
    (void)state;
    const char *documents[] = {
        "signal: apart\ndevices: [cnc]\nlateness: PT0S\n"
        "inputs: {load: {}, other: {metric: load, deviceType: cnc}}\n"
        "alarm: {raised: t.r.v1, raise: {all: [{value: load, above: 5}, {value: other, below: "
        "2}]}}\n",
        NULL};

    signal_rig_open(&rig, TYPES DEVICE("n", "x", "cnc", "A-1") DEVICE("n", "y", "cnc", "A-1"),
                    documents);
    real("x", "load", 0, 9);
    real("y", "load", 0, 1);
    pass(1);
    assert_int_equal(rig.event_count, 1);
    says(0, "\"series\":[\"g/n/x/load\",\"g/n/y/load\"]");
    signal_rig_close(&rig);
}

/* --- going on --- */

/* Another sensor has counted something else. */
static void with_another_sibling_it_begins_anew(void **state)
{
    (void)state;
    static const char counted[] =
        "signal: turned\ndevices: [cnc]\nlateness: PT0S\n"
        "inputs: {turns: {deviceType: sensor}}\nwindow: {tumbling: PT10S}\n"
        "values: {turned: {delta: turns}}\nevent: {type: t.turned.v1}\n";
    const char *documents[] = {counted, NULL};
    struct gw_buf bytes;

    for (int round = 0; round < 2; round++) {
        open_with(counted, NULL);
        real("va", "turns", 0, 10);
        pass(1);
        gw_buf_init(&bytes, 1 << 20);
        assert_int_equal(
            gw_signal_engine_save(rig.engine, gw_registry_node(rig.registry, 0), &bytes), 0);
        signal_rig_close(&rig);
        const char *sensor = round == 0 ? "va" : "vx";
        signal_rig_open(&rig,
                        round == 0 ? registry
                                   : TYPES MACHINES DEVICE("z", "a", "cnc", "Z-1")
                                         DEVICE("n", "vx", "sensor", "A-1"),
                        documents);
        assert_int_equal(gw_signal_engine_load(rig.engine, gw_registry_node(rig.registry, 0),
                                               gw_buf_str(&bytes)),
                         0);
        gw_buf_finish(&bytes);
        real(sensor, "turns", 2, 30);
        pass(20);
        assert_int_equal(rig.event_count, 1);
        says(0, round == 0 ? "\"turned\":{\"value\":\"20\"" : "\"turned\":{\"value\":\"0\"");
        signal_rig_close(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_input_is_that_of_the_sensor_beside_it),
        cmocka_unit_test(the_id_is_that_of_its_device),
        cmocka_unit_test(windows_take_samples_of_both),
        cmocka_unit_test(a_death_makes_its_own_inputs_unknown),
        cmocka_unit_test(what_has_no_sibling_is_told_and_not_computed),
        cmocka_unit_test(each_device_has_what_it_can),
        cmocka_unit_test(many_without_one_are_summed_up),
        cmocka_unit_test(what_is_not_clear_is_refused),
        cmocka_unit_test(a_sibling_may_be_of_its_own_type),
        cmocka_unit_test(with_another_sibling_it_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
