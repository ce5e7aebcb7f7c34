/* What a lane keeps for readers, against a real Redis: last values, states, histories, and that
 * another's node is left alone. */
#include "server/iot/values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/core/diagnostic.h"
#include "tests/unit/support/redis_rig.h"

#define HISTORY 10
#define NODE "millgate:iot:{g/n}:"

static struct redis_rig rig;
static struct gw_registry *registry;
static struct gw_iot_values *values;

static const char registry_text[] =
    "types:\n"
    "  cnc: {metrics: {a: {source: a}, b: {source: b}, c: {source: c, keep: false}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: d, type: cnc, equipment: D, plant: p}\n"
    "  - {group: g, edge_node: n, type: cnc, equipment: N, plant: p}\n";

static struct gw_registry *load_registry(const char *text, size_t len)
{
    char path[] = "/tmp/values-XXXXXX";
    struct gw_diagnostics diagnostics;
    struct gw_registry *loaded = NULL;
    struct gw_str name = gw_str_of(path);
    int fd = mkstemp(path);

    gw_diagnostics_init(&diagnostics);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    assert_int_equal(gw_registry_load(&name, 1, &diagnostics, &loaded), 0);
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    return loaded;
}

static void make_values(void)
{
    const struct gw_iot_values_config config = {rig.loop, rig.redis, registry, GW_STR("me"),
                                                HISTORY};

    values = gw_iot_values_create(&config);
    assert_non_null(values);
}

/* What is left is sent when it goes. */
static void write_out(void)
{
    gw_iot_values_destroy(values);
    make_values();
}

static void expect(const char *command, const char *answer)
{
    struct redis_outcome outcome = {0};

    redis_rig_ask(&rig, command, &outcome);
    assert_int_equal(outcome.rc, 0);
    assert_string_equal(outcome.type == GW_REPLY_NIL ? "nil" : outcome.text, answer);
}

static int64_t count(const char *command)
{
    struct redis_outcome outcome = {0};

    redis_rig_ask(&rig, command, &outcome);
    assert_int_equal(outcome.type, GW_REPLY_INTEGER);
    return outcome.integer;
}

static const struct gw_device_config *device(void)
{
    const struct gw_device_config *found = gw_registry_find_id(registry, GW_STR("g/n/d"));

    assert_non_null(found);
    return found;
}

static struct gw_sample sample(const char *metric, int64_t time_ms)
{
    const struct gw_metric_config *config =
        gw_device_type_find_name(device()->type, gw_str_of(metric));

    assert_non_null(config);
    return (struct gw_sample){.series = gw_device_series(device(), config), .time_ms = time_ms};
}

static void take(struct gw_sample one)
{
    gw_iot_values_take(values, gw_registry_node(registry, device()->node), &one, 1);
}

static void take_real(const char *metric, int64_t time_ms, double real)
{
    struct gw_sample one = sample(metric, time_ms);

    one.type = GW_SAMPLE_REAL;
    one.real = real;
    take(one);
}

static void test_the_newest_value_counts(void **state)
{
    struct gw_sample old = sample("a", 500);
    (void)state;

    take_real("a", 1000, 0.1);
    take_real("a", 900, 7);
    old.type = GW_SAMPLE_BOOLEAN;
    take(old);
    write_out();
    expect("HGET " NODE "values d/a", "1000 good 0.1");
    expect("HGET " NODE "seen d", "1000");
    old = sample("b", 2000);
    old.type = GW_SAMPLE_INTEGER;
    old.integer = INT64_C(9007199254740993);
    old.quality = GW_QUALITY_BAD;
    take(old);
    old = sample("c", 2001);
    old.quality = GW_QUALITY_STALE;
    take(old);
    write_out();
    expect("HGET " NODE "values d/b", "2000 bad 9007199254740993");
    expect("HGET " NODE "values d/c", "2001 stale null");
    expect("HGET " NODE "seen d", "2000"); /* a stale mark is no sign of life */
}

static void test_what_was_kept_back_is_no_last_value(void **state)
{
    struct gw_sample old = sample("a", 3000);
    (void)state;

    old.type = GW_SAMPLE_INTEGER;
    old.is_historical = true;
    take(old);
    write_out();
    expect("HGET " NODE "values d/a", "nil");
    assert_int_equal(count("STRLEN " NODE "history:d/a"), GW_HISTORY_RECORD_BYTES);
}

static void test_texts_are_cut_between_characters(void **state)
{
    char text[400];
    struct gw_sample one = sample("a", 1);
    (void)state;

    memset(text, 'x', sizeof(text));
    memcpy(text + 255, "\xc3\xa4", 2); /* 256 bytes would end within it */
    one.type = GW_SAMPLE_TEXT;
    one.text = gw_str_from(text, sizeof(text));
    take(one);
    write_out();
    assert_int_equal(count("HSTRLEN " NODE "values d/a"), 7 + 255 + 2);
    assert_int_equal(count("EXISTS " NODE "history:d/a"), 0);
}

static void test_states_keep_when_they_began(void **state)
{
    (void)state;

    gw_iot_values_set_state(values, device(), GW_DEVICE_ONLINE, 1000);
    write_out();
    expect("HGET " NODE "states d", "online 1000");
    gw_iot_values_set_state(values, device(), GW_DEVICE_ONLINE, 0); /* after a restart */
    write_out();
    expect("HGET " NODE "states d", "online 1000");
    gw_iot_values_set_state(values, device(), GW_DEVICE_OFFLINE, 0);
    write_out();
    expect("HGET " NODE "states d", "offline 0");
}

static void test_a_history_is_bounded_and_reads_back(void **state)
{
    char bytes[GW_HISTORY_RECORD_BYTES];
    struct gw_sample one = sample("a", -5), back = {0};
    (void)state;

    for (int i = 0; i < 100; i++) {
        take_real("a", 1000 + i, i);
        take_real("c", 1000 + i, i);
        if (i % 7 == 0)
            write_out();
    }
    write_out();
    int64_t len = count("STRLEN " NODE "history:d/a");
    assert_true(len >= HISTORY * GW_HISTORY_RECORD_BYTES);
    assert_true(len < 2 * HISTORY * GW_HISTORY_RECORD_BYTES);
    assert_int_equal(len % GW_HISTORY_RECORD_BYTES, 0);
    assert_int_equal(count("EXISTS " NODE "history:d/c"), 0); /* not kept */
    assert_true(count("TTL " NODE "history:d/a") > 0);

    one.type = GW_SAMPLE_BOOLEAN;
    one.boolean = true;
    one.quality = GW_QUALITY_UNCERTAIN;
    gw_history_record_write(&one, bytes);
    assert_true(gw_history_record_read(bytes, &back));
    assert_int_equal(back.time_ms, -5);
    assert_int_equal(back.type, GW_SAMPLE_BOOLEAN);
    assert_int_equal(back.quality, GW_QUALITY_UNCERTAIN);
    assert_true(back.boolean);
    memset(bytes, 0xff, sizeof(bytes));
    assert_false(gw_history_record_read(bytes, &back));
}

static void test_another_owner_is_left_alone(void **state)
{
    struct redis_outcome outcome = {0};
    (void)state;

    take_real("a", 1, 1);
    write_out();
    redis_rig_ask(&rig, "HSET " NODE "owner instance other", &outcome);
    take_real("a", 2, 2);
    write_out();
    expect("HGET " NODE "values d/a", "1 good 1");
    assert_int_equal(count("STRLEN " NODE "history:d/a"), GW_HISTORY_RECORD_BYTES);
    outcome = (struct redis_outcome){0};
    redis_rig_ask(&rig, "HSET " NODE "owner instance me", &outcome);
    take_real("a", 3, 3);
    write_out();
    expect("HGET " NODE "values d/a", "3 good 3");
}

static void test_a_node_that_is_left_is_forgotten(void **state)
{
    (void)state;

    take_real("a", 5, 5);
    gw_iot_values_leave(values, gw_registry_node(registry, device()->node));
    expect("HGET " NODE "values d/a", "5 good 5"); /* it was sent first */
    take_real("a", 4, 4);                          /* it comes back: nothing is known of what was */
    write_out();
    expect("HGET " NODE "values d/a", "4 good 4");
}

/* Numbered otherwise, and one device and one metric fewer. */
static void test_another_registry_goes_on(void **state)
{
    static const char other_text[] =
        "types:\n"
        "  cnc: {metrics: {b: {source: '0'}, a: {source: a}, x: {source: x}}}\n"
        "devices:\n"
        "  - {group: f, edge_node: n, device: d, type: cnc, equipment: F, plant: p}\n"
        "  - {group: g, edge_node: n, device: c, type: cnc, equipment: C, plant: p}\n"
        "  - {group: g, edge_node: n, device: d, type: cnc, equipment: D, plant: p}\n";
    struct gw_registry *before = registry;
    struct gw_sample text = sample("b", 6000);
    (void)state;

    text.type = GW_SAMPLE_TEXT;
    text.text = GW_STR("six");
    take(text);
    take_real("a", 6000, 6);
    take_real("c", 6000, 6);
    gw_iot_values_set_state(values, device(), GW_DEVICE_ONLINE, 6000);
    registry = load_registry(other_text, sizeof(other_text) - 1);
    assert_int_equal(gw_iot_values_change(values, registry), 0);
    take_real("a", 5999, 1); /* what was known is known */
    take_real("a", 6001, 7);
    write_out();
    expect("HGET " NODE "values d/a", "6001 good 7");
    expect("HGET " NODE "values d/b", "6000 good \"six\"");
    expect("HGET " NODE "states d", "online 6000");
    gw_registry_release(registry);
    registry = before;
    write_out();
}

/* A script that is under way knows its node. */
static void test_another_registry_under_way(void **state)
{
    static const char none_text[] =
        "types: {cnc: {metrics: {a: {source: a}}}}\n"
        "devices:\n  - {group: f, edge_node: n, device: d, type: cnc, equipment: F, plant: p}\n";
    struct gw_registry *before = registry;
    struct gw_iot_values_counts counts;
    (void)state;

    take_real("a", 7000, 7);
    struct gw_registry *none = load_registry(none_text, sizeof(none_text) - 1);
    assert_int_equal(gw_iot_values_change(values, none), 0); /* what is left is sent first */
    expect("HGET " NODE "values d/a", "7000 good 7");
    gw_iot_values_get_counts(values, &counts);
    assert_int_equal(counts.failures, 0);
    assert_true(counts.writes > 0);
    assert_int_equal(gw_iot_values_change(values, before), 0);
    gw_registry_release(none);
    take_real("a", 6999, 1); /* nothing is known of what was */
    write_out();
    expect("HGET " NODE "values d/a", "6999 good 1");
}

/* What a series costs while nothing waits; the bound is that of the design. */
static void test_memory_of_a_series(void **state)
{
    struct gw_iot_values_counts counts;
    struct gw_buf text;
    (void)state;

    gw_buf_init(&text, 1u << 24);
    gw_buf_append_text(&text, "types:\n  t:\n    metrics:\n");
    for (int i = 0; i < 20; i++)
        gw_buf_printf(&text, "      m%d: {source: m%d}\n", i, i);
    gw_buf_append_text(&text, "devices:\n");
    for (int i = 0; i < 1000; i++)
        gw_buf_printf(&text,
                      "  - {group: g, edge_node: n%d, device: d%d, type: t, equipment: E%d, "
                      "plant: p}\n",
                      i / 10, i, i);
    struct gw_registry *large = load_registry(text.ptr, text.len);
    const struct gw_iot_values_config config = {rig.loop, rig.redis, large, GW_STR("me"), HISTORY};
    struct gw_iot_values *many = gw_iot_values_create(&config);
    assert_non_null(many);
    gw_iot_values_get_counts(many, &counts);
    size_t each = counts.bytes / gw_registry_series_count(large);
    print_message("%zu bytes a series, of %zu\n", each, gw_registry_series_count(large));
    assert_true(each <= 300);
    gw_iot_values_destroy(many);
    gw_registry_release(large);
    gw_buf_finish(&text);
}

static int begin(void **state)
{
    struct redis_outcome outcome = {0};
    (void)state;

    redis_rig_ask(&rig, "FLUSHALL", &outcome);
    make_values();
    return 0;
}

static int end(void **state)
{
    (void)state;
    gw_iot_values_destroy(values);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_newest_value_counts),
        TEST(test_what_was_kept_back_is_no_last_value),
        TEST(test_texts_are_cut_between_characters),
        TEST(test_states_keep_when_they_began),
        TEST(test_a_history_is_bounded_and_reads_back),
        TEST(test_another_owner_is_left_alone),
        TEST(test_a_node_that_is_left_is_forgotten),
        TEST(test_another_registry_goes_on),
        TEST(test_another_registry_under_way),
        TEST(test_memory_of_a_series),
    };

    redis_rig_start(&rig, NULL);
    redis_rig_connect(&rig, &(struct gw_redis_config){0});
    redis_rig_wait_up(&rig);
    registry = load_registry(registry_text, sizeof(registry_text) - 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_registry_release(registry);
    redis_rig_stop(&rig);
    return failed;
}
