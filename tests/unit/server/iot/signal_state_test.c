/* A node's state goes on under another registry and with other signals: what waits in queues is
 * found again by name, what nobody looks at any more is passed over. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "tests/unit/support/signal_rig.h"

#define START INT64_C(1763886600000)
#define MINUTE 60000

#define DEVICE(name)                                                                        \
    "  - {group: g, edge_node: n, device: " name ", type: m, equipment: E" name ", plant: " \
    "'1010'}\n"

static const char before[] = "types:\n  m:\n    metrics:\n"
                             "      alpha: {source: A}\n      beta: {source: B}\n"
                             "devices:\n" DEVICE("d1") DEVICE("d2") DEVICE("d3");
/* The metrics have other numbers, and so has d3; d2 is gone. */
static const char after[] = "types:\n  m:\n    metrics:\n"
                            "      new: {source: '0'}\n      beta: {source: B}\n"
                            "      alpha: {source: C}\n"
                            "devices:\n" DEVICE("d0") DEVICE("d1") DEVICE("d3");

static const char of_alpha[] = "signal: of-alpha\ndevices: [m]\ninputs: {alpha: {}}\n"
                               "lateness: PT10S\nwindow: {tumbling: PT1M}\n"
                               "values: {v: {sum: alpha}}\nevent: {type: test.alpha.v1}\n";
static const char of_beta[] = "signal: of-beta\ndevices: [m]\ninputs: {beta: {}}\n"
                              "lateness: PT10S\nwindow: {tumbling: PT1M}\n"
                              "values: {v: {sum: beta}}\nevent: {type: test.beta.v1}\n";

static void save(struct signal_rig *rig, struct gw_buf *bytes)
{
    gw_buf_init(bytes, 1 << 20);
    assert_int_equal(gw_signal_engine_save(rig->engine, gw_registry_node(rig->registry, 0), bytes),
                     0);
}

static void load(struct signal_rig *rig, struct gw_buf *bytes)
{
    assert_int_equal(
        gw_signal_engine_load(rig->engine, gw_registry_node(rig->registry, 0), gw_buf_str(bytes)),
        0);
}

static void what_waits_is_found_again_by_name(void **state)
{
    (void)state;
    static struct signal_rig rig;
    const char *const both[] = {of_alpha, of_beta, NULL}, *const one[] = {of_beta, NULL};
    struct gw_buf bytes;

    signal_rig_open(&rig, before, both);
    for (int i = 1; i <= 3; i++) {
        char device[] = "d0";
        device[1] = (char)('0' + i);
        signal_rig_real(&rig, signal_rig_series(&rig, device, "alpha"), START + 1000, 100 * i);
        signal_rig_real(&rig, signal_rig_series(&rig, device, "beta"), START + 1000,
                        i + 0.1); /* no float */
    }
    gw_signal_engine_state(rig.engine, gw_registry_device(rig.registry, 2), false, START + 2000);
    save(&rig, &bytes);
    signal_rig_close(&rig);

    signal_rig_open(&rig, after, one);
    load(&rig, &bytes);
    signal_rig_real(&rig, signal_rig_series(&rig, "d1", "beta"), START + 3000, 0.5);
    signal_rig_advance(&rig, START + 2 * MINUTE);
    char *said = signal_rig_said(&rig);
    assert_int_equal(rig.event_count, 2);
    assert_non_null(strstr(said, "{\"v\":{\"value\":\"1.6\"}}"));
    assert_non_null(strstr(said, "{\"v\":{\"value\":\"3.1\"}}"));
    assert_int_equal(rig.late_count, 0);
    free(said);
    gw_buf_finish(&bytes);
    signal_rig_close(&rig);
}

/* The lane is there still, for another metric. */
static void what_nobody_looks_at_is_passed_over(void **state)
{
    (void)state;
    static struct signal_rig rig;
    const char *const first[] = {of_alpha, NULL}, *const then[] = {of_beta, NULL};
    struct gw_buf bytes;

    signal_rig_open(&rig, before, first);
    signal_rig_real(&rig, signal_rig_series(&rig, "d3", "alpha"), START + 1000, 7);
    save(&rig, &bytes);
    signal_rig_close(&rig);

    signal_rig_open(&rig, before, then);
    load(&rig, &bytes);
    signal_rig_advance(&rig, START + 2 * MINUTE);
    assert_int_equal(rig.event_count, 0);
    gw_buf_finish(&bytes);
    signal_rig_close(&rig);
}

/* A sum of two scales would be none. */
static void another_scale_begins_anew(void **state)
{
    (void)state;
    static const char scaled[] = "types:\n  m:\n    metrics:\n"
                                 "      alpha: {source: A, factor: 10}\n      beta: {source: B}\n"
                                 "devices:\n" DEVICE("d1");
    static struct signal_rig rig;
    const char *const both[] = {of_alpha, of_beta, NULL};
    struct gw_buf bytes;

    signal_rig_open(&rig, before, both);
    signal_rig_real(&rig, signal_rig_series(&rig, "d1", "alpha"), START + 1000, 7);
    signal_rig_real(&rig, signal_rig_series(&rig, "d1", "beta"), START + 1000, 7);
    signal_rig_advance(&rig, START + 2000); /* both windows have taken it */
    save(&rig, &bytes);
    signal_rig_close(&rig);

    signal_rig_open(&rig, scaled, both);
    load(&rig, &bytes);
    signal_rig_real(&rig, signal_rig_series(&rig, "d1", "alpha"), START + 3000, 90);
    signal_rig_real(&rig, signal_rig_series(&rig, "d1", "beta"), START + 3000, 9);
    signal_rig_advance(&rig, START + 2 * MINUTE);
    char *said = signal_rig_said(&rig);
    assert_int_equal(rig.event_count, 2);
    assert_non_null(strstr(said, "{\"v\":{\"value\":\"90\"}}"));
    assert_non_null(strstr(said, "{\"v\":{\"value\":\"16\"}}"));
    free(said);
    gw_buf_finish(&bytes);
    signal_rig_close(&rig);
}

static void cut_bytes_are_refused(void **state)
{
    (void)state;
    static struct signal_rig rig;
    const char *const both[] = {of_alpha, of_beta, NULL};
    struct gw_buf bytes;

    signal_rig_open(&rig, before, both);
    signal_rig_real(&rig, signal_rig_series(&rig, "d2", "alpha"), START + 1000, 7);
    signal_rig_real(&rig, signal_rig_series(&rig, "d3", "beta"), START + 1500, 7);
    save(&rig, &bytes);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(gw_signal_engine_load(rig.engine, gw_registry_node(rig.registry, 0),
                                               gw_str_from(bytes.ptr, len)),
                         -EINVAL);
    load(&rig, &bytes);
    gw_buf_finish(&bytes);
    signal_rig_close(&rig);
}

/* Windows that end at once are told in the same order, whether the state was moved before or not.
 */
static void a_move_changes_no_order(void **state)
{
    (void)state;
    static struct signal_rig rig;
    const char *const both[] = {of_alpha, of_beta, NULL};
    char *told[2] = {NULL, NULL};

    for (int round = 0; round < 2; round++) {
        struct gw_buf text;
        gw_buf_init(&text, 1 << 20);
        signal_rig_open(&rig, before, both);
        for (int i = 3; i >= 1; i--) {
            char device[] = "d0";
            device[1] = (char)('0' + i);
            signal_rig_real(&rig, signal_rig_series(&rig, device, "beta"), START + 1000, 1);
            signal_rig_real(&rig, signal_rig_series(&rig, device, "alpha"), START + 4000 - i, 1);
        }
        signal_rig_advance(&rig, START + 5000);
        if (round == 1)
            signal_rig_move(&rig);
        signal_rig_advance(&rig, START + 2 * MINUTE);
        assert_int_equal(rig.event_count, 6);
        for (size_t i = 0; i < rig.event_count; i++)
            gw_buf_printf(&text, "%s\n", rig.events[i]);
        told[round] = gw_str_duplicate(gw_buf_str(&text));
        gw_buf_finish(&text);
        signal_rig_close(&rig);
    }
    assert_string_equal(told[0], told[1]);
    free(told[0]);
    free(told[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_found_again_by_name),
        cmocka_unit_test(what_nobody_looks_at_is_passed_over),
        cmocka_unit_test(another_scale_begins_anew),
        cmocka_unit_test(cut_bytes_are_refused),
        cmocka_unit_test(a_move_changes_no_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
