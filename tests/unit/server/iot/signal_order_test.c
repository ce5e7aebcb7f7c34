/* The same samples give the same events with the same ids, however they come: in order or out of it
 * within the lateness, in whatever batches, twice, and over a move to another engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/signal_rig.h"

#define START INT64_C(1763886600000)
#define LATENESS_MS 5000
#define SAMPLES 4000
#define ROUNDS 40

static const char registry[] =
    "types:\n"
    "  cnc:\n"
    "    metrics:\n"
    "      machineState: {source: S}\n"
    "      goodCount: {source: G, rollover: 1000}\n"
    "      vibration: {source: V, unit: mm/s}\n"
    "      mode: {source: M}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: cnc, equipment: A, plant: '1010'}\n"
    "  - {group: g, edge_node: n, device: b, type: cnc, equipment: B, plant: '1010'}\n";

static const char *const documents[] = {
    "signal: down\ndevices: [cnc]\ninputs: {machineState: {debounce: PT2S}}\n"
    "alarm: {raised: a.down.v1, cleared: a.up.v1, raise: {value: machineState, equals: 3, for: "
    "PT4S},\n  clear: {value: machineState, equals: [1, 2], for: PT3S}}\n",
    "signal: all\ndevices: [cnc]\ninputs: {vibration: {deadband: 0.2}, goodCount: {}, "
    "machineState: "
    "{}}\n"
    "window: {tumbling: PT10S}\n"
    "values:\n"
    "  n: {count: vibration}\n  least: {min: vibration}\n  most: {max: vibration}\n"
    "  mean: {mean: vibration}\n  total: {sum: vibration}\n  a: {first: vibration}\n"
    "  z: {last: vibration}\n  made: {delta: goodCount}\n  speed: {rate: goodCount, per: PT1M}\n"
    "  p: {percentile: vibration, percent: 90, from: 0, to: 20}\n  dev: {stddev: vibration}\n"
    "  ran: {duration: machineState, states: [2]}\n  slope: {trend: vibration}\n"
    "  both: {add: [n, made]}\n  share: {divide: [made, both]}\nevent: {type: a.all.v1}\n",
    "signal: slide\ndevices: [cnc]\nlateness: PT8S\ninputs: {vibration: {}}\n"
    "window: {sliding: PT30S, every: PT5S}\n"
    "values:\n  mean: {mean: vibration}\n  dev: {stddev: vibration}\n  slope: {trend: vibration}\n"
    "alarm: {raised: a.high.v1, cleared: a.low.v1, raise: {value: mean, above: 11, clearBelow: 9, "
    "for: PT5S}}\nevent: {type: a.slide.v1}\n",
    "signal: session\ndevices: [cnc]\ninputs: {mode: {}}\nwindow: {session: PT4S}\n"
    "values: {n: {count: mode}, cut: {duration: mode, states: [cut, drill]}}\n"
    "event: {type: a.session.v1}\n",
    "signal: pieces\ndevices: [cnc]\ninputs: {goodCount: {}}\nwindow: {amount: 40, max: PT10M}\n"
    "values: {made: {delta: goodCount}}\nevent: {type: a.pieces.v1}\n",
    "signal: each\ndevices: [cnc]\ninputs: {vibration: {}}\nwindow: {count: 25}\n"
    "values: {mean: {mean: vibration}}\nevent: {type: a.each.v1}\n",
    NULL};

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Both machines in turns; times do not repeat within a series. */
static void make_samples(const struct signal_rig *rig, struct gw_sample *samples)
{
    static const char *const modes[] = {"cut", "drill", "rest"};
    int64_t time_ms = START;
    double good[2] = {0, 990};

    for (size_t i = 0; i < SAMPLES; i++) {
        uint32_t machine = draw(2), kind = draw(8);
        const char *device = machine == 0 ? "a" : "b";
        struct gw_sample sample = {.type = GW_SAMPLE_REAL, .time_ms = time_ms += 1 + draw(300)};
        if (kind < 4) {
            sample.series = signal_rig_series(rig, device, "vibration");
            sample.real = 7 + (int)(i / 500 % 2) * 5 + draw(400) / 100.0;
            sample.quality = draw(40) == 0 ? GW_QUALITY_BAD : GW_QUALITY_GOOD;
        } else if (kind < 6) {
            good[machine] += draw(4);
            good[machine] = good[machine] >= 1000 ? good[machine] - 1000 : good[machine];
            sample.series = signal_rig_series(rig, device, "goodCount");
            sample.real = draw(200) == 0 ? (good[machine] = 0) : good[machine];
        } else if (kind == 6) {
            sample.series = signal_rig_series(rig, device, "machineState");
            sample.type = GW_SAMPLE_INTEGER;
            sample.integer = i / 300 % 3 == 0 ? 3 : 1 + draw(2);
        } else {
            sample.series = signal_rig_series(rig, device, "mode");
            sample.type = GW_SAMPLE_TEXT;
            sample.text = gw_str_of(modes[draw(3)]);
        }
        samples[i] = sample;
    }
}

/* Each is put at most so far back that all before it, in time, are within the lateness. */
static void shuffle(struct gw_sample *samples)
{
    int64_t arrival[SAMPLES];

    for (size_t i = 0; i < SAMPLES; i++)
        arrival[i] = samples[i].time_ms + draw(LATENESS_MS);
    for (size_t i = 1; i < SAMPLES; i++) { /* insertion: nearly in order */
        struct gw_sample sample = samples[i];
        int64_t at = arrival[i];
        size_t k = i;
        for (; k > 0 && arrival[k - 1] > at; k--) {
            samples[k] = samples[k - 1];
            arrival[k] = arrival[k - 1];
        }
        samples[k] = sample;
        arrival[k] = at;
    }
}

enum { SHUFFLE = 1, BATCH = 2, MOVE = 4, REPEAT = 8 };

static char *run(struct signal_rig *rig, const struct gw_sample *samples, unsigned how)
{
    struct gw_sample *sent = calloc(SAMPLES, sizeof(*sent));
    size_t at = 0, moves = 0;

    assert_non_null(sent);
    memcpy(sent, samples, SAMPLES * sizeof(*sent));
    if ((how & SHUFFLE) != 0)
        shuffle(sent);
    signal_rig_restart(rig);
    while (at < SAMPLES) {
        size_t count = (how & BATCH) != 0 ? 1 + draw(120) : 1;
        count = count < SAMPLES - at ? count : SAMPLES - at;
        signal_rig_feed(rig, sent + at, count);
        if ((how & REPEAT) != 0 && draw(10) == 0)
            signal_rig_feed(rig, sent + at, count); /* as a broker may */
        at += count;
        if ((how & MOVE) != 0 && draw(200) < count && moves++ < 30)
            signal_rig_move(rig);
    }
    signal_rig_advance(rig, START + INT64_C(7200000));
    free(sent);
    return signal_rig_said(rig);
}

static void the_order_of_arrival_changes_nothing(void **state)
{
    (void)state;
    struct signal_rig *rig = calloc(1, sizeof(*rig));
    struct gw_sample *samples = calloc(SAMPLES, sizeof(*samples));

    assert_non_null(rig);
    assert_non_null(samples);
    signal_rig_open(rig, registry, documents);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        seed = 4711 + round / 16;
        make_samples(rig, samples);
        char *expected = run(rig, samples, 0);
        assert_true(rig->event_count > 300);
        assert_int_equal(rig->late_count, 0);
        seed = round;
        char *said = run(rig, samples, round % 16);
        if (strcmp(expected, said) != 0) {
            size_t i = 0;
            while (expected[i] == said[i])
                i++;
            while (i > 0 && expected[i - 1] != '\n')
                i--;
            fail_msg("round %u differs:\n%.900s\n%.900s", round, expected + i, said + i);
        }
        free(expected);
        free(said);
    }
    signal_rig_close(rig);
    free(samples);
    free(rig);
}

static size_t count_of(const struct signal_rig *rig, const char *type)
{
    size_t count = 0;

    for (size_t i = 0; i < rig->event_count; i++)
        count += strstr(rig->events[i], type) != NULL;
    return count;
}

/* So that the test above is about something. */
static void all_kinds_of_events_come(void **state)
{
    (void)state;
    static const char *const types[] = {" a.down.v1 ",   " a.up.v1 ",      " a.all.v1 ",
                                        " a.slide.v1 ",  " a.high.v1 ",    " a.low.v1 ",
                                        " a.pieces.v1 ", " a.session.v1 ", " a.each.v1 "};
    struct signal_rig *rig = calloc(1, sizeof(*rig));
    struct gw_sample *samples = calloc(SAMPLES, sizeof(*samples));

    assert_non_null(rig);
    assert_non_null(samples);
    signal_rig_open(rig, registry, documents);
    seed = 4711;
    make_samples(rig, samples);
    free(run(rig, samples, 0));
    for (size_t i = 0; i < GW_COUNT_OF(types); i++)
        if (count_of(rig, types[i]) < 2)
            fail_msg("%s came %zu times", types[i], count_of(rig, types[i]));
    signal_rig_close(rig);
    free(samples);
    free(rig);
}

static void ids_are_of_what_caused_them(void **state)
{
    (void)state;
    struct signal_rig *rig = calloc(1, sizeof(*rig));
    struct gw_sample *samples = calloc(SAMPLES, sizeof(*samples));

    assert_non_null(rig);
    assert_non_null(samples);
    signal_rig_open(rig, registry, documents);
    seed = 1;
    make_samples(rig, samples);
    char *said = run(rig, samples, 0), *line = said;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        assert_true(end[1] == '\0' || strncmp(line, end + 1, 32) != 0); /* sorted: no two alike */
    free(said);
    signal_rig_close(rig);
    free(samples);
    free(rig);
}

/* What comes later than the lateness allows is counted, and changes nothing. */
static void what_is_too_late_is_told(void **state)
{
    (void)state;
    struct signal_rig *rig = calloc(1, sizeof(*rig));
    assert_non_null(rig);
    signal_rig_open(rig, registry, documents);
    uint32_t series = signal_rig_series(rig, "a", "machineState");

    signal_rig_real(rig, series, START, 1);
    signal_rig_real(rig, series, START + 20000, 1);
    signal_rig_real(rig, series, START + 20000 - LATENESS_MS, 1);
    assert_int_equal(rig->late_count, 0);
    signal_rig_real(rig, series, START + 20000 - LATENESS_MS - 1, 3);
    assert_int_equal(rig->late_count, 1);
    signal_rig_real(rig, series, 0, 3);
    signal_rig_real(rig, series, INT64_MAX, 3);
    signal_rig_real(rig, series, -5, 3);
    assert_int_equal(rig->late_count, 4);
    signal_rig_close(rig);
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_arrival_changes_nothing),
        cmocka_unit_test(all_kinds_of_events_come),
        cmocka_unit_test(ids_are_of_what_caused_them),
        cmocka_unit_test(what_is_too_late_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
