/* Mappings of JSON: payloads to samples, and what is put aside. */
#include "server/iot/json_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/iot/sample_text.h"
#include "tests/unit/support/json_map_rig.h"

#define ARRIVAL_MS INT64_C(1766000000000)

static struct gw_buf asides;
static struct gw_arena arena;

/* --- reading --- */

static void on_aside(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                     struct gw_str detail)
{
    const char *topic = self;
    size_t end = strlen(topic) + strlen("; topic ");

    assert_true(gw_str_has_suffix(detail, gw_str_of(topic)));
    detail.len -= end;
    gw_buf_printf(&asides, "%s %.*s: %.*s\n", gw_quarantine_reason_name(reason), GW_STR_ARG(name),
                  GW_STR_ARG(detail));
}

static struct gw_json_read read_message(const char *topic, struct gw_str payload, bool is_retained)
{
    const struct gw_json_sink sink = {.self = (void *)(uintptr_t)topic, .on_aside = on_aside};
    const struct gw_json_message message = {.topic = gw_str_of(topic),
                                            .payload = payload,
                                            .arrival_ms = ARRIVAL_MS,
                                            .max_future_ms = 600000,
                                            .is_retained = is_retained};
    struct gw_json_read got;

    gw_buf_clear(&asides);
    gw_arena_reset(&arena);
    assert_int_equal(gw_json_map_read(json_map_rig_registry, &message, &sink, &arena, &got), 0);
    return got;
}

/* "p1 temperature@0 21.5", the time since the arrival. */
static void write_sample(struct gw_buf *out, const struct gw_sample *sample)
{
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(json_map_rig_registry, sample->series, &metric);

    gw_buf_printf(out, "%.*s %.*s@%lld ", GW_STR_ARG(device->device), GW_STR_ARG(metric->name),
                  (long long)(sample->time_ms - ARRIVAL_MS));
    gw_sample_write_value(out, sample);
    if (sample->quality != GW_QUALITY_GOOD)
        gw_buf_printf(out, " %s", gw_quality_name(sample->quality));
    gw_buf_append_byte(out, '\n');
}

/* Samples, then what was put aside. */
static void expect(const char *topic, const char *payload, const char *samples, const char *aside)
{
    struct gw_json_read got = read_message(topic, gw_str_of(payload), false);
    struct gw_buf text;

    gw_buf_init(&text, 1u << 20);
    for (size_t i = 0; i < got.count; i++)
        write_sample(&text, &got.samples[i]);
    gw_buf_append_byte(&text, 0);
    gw_buf_append_byte(&asides, 0);
    if (strcmp(text.ptr, samples) != 0)
        fail_msg("%s gives\n%sand not\n%s; aside: %s", payload, text.ptr, samples, asides.ptr);
    if (strcmp(asides.ptr, aside) != 0)
        fail_msg("%s puts aside\n%sand not\n%s", payload, asides.ptr, aside);
    gw_buf_finish(&text);
}

static void test_values_at_pointers(void **state)
{
    (void)state;
    json_map_rig_must_load("m: {" JSON_MAP_NAMES
                           ", time: /ts, quality: /q, metrics: {Temp: /temp, State/run: "
                           "/state/run, count: /c~1d/1, energy/total: /e}}");
    expect("f/1010/line-1/p1/t",
           "{\"ts\":1766000000001,\"temp\":21.5,\"state\":{\"run\":true},\"c/"
           "d\":[1,9007199254740993],\"e\":1500}",
           "p1 temperature@1 21.5\np1 running@1 true\np1 count@1 9007199254740993\n"
           "p1 energy@1 1.5\n",
           "");
    expect("f/1010/line-1/p2/t", "{\"ts\":\"2025-12-17T19:33:20.250Z\",\"temp\":\"warm\"}",
           "p2 temperature@250 \"warm\"\n", "");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":null,\"e\":-1e3}",
           "p1 temperature@0 null bad\np1 energy@0 -1\n", "");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":1,\"q\":0}",
           "p1 temperature@0 1 bad\n", "");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":1,\"q\":\"Uncertain\"}",
           "p1 temperature@0 1 uncertain\n", "");
    json_map_rig_unload();
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    json_map_rig_must_load("m: {" JSON_MAP_NAMES
                           ", time: /ts, quality: /q, metrics: {Temp: /temp, count: /c}}");
    expect(
        "f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":{},\"c\":5}", "p1 count@0 5\n",
        "type plant-1010/line-1/p1/Temp: mapping m, /temp: no scalar, or one beyond all bounds\n");
    expect(
        "f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":1e999}", "",
        "type plant-1010/line-1/p1/Temp: mapping m, /temp: no scalar, or one beyond all bounds\n");
    expect("f/1010/line-1/p1/t", "{\"temp\":1}", "",
           "time plant-1010/line-1/p1: mapping m: there is no /ts\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":\"noon\",\"temp\":1}", "",
           "time plant-1010/line-1/p1: mapping m, /ts: no time of the mapping's unit, nor of RFC "
           "3339\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":-1,\"temp\":1}", "",
           "time plant-1010/line-1/p1: mapping m, /ts: no time of the mapping's unit, nor of RFC "
           "3339\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000600001,\"temp\":1}", "",
           "time plant-1010/line-1/p1/Temp: mapping m, /temp: the time lies in the future\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":1,\"q\":\"fine\"}", "",
           "malformed plant-1010/line-1/p1: mapping m, /q: no quality\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"other\":1}", "",
           "malformed plant-1010/line-1/p1: mapping m: nothing that the mapping names is there\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":1,", "",
           "malformed plant-1010/line-1/p1: mapping m: no JSON that can be read: the name of a "
           "member was expected here, at byte 8\n");
    expect("f/1010/line-1/p1/t", "{\"ts\":1766000000000,\"temp\":1,\"temp\":2}", "",
           "malformed plant-1010/line-1/p1: mapping m: an object has two members of one name\n");
    expect("f/1010/line-1/p3/t", "{\"ts\":1766000000000,\"temp\":1}", "",
           "unknown-device plant-1010/line-1/p3: mapping m: it is not registered\n");
    expect("f/1010//p3/t", "{}", "",
           "malformed f/1010//p3/t: mapping m: a level that names something is empty\n");
    expect("f/1010/line-1/p1", "{}", "",
           "malformed f/1010/line-1/p1: mapping -: no mapping has this topic\n");
    json_map_rig_unload();
}

static void test_times(void **state)
{
    static const struct {
        const char *unit, *time, *expected;
    } cases[] = {
        {"s", "1766000000", "0"},
        {"s", "1766000000.1239", "123"},
        {"s", "1.7660000001e9", "100"},
        {"s", "\"1766000000.5\"", "500"},
        {"ms", "1766000000000.9", "0"},
        {"us", "1766000000000999", "0"},
        {"us", "1766000000001000", "1"},
        {"ns", "1766000000000999999", "0"},
        {"ns", "1766000000017000000", "17"},
        {"ms", "0", "-1766000000000"},
        {"s", "0.0001", "-1766000000000"},
        {"s", "\"2025-12-17T20:33:20+01:00\"", "0"},
    };
    static const char *const wrong[] = {
        "1e400",        "99999999999999999999", "true", "[]", "\"\"",
        "253402300800", "1e999999999999999999"};
    char text[400], expected[100];
    (void)state;

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        snprintf(text, sizeof(text), "m: {%s, time: /t, time_unit: %s, metrics: {count: /c}}",
                 JSON_MAP_NAMES, cases[i].unit);
        json_map_rig_must_load(text);
        snprintf(text, sizeof(text), "{\"t\":%s,\"c\":1}", cases[i].time);
        snprintf(expected, sizeof(expected), "p1 count@%s 1\n", cases[i].expected);
        expect("f/1010/line-1/p1/t", text, expected, "");
        json_map_rig_unload();
    }
    json_map_rig_must_load("m: {" JSON_MAP_NAMES ", time: /t, time_unit: s, metrics: {count: /c}}");
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++) {
        snprintf(text, sizeof(text), "{\"t\":%s,\"c\":1}", wrong[i]);
        assert_int_equal(read_message("f/1010/line-1/p1/t", gw_str_of(text), false).count, 0);
        assert_true(asides.len > 0);
    }
    json_map_rig_unload();
}

static void test_objects(void **state)
{
    (void)state;
    json_map_rig_must_load("m: {" JSON_MAP_NAMES
                           ", time: /ts, metrics: {Temp: /t}, objects: [{at: '', ignore: [rssi, "
                           "energy/unit]}, {at: /state, prefix: State/}]}");
    expect("f/1010/line-1/p1/t",
           "{\"ts\":1766000000000,\"t\":1,\"count\":2,\"rssi\":-60,\"energy\":{\"total\":3000,"
           "\"unit\":\"Wh\"},\"state\":{\"run\":false}}",
           "p1 temperature@0 1\np1 count@0 2\np1 energy@0 3\np1 running@0 false\n", "");
    expect(
        "f/1010/line-1/p1/t",
        "{\"ts\":1766000000000,\"count\":[1],\"\":1,\"new\":{\"a~/\":1},\"state\":4}", "",
        "type plant-1010/line-1/p1/count: mapping m, /count: no scalar, or one beyond all bounds\n"
        "malformed plant-1010/line-1/p1: mapping m, /: its name is empty or too long\n"
        "unknown-metric plant-1010/line-1/p1/new/a~/: mapping m, /new/a~0~1: its type has no such "
        "source\n"
        "malformed plant-1010/line-1/p1: mapping m, /state: no object\n");
    json_map_rig_unload();
}

static void test_lists(void **state)
{
    (void)state;
    json_map_rig_must_load("m: {" JSON_MAP_NAMES
                           ", lists: [{at: /values, name: /n, value: /v, time: /t, quality: /q, "
                           "ignore: [x]}, {at: /rows, name: /0, value: /1}], time_unit: s}");
    expect("f/1010/line-1/p1/t",
           "{\"values\":[{\"n\":\"Temp\",\"v\":1,\"t\":1766000001},{\"n\":\"count\",\"v\":2,\"q\":"
           "false},{\"n\":\"x\"}],\"rows\":[[\"Temp\",3]]}",
           "p1 temperature@1000 1\np1 count@0 2 bad\np1 temperature@0 3\n", "");
    expect("f/1010/line-1/p1/t",
           "{\"values\":[{\"v\":1},{\"n\":\"Temp\"},5,{\"n\":\"count\",\"v\":2,\"t\":\"x\"},{\"n\":"
           "\"count\",\"v\":3}],\"rows\":{}}",
           "p1 count@0 3\n",
           "malformed plant-1010/line-1/p1: mapping m, /values/0: the entry has no name, or one "
           "that is too long\n"
           "malformed plant-1010/line-1/p1/Temp: mapping m, /values/1: the entry has no value\n"
           "malformed plant-1010/line-1/p1: mapping m, /values/2: the entry has no name, or one "
           "that is too long\n"
           "time plant-1010/line-1/p1: mapping m, /values/3/t: no time of the mapping's unit, nor "
           "of RFC 3339\n"
           "malformed plant-1010/line-1/p1: mapping m, /rows: no list\n");
    json_map_rig_unload();
}

static void test_several_messages_and_devices_in_one(void **state)
{
    (void)state;
    json_map_rig_must_load(
        "m: {topic: 'gw/{line}/up', group: plant-1010, edge_node: '{line}', device_at: /dev, "
        "each: /data, time: /ts, metrics: {count: /c}}");
    expect("gw/line-1/up",
           "{\"data\":[{\"dev\":\"p1\",\"ts\":1766000000001,\"c\":1},{\"dev\":\"p2\",\"ts\":"
           "1766000000002,\"c\":2},{\"dev\":\"p9\",\"ts\":1,\"c\":2},{\"ts\":1,\"c\":2}]}",
           "p1 count@1 1\np2 count@2 2\n",
           "unknown-device plant-1010/line-1/p9: mapping m, /data/2/dev: it is not registered\n"
           "malformed plant-1010/line-1: mapping m, /data/3: no name of a device\n");
    expect("gw/line-1/up", "{\"data\":{\"dev\":\"p1\",\"ts\":1766000000001,\"c\":1}}",
           "p1 count@1 1\n", "");
    expect("gw/line-1/up", "{}", "", "malformed plant-1010/line-1: mapping m: there is no /data\n");
    expect("gw/line-1/up", "{\"data\":[]}", "", "");
    json_map_rig_unload();
}

static void test_placeholders_in_sources(void **state)
{
    (void)state;
    json_map_rig_must_load(
        "m: {topic: 's/{line}/{ch}/{what}', group: plant-1010, edge_node: '{line}', metrics: "
        "{'{ch}/{what}': ''}, numbers_in_texts: true}");
    expect("s/line-2/ch0/power", "12.5", " power@0 12.5\n", "");
    expect("s/line-2/ch0/power", "\" 12 \"", " power@0 12\n", "");
    expect("s/line-2/ch0/power", "\"off\"", " power@0 \"off\"\n", "");
    expect("s/line-2/ch1/power", "1", "",
           "unknown-metric plant-1010/line-2/ch1/power: mapping m: its type has no such source\n");
    json_map_rig_unload();
}

static void test_what_means_good(void **state)
{
    (void)state;
    json_map_rig_must_load("m: {" JSON_MAP_NAMES
                           ", quality: /q, good: ['0', OK], metrics: {count: /c}}");
    expect("f/1010/line-1/p1/t", "{\"c\":1,\"q\":0}", "p1 count@0 1\n", "");
    expect("f/1010/line-1/p1/t", "{\"c\":1,\"q\":\"OK\"}", "p1 count@0 1\n", "");
    expect("f/1010/line-1/p1/t", "{\"c\":1,\"q\":\"good\"}", "p1 count@0 1 bad\n", "");
    expect("f/1010/line-1/p1/t", "{\"c\":1,\"q\":null}", "p1 count@0 1\n", "");
    json_map_rig_unload();
}

static void test_what_the_broker_has_kept(void **state)
{
    struct gw_json_read got;
    (void)state;

    json_map_rig_must_load("m: {" JSON_MAP_NAMES
                           ", lists: [{at: '', name: /n, value: /v, time: /t}]}");
    got =
        read_message("f/1010/line-1/p1/t",
                     GW_STR("[{\"n\":\"count\",\"v\":1},{\"n\":\"count\",\"v\":1,\"t\":5}]"), true);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.samples[0].time_ms, 5);
    assert_int_equal(got.passed_over, 1);
    json_map_rig_unload();
}

/* The mapping was changed since the message was journaled. */
static void test_a_message_of_another_edge_node(void **state)
{
    (void)state;
    json_map_rig_must_load("m: {" JSON_MAP_NAMES ", metrics: {count: /c}}");
    const struct gw_json_sink sink = {.self = (void *)(uintptr_t) "f/1010/line-1/p1/t",
                                      .on_aside = on_aside};
    struct gw_json_message message = {.node = gw_registry_node(json_map_rig_registry, 1),
                                      .topic = GW_STR_INIT("f/1010/line-1/p1/t"),
                                      .payload = GW_STR_INIT("{\"c\":1}")};
    struct gw_json_read got;

    gw_buf_clear(&asides);
    assert_int_equal(gw_json_map_read(json_map_rig_registry, &message, &sink, &arena, &got), 0);
    assert_int_equal(got.count, 0);
    assert_true(asides.len > 0);
    message.node = gw_registry_node(json_map_rig_registry, 0);
    assert_int_equal(gw_json_map_read(json_map_rig_registry, &message, &sink, &arena, &got), 0);
    assert_int_equal(got.count, 1);
    json_map_rig_unload();
}

static void test_bounds(void **state)
{
    struct gw_buf text;
    (void)state;

    gw_buf_init(&text, 4u << 20);
    json_map_rig_must_load(
        "m: {" JSON_MAP_NAMES
        ", lists: [{at: '', name: /0, value: /1}], metrics: {Temp: /0/1, count: /0/1}}");
    for (int count = GW_JSON_MAP_MAX_VALUES - 2; count <= GW_JSON_MAP_MAX_VALUES - 1; count++) {
        gw_buf_clear(&text);
        for (int i = 0; i < count; i++)
            gw_buf_printf(&text, "%c[\"count\",%d]", i == 0 ? '[' : ',', i);
        gw_buf_append_byte(&text, ']');
        bool fits = count == GW_JSON_MAP_MAX_VALUES - 2;
        struct gw_json_read got = read_message("f/1010/line-1/p1/t", gw_buf_str(&text), false);
        assert_int_equal(got.count, fits ? GW_JSON_MAP_MAX_VALUES : 0);
        assert_int_equal(asides.len == 0, fits);
    }
    gw_buf_clear(&text);
    for (int i = 0; i < GW_JSON_MAP_MAX_BYTES; i++)
        gw_buf_append_byte(&text, ' ');
    gw_buf_append_byte(&text, '1');
    assert_int_equal(read_message("f/1010/line-1/p1/t", gw_buf_str(&text), false).count, 0);
    assert_true(asides.len > 0);
    gw_buf_clear(&text);
    for (int i = 0; i <= GW_JSON_MAP_MAX_DEPTH; i++)
        gw_buf_append_byte(&text, '[');
    for (int i = 0; i <= GW_JSON_MAP_MAX_DEPTH; i++)
        gw_buf_append_byte(&text, ']');
    assert_int_equal(read_message("f/1010/line-1/p1/t", gw_buf_str(&text), false).count, 0);
    assert_true(asides.len > 0);
    gw_buf_finish(&text);
    json_map_rig_unload();
}

static int begin(void **state)
{
    (void)state;
    gw_buf_init(&asides, 16u << 20);
    gw_arena_init(&arena, 4096, 64u << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    gw_buf_finish(&asides);
    gw_arena_finish(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_at_pointers),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_several_messages_and_devices_in_one),
        cmocka_unit_test(test_placeholders_in_sources),
        cmocka_unit_test(test_what_means_good),
        cmocka_unit_test(test_what_the_broker_has_kept),
        cmocka_unit_test(test_a_message_of_another_edge_node),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
