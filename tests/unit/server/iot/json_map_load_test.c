/* Mappings of JSON: the topics of an edge node, and what is wrong with a mapping. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/iot/json_map.h"
#include "tests/unit/support/json_map_rig.h"

static void test_filters(void **state)
{
    char out[GW_JSON_MAP_MAX_TOPIC];
    (void)state;

    json_map_rig_must_load(
        "a: {" JSON_MAP_NAMES
        ", metrics: {count: ''}}, b: {topic: 'z/{x}/+/{y}/#', group: 'plant-{x}', edge_node: "
        "'li{x}', metrics: {count: ''}}, c: {topic: 'c/{x}', group: plant-1010, edge_node: "
        "line-2, device: '{x}-{x}', metrics: {count: ''}}, d: {topic: 'd/{x}', group: "
        "'plant-{x}', edge_node: '{x}', metrics: {count: ''}}, e: {topic: 'e/{x}', group: "
        "plant-1010, edge_node: 'l{x}-1', metrics: {count: ''}}");
    static const char *const expected[][3] = {
        /* line-1, line-2, any */
        {"f/1010/line-1/+/t", "f/1010/line-2/+/t", "f/+/+/+/t"},
        {NULL, NULL, "z/+/+/+/#"},
        {NULL, "c/+", "c/+"},
        {NULL, NULL, "d/+"},
        {"e/ine", NULL, "e/+"},
    };
    assert_int_equal(gw_registry_map_count(json_map_rig_registry), GW_COUNT_OF(expected));
    for (size_t i = 0; i < GW_COUNT_OF(expected); i++) {
        for (size_t k = 0; k < 3; k++) {
            const struct gw_edge_node_config *node =
                k < 2 ? gw_registry_node(json_map_rig_registry, k) : NULL;
            struct gw_str filter =
                gw_json_map_filter(gw_registry_map(json_map_rig_registry, i), node, out);
            if (!gw_str_equal(filter, gw_str_of(expected[i][k])) ||
                (filter.ptr == NULL) != (expected[i][k] == NULL))
                fail_msg("mapping %zu, node %zu: \"%.*s\"", i, k, GW_STR_ARG(filter));
        }
    }
    json_map_rig_unload();
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *mapping, *rule;
    } cases[] = {
        {"m: {topic: a, group: g, edge_node: e}", "it names no value"},
        {"m: {topic: 'a/{x', group: g, edge_node: e, metrics: {count: ''}}", "are a whole level"},
        {"m: {topic: 'a/b{x}', group: g, edge_node: e, metrics: {count: ''}}", "are a whole level"},
        {"m: {topic: 'a/#/b', group: g, edge_node: e, metrics: {count: ''}}", "# is the last"},
        {"m: {topic: 'a/{x}/{x}', group: g, edge_node: e, metrics: {count: ''}}",
         "{x} stands twice"},
        {"m: {topic: spBv1.0/a, group: g, edge_node: e, metrics: {count: ''}}",
         "topics of Sparkplug"},
        {"m: {topic: $share/a/b, group: g, edge_node: e, metrics: {count: ''}}", "broker itself"},
        {"m: {topic: 'a/{x}', group: '{y}', edge_node: e, metrics: {count: ''}}",
         "{y} is not in the topic"},
        {"m: {topic: 'a/{x}/{y}', group: '{x}-{y}', edge_node: e, metrics: {count: ''}}",
         "at most one placeholder"},
        {"m: {topic: 'a/{x}', group: g, edge_node: 'a/{x}', metrics: {count: ''}}",
         "hold no / + #"},
        {"m: {topic: 'a/{x}', group: g, edge_node: '{x', metrics: {count: ''}}",
         "a placeholder is {name}"},
        {"m: {topic: a, group: g, edge_node: e, device: d, device_at: /d, metrics: {count: ''}}",
         "not both"},
        {"m: {topic: a, group: g, edge_node: e, metrics: {count: c}}", "is no JSON Pointer"},
        {"m: {topic: a, group: g, edge_node: e, time: /~2, metrics: {count: ''}}",
         "is no JSON Pointer"},
        {"m: {topic: a, group: g, edge_node: e, metrics: {Cuont: ''}}",
         "no type has a metric of the source \"Cuont\""},
        {"m: {topic: 'a/{x}/b', group: g, edge_node: e, metrics: {count: ''}}, n: {topic: 'a/c/+', "
         "group: g, edge_node: e, metrics: {count: ''}}",
         "a topic has one mapping"},
        {"m: {topic: 'a/#', group: g, edge_node: e, metrics: {count: ''}}, n: {topic: a, group: g, "
         "edge_node: e, metrics: {count: ''}}",
         "a topic has one mapping"},
        {"m: {topic: a, group: g, edge_node: e, lists: [{at: ''}]}", "name"},
        {"m: {topic: a, group: g, edge_node: e, metrics: {count: ''}, time_unit: h}", "time_unit"},
    };
    (void)state;

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        assert_int_equal(json_map_rig_load(cases[i].mapping), -EINVAL);
        assert_true(json_map_rig_diagnostics.count > 0);
        if (strstr(json_map_rig_diagnostics.findings[0].text, cases[i].rule) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].mapping,
                     json_map_rig_diagnostics.findings[0].text, cases[i].rule);
        assert_true(json_map_rig_diagnostics.findings[0].line > 0);
        gw_diagnostics_finish(&json_map_rig_diagnostics);
    }
}

static void test_one_that_names_nobody(void **state)
{
    (void)state;
    assert_int_equal(
        json_map_rig_load("m: {topic: a, group: plant-1010, edge_node: line-3, metrics: {count: "
                          "''}}"),
        0);
    assert_int_equal(json_map_rig_diagnostics.count, 1);
    assert_int_equal(json_map_rig_diagnostics.findings[0].severity, GW_SEVERITY_WARNING);
    assert_non_null(strstr(json_map_rig_diagnostics.findings[0].text, "names no edge node"));
    gw_diagnostics_finish(&json_map_rig_diagnostics);
    json_map_rig_unload();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_one_that_names_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
