/* The device registry: what its files may say, and what is found of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/iot/registry.h"

#define TYPES                                                                     \
    "types:\n"                                                                    \
    "  cnc:\n"                                                                    \
    "    metrics:\n"                                                              \
    "      spindleVibration: {source: Spindle/Vibration, unit: mm/s}\n"           \
    "      goodCount: {source: Production/Good, rollover: 65536}\n"               \
    "      energy: {source: Energy/Total, unit: kWh, factor: 0.001, offset: 2}\n" \
    "  node:\n"                                                                   \
    "    metrics: {load: {source: Load, keep: false}}\n"

#define CNC_2                                                                                \
    "  - {group: g, edge_node: line-2, device: cnc-2, type: cnc, equipment: CNC-02, plant: " \
    "'1010'}\n"
#define DEVICES                                                                                  \
    "devices:\n" CNC_2 "  - {group: g, edge_node: line-1, device: cnc-1, type: cnc, equipment: " \
    "CNC-01, plant: '1010',"                                                                     \
    " asset: A-7, owner: milling}\n"                                                             \
    "  - {group: g, edge_node: line-1, type: node, equipment: LINE-1, plant: '1010'}\n"

static struct gw_diagnostics diagnostics;

static int load(const char *first, const char *second, struct gw_registry **out_registry)
{
    const char *texts[] = {first, second};
    struct gw_str names[2];
    char paths[2][40] = {"/tmp/registry-XXXXXX", "/tmp/registry-XXXXXX"};
    size_t count = second == NULL ? 1 : 2;

    gw_diagnostics_init(&diagnostics);
    for (size_t i = 0; i < count; i++) {
        int fd = mkstemp(paths[i]);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
        close(fd);
        names[i] = gw_str_of(paths[i]);
    }
    int rc = gw_registry_load(names, count, &diagnostics, out_registry);
    for (size_t i = 0; i < count; i++)
        unlink(paths[i]);
    return rc;
}

static void refuse(const char *text, const char *rule)
{
    struct gw_registry *registry = NULL;

    assert_int_equal(load(text, NULL, &registry), -EINVAL);
    assert_true(diagnostics.count > 0);
    if (strstr(diagnostics.findings[0].text, rule) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", diagnostics.findings[0].text, rule);
    gw_diagnostics_finish(&diagnostics);
}

static void test_devices_are_found_by_their_names(void **state)
{
    struct gw_registry *registry;
    (void)state;

    assert_int_equal(load(DEVICES, TYPES, &registry), 0);
    assert_int_equal(gw_registry_device_count(registry), 3);
    assert_int_equal(gw_registry_node_count(registry), 2);
    assert_int_equal(gw_registry_series_count(registry), 7);

    const struct gw_device_config *device =
        gw_registry_find(registry, GW_STR("g"), GW_STR("line-1"), GW_STR("cnc-1"));
    assert_non_null(device);
    assert_string_equal(device->equipment.ptr, "CNC-01");
    assert_string_equal(device->asset.ptr, "A-7");
    assert_string_equal(device->id.ptr, "g/line-1/cnc-1");
    assert_ptr_equal(gw_registry_find_id(registry, GW_STR("g/line-1/cnc-1")), device);
    assert_null(gw_registry_find(registry, GW_STR("g"), GW_STR("line-1"), GW_STR("cnc-9")));
    assert_null(gw_registry_find(registry, GW_STR("g"), GW_STR("line-9"), GW_STR("")));

    const struct gw_device_config *self =
        gw_registry_find(registry, GW_STR("g"), GW_STR("line-1"), GW_STR(""));
    const struct gw_edge_node_config *node =
        gw_registry_find_node(registry, GW_STR("g"), GW_STR("line-1"));
    assert_non_null(self);
    assert_int_equal(node->device_count, 2);
    assert_ptr_equal(node->devices[0], self);
    assert_ptr_equal(node->devices[1], device);
    assert_int_equal(device->node, node->index);
    gw_registry_release(registry);
    gw_diagnostics_finish(&diagnostics);
}

static void test_series_have_numbers_in_a_row(void **state)
{
    struct gw_registry *registry;
    bool seen[7] = {false};
    (void)state;

    assert_int_equal(load(DEVICES, TYPES, &registry), 0);
    for (size_t at = 0; at < gw_registry_device_count(registry); at++) {
        const struct gw_device_config *device = gw_registry_device(registry, at);
        for (size_t i = 0; i < device->type->metric_count; i++) {
            uint32_t series = gw_device_series(device, &device->type->metrics[i]);
            const struct gw_metric_config *metric;
            assert_false(seen[series]);
            seen[series] = true;
            assert_ptr_equal(gw_registry_series_device(registry, series, &metric), device);
            assert_ptr_equal(metric, &device->type->metrics[i]);
        }
    }
    const struct gw_metric_config *metric;
    assert_null(gw_registry_series_device(registry, 7, &metric));

    const struct gw_device_type *cnc = gw_registry_find_type(registry, GW_STR("cnc"));
    metric = gw_device_type_find(cnc, GW_STR("Energy/Total"));
    assert_ptr_equal(metric, gw_device_type_find_name(cnc, GW_STR("energy")));
    assert_true(metric->has_scale);
    assert_true(metric->factor == 0.001 && metric->offset == 2);
    assert_null(gw_device_type_find(cnc, GW_STR("Energy")));
    gw_registry_release(registry);
    gw_diagnostics_finish(&diagnostics);
}

static void test_mistakes_are_told(void **state)
{
    (void)state;
    refuse("devices:\n" CNC_2, "no type \"cnc\"");
    refuse(TYPES "devices:\n" CNC_2 CNC_2, "registered already");
    refuse(TYPES "devices:\n  - {group: a/b, edge_node: n, type: cnc, equipment: E, plant: p}\n",
           "hold no /");
    refuse(TYPES "devices:\n" CNC_2
                 "  - {group: g, edge_node: line-2, type: cnc, equipment: E, plant: other}\n",
           "of two plants");
    refuse(TYPES "devices: [{group: g}]\n", "edge_node");
    refuse("types: {t: {metrics: {a: {source: X}, b: {source: X}}}}\n", "the source \"X\"");
    refuse("types: {t: {metrics: {a: {source: X, factor: 0}}}}\n", "must not be 0");
    refuse("types: {t: {metrics: {a: {source: X, factor: much}}}}\n", "must be a number");
    refuse("typos: {}\n", "typos");
}

static void test_a_type_is_defined_once(void **state)
{
    struct gw_registry *registry;
    (void)state;

    assert_int_equal(load(TYPES, TYPES, &registry), -EINVAL);
    assert_non_null(strstr(diagnostics.findings[0].text, "another file"));
    assert_string_not_equal(diagnostics.findings[0].file, "");
    gw_diagnostics_finish(&diagnostics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_are_found_by_their_names),
        cmocka_unit_test(test_series_have_numbers_in_a_row),
        cmocka_unit_test(test_mistakes_are_told),
        cmocka_unit_test(test_a_type_is_defined_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
