/* Windows and their functions, and what is filtered out before. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/signal_plant.h"

/* --- windows ---------------------------------------------------------------------------------- */

#define ALL_FUNCTIONS                                                                          \
    "values:\n"                                                                                \
    "  n: {count: temperature}\n  least: {min: temperature}\n  most: {max: temperature}\n"     \
    "  mean: {mean: temperature}\n  total: {sum: temperature}\n  a: {first: temperature}\n"    \
    "  z: {last: temperature}\n  dev: {stddev: temperature}\n"                                 \
    "  slope: {trend: temperature, per: PT1M}\n"                                               \
    "  p50: {percentile: temperature, percent: 50, from: 0, to: 128}\n"                        \
    "  twice: {add: [total, total]}\n  none: {subtract: [n, n]}\n  nan: {divide: [n, none]}\n" \
    "  hidden: {max: temperature, tell: false}\n"

static void a_tumbling_window_says_what_it_held(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {}}\n"
                    "window: {tumbling: PT1M}\n" ALL_FUNCTIONS "event: {type: t.w.v1}\n");
    plant_real(plant_series.temperature, 0, 2);
    plant_real(plant_series.temperature, 10, 4);
    plant_real(plant_series.temperature, 20, 4);
    plant_real(plant_series.temperature, 30, 6);
    plant_has_told(0);
    plant_real(plant_series.temperature, 60, 100); /* the end is not in it */
    plant_has_told(1);
    signal_rig_is(plant_rig, 0, "t.w.v1");
    plant_says(0, "from", "2025-11-23T08:30:00.000Z");
    plant_says(0, "to", "2025-11-23T08:31:00.000Z");
    plant_says(0, "lineage/from", "2025-11-23T08:30:00.000Z");
    plant_says(0, "lineage/to", "2025-11-23T08:30:30.000Z");
    plant_says(0, "sampleCount", "4");
    plant_says(0, "plant", "1010");
    plant_says(0, "equipment", "A");
    plant_says(0, "asset", "A-1");
    plant_says(0, "device", "g/n/a");
    plant_has_value(0, "n", "4");
    plant_has_value(0, "least", "2");
    plant_has_value(0, "most", "6");
    plant_has_value(0, "mean", "4");
    plant_has_value(0, "total", "16");
    plant_has_value(0, "a", "2");
    plant_has_value(0, "z", "6");
    plant_has_value(0, "dev", "1.632993"); /* sqrt(8 / 3) */
    plant_has_value(0, "slope", "7.2");    /* 0.12 a second */
    plant_has_value(0, "p50", "4.5");      /* bins of 1: the middle of [4, 5) */
    plant_has_value(0, "twice", "32");
    plant_has_value(0, "none", "0");
    plant_has_value(0, "nan", NULL);
    plant_has_value(0, "hidden", NULL);
    plant_says(0, "values/mean/unit", "Cel");
    plant_says(0, "values/n/unit", NULL);
    plant_done();
}

static void a_counter_rolls_over_and_is_set_back(void **state)
{
    (void)state;
    plant_open_with(
        "signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {good: {}, energy: {}}\n"
        "window: {tumbling: PT1M}\nvalues: {made: {delta: good}, speed: {rate: good, per: "
        "PT1H}, used: {delta: energy}}\nevent: {type: t.w.v1}\n");
    plant_real(plant_series.good, 0, 65000);
    plant_real(plant_series.good, 10, 65530);
    plant_real(plant_series.good, 20, 4); /* 10 further on */
    plant_pass(60);
    plant_has_value(0, "made", "540");
    plant_has_value(0, "speed", "32400");
    plant_has_value(0, "used", NULL);
    plant_real(plant_series.good, 70, 10); /* 6, over the window's edge */
    plant_real(plant_series.good, 80, 30000);
    plant_real(plant_series.good, 90, 7); /* far back: a new counter that has come to 7 */
    plant_real(plant_series.energy, 90, 105);
    plant_real(plant_series.energy, 95, 6); /* its zero is 5 */
    plant_pass(120);
    plant_has_value(1, "made", "30003");
    plant_has_value(1, "used", "1");
    plant_done();
}

static void a_sliding_window_looks_back(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {}}\n"
                    "window: {sliding: PT30S, every: PT10S}\n" ALL_FUNCTIONS
                    "event: {type: t.w.v1}\n");
    plant_real(plant_series.temperature, 1, 10);
    plant_real(plant_series.temperature, 12, 20);
    plant_real(plant_series.temperature, 25, 60);
    plant_pass(100);
    plant_has_told(5); /* ending at 10, 20, 30, 40, 50 */
    static const char *const means[] = {"10", "15", "30", "40", "60"};
    static const char *const counts[] = {"1", "2", "3", "2", "1"};
    for (size_t i = 0; i < 5; i++) {
        plant_has_value(i, "mean", means[i]);
        plant_has_value(i, "n", counts[i]);
    }
    plant_says(2, "from", "2025-11-23T08:30:00.000Z");
    plant_says(2, "to", "2025-11-23T08:30:30.000Z");
    plant_has_value(2, "dev", "26.457513");
    plant_has_value(2, "a", "10");
    plant_has_value(2, "z", "60");
    plant_has_value(2, "slope", "126.789838");
    plant_real(plant_series.temperature, 205, 1); /* begins anew, without what was long ago */
    plant_pass(210);
    plant_has_value(5, "n", "1");
    plant_done();
}

static void sessions_end_with_silence(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {good: {}}\n"
                    "window: {session: PT10S, max: PT30S}\nvalues: {n: {count: good}}\n"
                    "event: {type: t.w.v1}\n");
    for (int64_t at = 3; at <= 12; at += 3)
        plant_real(plant_series.good, at, 1);
    plant_real(plant_series.good, 22, 1); /* ten seconds later: another one */
    plant_pass(40);
    plant_has_told(2);
    plant_says(0, "from", "2025-11-23T08:30:03.000Z");
    plant_says(0, "to", "2025-11-23T08:30:12.000Z");
    plant_has_value(0, "n", "4");
    plant_has_value(1, "n", "1");
    for (int64_t at = 100; at < 160; at += 5)
        plant_real(plant_series.good, at, 1);
    plant_pass(200);
    plant_has_told(4); /* cut at 30 s */
    plant_has_value(2, "n", "6");
    plant_has_value(3, "n", "6");
    plant_done();
}

static void windows_of_counts_and_amounts_end_when_they_are_full(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {good: {}}\n"
                    "window: {amount: 25, max: PT1M}\nvalues: {made: {delta: good}}\n"
                    "event: {type: t.w.v1, when: {value: made, above: 0}}\n");
    plant_real(plant_series.good, 0, 100);
    plant_real(plant_series.good, 1, 120);
    plant_real(plant_series.good, 2, 126);
    plant_real(plant_series.good, 3, 130);
    plant_pass(4);
    plant_has_told(1);
    plant_has_value(0, "made", "26");
    plant_says(0, "to", "2025-11-23T08:30:02.000Z");
    plant_pass(70);
    plant_has_told(2); /* after a minute at the latest */
    plant_has_value(1, "made", "4");
    plant_real(plant_series.good, 80, 130);
    plant_pass(150);
    plant_has_told(2); /* nothing made */
    plant_done();

    plant_open_with(
        "signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {good: {}, temperature: {}}\n"
        "window: {count: 3, of: good}\nvalues: {n: {count: good}, t: {count: temperature}}\n"
        "event: {type: t.w.v1}\n");
    for (int64_t at = 0; at < 7; at++)
        plant_real(at % 2 == 0 ? plant_series.good : plant_series.temperature, at, 1);
    plant_pass(8);
    plant_has_told(1);
    plant_has_value(0, "n", "3");
    plant_has_value(0, "t", "2");
    plant_done();
}

static void time_in_a_state_is_counted(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {mode: {maxAge: PT3M}}\n"
                    "window: {tumbling: PT1M}\n"
                    "values: {cut: {duration: mode, states: [cut, drill], unit: SEC}}\n"
                    "event: {type: t.w.v1}\n");
    plant_text(plant_series.mode, 10, "cut");
    plant_text(plant_series.mode, 20, "drill");
    plant_text(plant_series.mode, 25, "rest");
    plant_text(plant_series.mode, 45, "cut");
    plant_pass(60);
    plant_has_value(0, "cut", "30");
    plant_says(0, "values/cut/unit", "SEC");
    plant_pass(180); /* nothing new: it goes on by itself */
    plant_has_told(3);
    plant_has_value(1, "cut", "60");
    plant_says(1, "sampleCount", "0");
    const struct gw_device_config *device = gw_registry_device(plant_rig->registry, 0);
    gw_signal_engine_state(plant_rig->engine, device, false, T0 + 200 * S);
    plant_pass(400);
    plant_has_value(3, "cut", "20");
    plant_has_told(4); /* a dead device is in no state */
    plant_text(plant_series.mode, 410, "cut");
    plant_pass(10000);
    plant_has_told(8); /* 410 to 590, by its age */
    plant_has_value(4, "cut", "10");
    plant_has_value(7, "cut", "50");
    plant_done();
}

/* Of a session it is time from its first sample to its last one: neither the silence behind it nor
 * what was too little to count is part of it. */
static void time_in_a_state_ends_with_its_session(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\n"
                    "inputs: {mode: {}, temperature: {deadband: 2}}\nwindow: {session: PT10S}\n"
                    "values: {cut: {duration: mode, states: cut}, "
                    "ten: {duration: temperature, states: 10}}\nevent: {type: t.w.v1}\n");
    plant_text(plant_series.mode, 0, "cut");
    plant_real(plant_series.temperature, 1, 10);
    plant_real(plant_series.temperature, 4, 11); /* the same, as far as is to be seen */
    plant_text(plant_series.mode, 6, "rest");
    plant_text(plant_series.mode, 8, "cut");
    plant_real(plant_series.temperature, 9, 11);
    plant_bad(plant_series.temperature, 11);
    plant_pass(30);
    plant_has_told(1);
    plant_says(0, "to", "2025-11-23T08:30:08.000Z");
    plant_has_value(0, "cut", "6");
    plant_has_value(0, "ten", "7");
    plant_done();
}

/* Of what was long ago the window still holds a part. */
static void time_in_a_state_slides_out(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {mode: {maxAge: PT50S}}\n"
                    "window: {sliding: PT1M, every: PT20S}\n"
                    "values: {cut: {duration: mode, states: cut}}\nevent: {type: t.w.v1}\n");
    plant_text(plant_series.mode, 0, "cut");
    plant_pass(1000);
    plant_has_told(5);
    plant_has_value(0, "cut", "20");
    plant_has_value(1, "cut", "40");
    plant_has_value(2, "cut", "50");
    plant_has_value(3, "cut", "30");
    plant_has_value(4, "cut", "10"); /* 40 to 50 of 40 to 100 */
    plant_done();
}

static void a_day_begins_at_midnight_utc(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {good: {}}\n"
                    "window: {tumbling: P1D}\nvalues: {n: {count: good}}\nevent: {type: t.w.v1}\n");
    plant_real(plant_series.good, 0, 1);
    plant_real(plant_series.good, 15 * 3600 + 1799, 2); /* 23:59:59 */
    plant_real(plant_series.good, 15 * 3600 + 1800, 3); /* 00:00 */
    plant_pass(3 * 86400);
    plant_has_told(2);
    plant_says(0, "from", "2025-11-23T00:00:00.000Z");
    plant_says(0, "to", "2025-11-24T00:00:00.000Z");
    plant_has_value(0, "n", "2");
    plant_says(1, "to", "2025-11-25T00:00:00.000Z");
    plant_done();
}

/* Up to 2^53 all digits count. */
static void large_numbers_keep_their_digits(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {}}\n"
                    "window: {sliding: PT40S, every: PT10S}\nvalues:\n"
                    "  d: {delta: temperature}\n  slope: {trend: temperature, per: PT1S}\n"
                    "  dev: {stddev: temperature}\n  last: {last: temperature}\n"
                    "event: {type: t.w.v1}\n");
    for (int64_t at = 0; at < 40; at++)
        plant_real(plant_series.temperature, at, 9007199254740992.0 - 100 + (double)at);
    plant_pass(40);
    plant_has_told(4);
    plant_has_value(0, "slope", "1");
    plant_has_value(3, "d", "39");
    plant_has_value(3, "slope", "1");
    plant_has_value(3, "dev", "11.690452");
    plant_has_value(3, "last", "9007199254740931");
    plant_done();
}

/* The nearest rank, also where 7 / 100 * 100 is a little more than 7. */
static void percentiles_are_of_the_nearest_rank(void **state)
{
    (void)state;
    plant_open_with("signal: w\ndevices: [cnc]\nlateness: PT0S\ninputs: {temperature: {}}\n"
                    "window: {count: 100}\nvalues:\n"
                    "  p7: {percentile: temperature, percent: 7, from: 0, to: 128}\n"
                    "  p99: {percentile: temperature, percent: 99.5, from: 0, to: 128}\n"
                    "event: {type: t.w.v1}\n");
    for (int64_t at = 1; at <= 100; at++)
        plant_real(plant_series.temperature, at, (double)at + 0.5);
    plant_pass(101);
    plant_has_value(0, "p7", "7.5");
    plant_has_value(0, "p99", "100.5");
    plant_done();
}

/* --- filters ---------------------------------------------------------------------------------- */

static void filters_hold_back_what_is_none(void **state)
{
    (void)state;
    plant_open_with(
        "signal: w\ndevices: [cnc]\nlateness: PT0S\n"
        "inputs: {temperature: {deadband: 1}, door: {debounce: PT3S}, energy: {quality: any}}\n"
        "window: {tumbling: PT1M}\nvalues: {t: {count: temperature}, d: {sum: door}, e: "
        "{count: energy}, n: {count: door}}\nevent: {type: t.w.v1}\n");
    plant_real(plant_series.temperature, 0, 10);
    plant_real(plant_series.temperature, 1, 10.9);
    plant_real(plant_series.temperature, 2, 11);
    plant_bad(plant_series.temperature, 3);
    plant_real(plant_series.temperature, 4, 11.5); /* known again, whatever it is */
    plant_bad(plant_series.energy, 5);
    plant_real(plant_series.door, 6, 0);
    plant_real(plant_series.door, 10, 1); /* for two seconds only */
    plant_real(plant_series.door, 12, 0);
    plant_real(plant_series.door, 20, 1);
    plant_pass(60);
    plant_has_value(0, "t", "3");
    plant_has_value(0, "e", "1");
    plant_has_value(0, "d", "1");
    plant_has_value(0, "n", "3"); /* 6, 12, and the one of 20 at 23 */
    plant_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tumbling_window_says_what_it_held),
        cmocka_unit_test(a_counter_rolls_over_and_is_set_back),
        cmocka_unit_test(a_sliding_window_looks_back),
        cmocka_unit_test(sessions_end_with_silence),
        cmocka_unit_test(windows_of_counts_and_amounts_end_when_they_are_full),
        cmocka_unit_test(time_in_a_state_is_counted),
        cmocka_unit_test(time_in_a_state_ends_with_its_session),
        cmocka_unit_test(time_in_a_state_slides_out),
        cmocka_unit_test(a_day_begins_at_midnight_utc),
        cmocka_unit_test(large_numbers_keep_their_digits),
        cmocka_unit_test(percentiles_are_of_the_nearest_rank),
        cmocka_unit_test(filters_hold_back_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
