/* Samples as JSON, in the journal and in requests. */
#include "server/iot/sample_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/diagnostic.h"
#include "server/iot/sample_text.h"

static struct gw_registry *registry;
static const struct gw_edge_node_config *node;
static struct gw_arena arena;

static const char registry_text[] =
    "types: {t: {metrics: {a: {source: a}, b: {source: B, factor: 2, offset: 1}}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: d, type: t, equipment: D, plant: p}\n";

static int begin(void **state)
{
    char path[] = "/tmp/samples-XXXXXX";
    struct gw_diagnostics diagnostics;
    struct gw_str name = gw_str_of(path);
    int fd = mkstemp(path);
    (void)state;

    gw_diagnostics_init(&diagnostics);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, registry_text, sizeof(registry_text) - 1),
                     sizeof(registry_text) - 1);
    close(fd);
    assert_int_equal(gw_registry_load(&name, 1, &diagnostics, &registry), 0);
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    node = gw_registry_find_node(registry, GW_STR("g"), GW_STR("n"));
    gw_arena_init(&arena, 4096, 1u << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    gw_registry_release(registry);
    return 0;
}

static int read_text(const char *text, struct gw_samples_read *out)
{
    struct gw_error error;

    return gw_samples_read(gw_str_of(text), registry, node, &arena, out, &error);
}

static void test_what_is_written_reads_back(void **state)
{
    const struct gw_sample given[] = {
        {.type = GW_SAMPLE_INTEGER, .time_ms = 1, .integer = -INT64_C(9007199254740993)},
        {.type = GW_SAMPLE_REAL, .time_ms = 2, .real = 0.1, .quality = GW_QUALITY_BAD},
        {.type = GW_SAMPLE_TEXT, .time_ms = 3, .text = GW_STR_INIT("a \"b\"\n")},
        {.type = GW_SAMPLE_NONE, .time_ms = 4, .quality = GW_QUALITY_STALE},
        {.type = GW_SAMPLE_BOOLEAN, .time_ms = 5, .boolean = true, .is_historical = true},
    };
    struct gw_samples_read got;
    struct gw_error error;
    struct gw_buf text;
    (void)state;

    gw_buf_init(&text, 4096);
    gw_buf_append_byte(&text, '[');
    for (size_t i = 0; i < GW_COUNT_OF(given); i++)
        gw_samples_write(&text, GW_STR("d"), GW_STR("b"), &given[i]);
    gw_buf_append_byte(&text, ']');
    assert_int_equal(gw_samples_read(gw_buf_str(&text), registry, node, &arena, &got, &error), 0);
    assert_int_equal(got.count, GW_COUNT_OF(given));
    for (size_t i = 0; i < got.count; i++) {
        assert_int_equal(got.samples[i].type, given[i].type);
        assert_int_equal(got.samples[i].time_ms, given[i].time_ms);
        assert_int_equal(got.samples[i].quality, given[i].quality);
        assert_int_equal(got.samples[i].is_historical, given[i].is_historical);
    }
    assert_int_equal(got.samples[0].integer, given[0].integer);
    assert_true(got.samples[1].real == 0.1);
    assert_true(gw_str_equal(got.samples[2].text, given[2].text));
    assert_true(got.samples[4].boolean);
    gw_buf_finish(&text);
}

static void test_what_the_registry_no_longer_has(void **state)
{
    struct gw_samples_read got;
    (void)state;

    assert_int_equal(read_text("[[\"d\",\"a\",1,1,\"good\",false],[\"d\",\"z\",1,1,\"good\",false],"
                               "[\"x\",\"a\",1,1,\"good\",false]]",
                               &got),
                     0);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.unknown, 2);
    assert_true(gw_str_equal(got.unknown_device, GW_STR("x")));
    assert_int_equal(got.unknown_metric.len, 0);
}

static void test_what_is_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "[1]",
        "[[]]",
        "[[\"d\",\"a\",1,1,\"good\"]]",
        "[[\"d\",\"a\",\"1\",1,\"good\",false]]",
        "[[\"d\",\"a\",1.5,1,\"good\",false]]",
        "[[\"d\",\"a\",-1,1,\"good\",false]]",
        "[[\"d\",\"a\",1,[],\"good\",false]]",
        "[[\"d\",\"a\",1,1e999,\"good\",false]]",
        "[[\"d\",\"a\",1,1,\"fine\",false]]",
        "[[1,\"a\",1,1,\"good\",false]]",
    };
    struct gw_samples_read got;
    (void)state;

    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        assert_int_equal(read_text(wrong[i], &got), -EINVAL);
}

static void test_topics(void **state)
{
    struct gw_str group, edge_node, place;
    (void)state;

    assert_true(gw_samples_topic_parse(GW_STR("samples/g/n/1-2"), &group, &edge_node, &place));
    assert_true(gw_str_equal(group, GW_STR("g")));
    assert_true(gw_str_equal(edge_node, GW_STR("n")));
    assert_true(gw_str_equal(place, GW_STR("1-2")));
    assert_true(gw_samples_topic_parse(GW_STR("kept/g/m/3-4"), &group, &edge_node, &place));
    assert_true(gw_str_equal(edge_node, GW_STR("m")));
    assert_true(gw_str_equal(place, GW_STR("3-4")));
    assert_false(gw_samples_topic_parse(GW_STR("kept/g/m"), &group, &edge_node, &place));
    assert_false(gw_samples_topic_parse(GW_STR("samples/g/n"), &group, &edge_node, &place));
    assert_false(gw_samples_topic_parse(GW_STR("spBv1.0/g/n/1"), &group, &edge_node, &place));
    assert_false(gw_samples_topic_parse(GW_STR(""), &group, &edge_node, &place));
}

static void test_scales(void **state)
{
    const struct gw_device_config *device = gw_registry_find_id(registry, GW_STR("g/n/d"));
    const struct gw_metric_config *metric = gw_device_type_find_name(device->type, GW_STR("b"));
    struct gw_sample sample = {.type = GW_SAMPLE_INTEGER, .integer = 20};
    struct gw_sample text = {.type = GW_SAMPLE_TEXT, .text = GW_STR_INIT("x")};
    (void)state;

    gw_sample_scale(metric, &sample);
    assert_int_equal(sample.type, GW_SAMPLE_REAL);
    assert_true(sample.real == 41);
    gw_sample_scale(metric, &text);
    assert_int_equal(text.type, GW_SAMPLE_TEXT);
    sample.real = 1e308;
    gw_sample_scale(metric, &sample);
    assert_int_equal(sample.type, GW_SAMPLE_NONE);
    assert_int_equal(sample.quality, GW_QUALITY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_reads_back),
        cmocka_unit_test(test_what_the_registry_no_longer_has),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_scales),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
