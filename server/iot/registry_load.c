/* Reading the registry's files: types first, then the devices of all files, then mappings. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/iot/registry_private.h"
#include "server/iot/sparkplug.h"
#include "server/json/option.h"
#include "server/json/yaml.h"

#define MAX_FILES 1000
#define MAX_TYPES 1000
#define MAX_ARENA_BYTES (512u << 20)

struct loading {
    struct gw_registry *registry;
    struct gw_diagnostics *diagnostics;
    struct gw_registry_file *files;
    size_t file_count;
    struct gw_registry_file *file; /* that is being looked at */
};

GW_PRINTF(3, 4)
static void fail(struct loading *loading, const char *pointer, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_document_report(loading->file->document, pointer, GW_SEVERITY_ERROR, loading->diagnostics,
                       "%s", text);
}

static struct gw_str copy_text(struct loading *loading, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    struct gw_str text = {json_string_value(value), json_string_length(value)};

    if (text.len == 0)
        return GW_STR("");
    return gw_arena_copy(&loading->registry->arena, text);
}

/* --- types --- */

static double read_number(struct loading *loading, const char *pointer, const json_t *object,
                          const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return otherwise;
    double number = json_number_value(value);
    if (json_is_number(value) && isfinite(number))
        return number;
    fail(loading, pointer, "%s must be a number", key);
    return otherwise;
}

static void fill_writable(struct loading *loading, const char *pointer, const json_t *given,
                          struct gw_metric_config *metric)
{
    static const char *const types[] = {"Int8",   "Int16",  "Int32", "Int64",  "UInt8",   "UInt16",
                                        "UInt32", "UInt64", "Float", "Double", "Boolean", "String"};
    const char *type = json_string_value(json_object_get(given, "type"));

    if (given == NULL || type == NULL)
        return;
    for (size_t i = 0; i < GW_COUNT_OF(types); i++)
        if (strcmp(types[i], type) == 0)
            metric->command_type = (uint8_t)(GW_SPARKPLUG_INT8 + i);
    metric->command_min = read_number(loading, pointer, given, "min", -INFINITY);
    metric->command_max = read_number(loading, pointer, given, "max", INFINITY);
    if (metric->command_min > metric->command_max)
        fail(loading, pointer, "min must not be above max");
}

static int fill_metric(struct loading *loading, const char *pointer, const char *name,
                       const json_t *given, struct gw_metric_config *metric)
{
    metric->name = gw_arena_copy(&loading->registry->arena, gw_str_of(name));
    metric->source = copy_text(loading, given, "source");
    metric->unit = copy_text(loading, given, "unit");
    if (metric->name.ptr == NULL || metric->source.ptr == NULL || metric->unit.ptr == NULL)
        return -ENOMEM;
    metric->factor = read_number(loading, pointer, given, "factor", 1);
    metric->offset = read_number(loading, pointer, given, "offset", 0);
    metric->rollover = read_number(loading, pointer, given, "rollover", 0);
    if (metric->factor == 0)
        fail(loading, pointer, "factor must not be 0");
    if (metric->rollover < 0)
        fail(loading, pointer, "rollover must be greater than 0");
    metric->has_scale = metric->factor != 1 || metric->offset != 0;
    fill_writable(loading, pointer, json_object_get(given, "writable"), metric);
    metric->is_kept = json_is_true(json_object_get(given, "keep"));
    return 0;
}

static int compare_sources(const void *a, const void *b)
{
    return gw_str_compare(((const struct gw_metric_config *)a)->source,
                          ((const struct gw_metric_config *)b)->source);
}

static int fill_metrics(struct loading *loading, const char *pointer, const json_t *given,
                        struct gw_device_type *type)
{
    struct gw_metric_config *metrics =
        gw_arena_calloc(&loading->registry->arena, json_object_size(given) + 1, sizeof(*metrics));
    const char *name;
    const json_t *value;
    char at[400];

    if (metrics == NULL)
        return -ENOMEM;
    json_object_foreach((json_t *)given, name, value)
    {
        snprintf(at, sizeof(at), "%.150s/metrics/%.200s", pointer, name);
        int rc = fill_metric(loading, at, name, value, &metrics[type->metric_count++]);
        if (rc != 0)
            return rc;
    }
    qsort(metrics, type->metric_count, sizeof(*metrics), compare_sources);
    for (size_t i = 0; i < type->metric_count; i++) {
        metrics[i].index = (uint32_t)i;
        if (i > 0 && gw_str_equal(metrics[i].source, metrics[i - 1].source))
            fail(loading, pointer, "two metrics have the source \"%.*s\"",
                 GW_STR_ARG(metrics[i].source));
    }
    type->metrics = metrics;
    return 0;
}

static int load_types(struct loading *loading, struct gw_registry_file *file)
{
    const char *name;
    const json_t *value;
    char at[200];

    loading->file = file;
    json_object_foreach(json_object_get(file->checked, "types"), name, value)
    {
        struct gw_device_type *type = gw_arena_calloc(&loading->registry->arena, 1, sizeof(*type));
        if (type == NULL)
            return -ENOMEM;
        snprintf(at, sizeof(at), "/types/%.150s", name);
        type->name = gw_arena_copy(&loading->registry->arena, gw_str_of(name));
        if (type->name.ptr == NULL)
            return -ENOMEM;
        int rc = fill_metrics(loading, at, json_object_get(value, "metrics"), type);
        if (rc != 0)
            return rc;
        rc = gw_map_add(&loading->registry->types_by_name, type->name, type);
        if (rc == -ENOMEM)
            return rc;
        if (rc == -EEXIST)
            fail(loading, at, "another file has a type \"%s\", too", name);
        else if (rc != 0)
            fail(loading, at, "there are more than %d types", MAX_TYPES);
    }
    return 0;
}

/* --- devices --- */

/* Sparkplug 3.0, 4.1: what would be a level or a wildcard of a topic. */
static bool is_topic_name(struct gw_str name)
{
    return gw_str_find(name, '/') == name.len && gw_str_find(name, '+') == name.len &&
           gw_str_find(name, '#') == name.len;
}

static int fill_device(struct loading *loading, const char *pointer, const json_t *given,
                       struct gw_device_config *device)
{
    struct gw_arena *arena = &loading->registry->arena;
    struct gw_str type = copy_text(loading, given, "type");

    device->group = copy_text(loading, given, "group");
    device->edge_node = copy_text(loading, given, "edge_node");
    device->device = copy_text(loading, given, "device");
    device->equipment = copy_text(loading, given, "equipment");
    device->asset = copy_text(loading, given, "asset");
    device->plant = copy_text(loading, given, "plant");
    device->owner = copy_text(loading, given, "owner");
    device->id = gw_arena_printf(arena, "%.*s/%.*s%s%.*s", GW_STR_ARG(device->group),
                                 GW_STR_ARG(device->edge_node), device->device.len > 0 ? "/" : "",
                                 GW_STR_ARG(device->device));
    if (device->group.ptr == NULL || device->edge_node.ptr == NULL || device->device.ptr == NULL ||
        device->equipment.ptr == NULL || device->asset.ptr == NULL || device->plant.ptr == NULL ||
        device->owner.ptr == NULL || device->id.ptr == NULL || type.ptr == NULL)
        return -ENOMEM;
    if (!is_topic_name(device->group) || !is_topic_name(device->edge_node) ||
        !is_topic_name(device->device))
        fail(loading, pointer, "the names of group, edge node and device hold no / + #");
    device->type = gw_registry_find_type(loading->registry, type);
    if (device->type == NULL)
        fail(loading, pointer, "there is no type \"%.*s\"", GW_STR_ARG(type));
    int rc = gw_map_add(&loading->registry->by_id, device->id, device);
    if (rc == -EEXIST)
        fail(loading, pointer, "\"%.*s\" is registered already", GW_STR_ARG(device->id));
    return rc == -EEXIST ? 0 : rc;
}

static int load_devices(struct loading *loading, struct gw_registry_file *file)
{
    struct gw_registry *registry = loading->registry;
    size_t index;
    json_t *value;
    char at[40];

    loading->file = file;
    json_array_foreach(json_object_get(file->checked, "devices"), index, value)
    {
        snprintf(at, sizeof(at), "/devices/%zu", index);
        int rc = fill_device(loading, at, value, &registry->devices[registry->device_count]);
        if (rc != 0)
            return rc;
        registry->device_count++;
    }
    return 0;
}

/* --- edge nodes --- */

static int compare_devices(const void *a, const void *b)
{
    const struct gw_device_config *left = a, *right = b;
    int order = gw_str_compare(left->group, right->group);

    if (order == 0)
        order = gw_str_compare(left->edge_node, right->edge_node);
    return order != 0 ? order : gw_str_compare(left->device, right->device);
}

static bool is_same_node(const struct gw_device_config *a, const struct gw_device_config *b)
{
    return gw_str_equal(a->group, b->group) && gw_str_equal(a->edge_node, b->edge_node);
}

static int make_node(struct gw_registry *registry, size_t from, size_t to,
                     const struct gw_device_config **devices, struct gw_diagnostics *diagnostics)
{
    struct gw_edge_node_config *node = &registry->nodes[registry->node_count];
    struct gw_device_config *first = &registry->devices[from];
    struct gw_str id = gw_arena_printf(&registry->arena, "%.*s/%.*s", GW_STR_ARG(first->group),
                                       GW_STR_ARG(first->edge_node));

    if (id.ptr == NULL)
        return -ENOMEM;
    *node = (struct gw_edge_node_config){.index = (uint32_t)registry->node_count,
                                         .group = first->group,
                                         .edge_node = first->edge_node,
                                         .id = id,
                                         .plant = first->plant,
                                         .devices = devices + from,
                                         .device_count = to - from};
    for (size_t i = from; i < to; i++) {
        struct gw_device_config *device = &registry->devices[i];
        device->index = (uint32_t)i;
        device->node = node->index;
        device->series_at = (uint32_t)registry->series_count;
        registry->series_count += device->type->metric_count;
        devices[i] = device;
        int rc = gw_map_add(&registry->by_id, device->id, device);
        if (rc != 0)
            return rc;
        if (!gw_str_equal(device->plant, node->plant))
            gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                               "the devices of the edge node \"%.*s\" are of two plants, %.*s and "
                               "%.*s: an edge node has one",
                               GW_STR_ARG(id), GW_STR_ARG(node->plant), GW_STR_ARG(device->plant));
    }
    registry->node_count++;
    return gw_map_add(&registry->nodes_by_id, id, node);
}

/* The devices are put into the order of their edge nodes, which gives all of them their numbers. */
static int number(struct gw_registry *registry, struct gw_diagnostics *diagnostics)
{
    const struct gw_device_config **devices =
        gw_arena_calloc(&registry->arena, registry->device_count + 1, sizeof(*devices));

    registry->nodes =
        gw_arena_calloc(&registry->arena, registry->device_count + 1, sizeof(*registry->nodes));
    if (devices == NULL || registry->nodes == NULL)
        return -ENOMEM;
    gw_map_finish(&registry->by_id); /* what it points to is about to move */
    gw_map_init(&registry->by_id, GW_MAX_DEVICES);
    if (registry->device_count > 0)
        qsort(registry->devices, registry->device_count, sizeof(*registry->devices),
              compare_devices);
    for (size_t from = 0; from < registry->device_count;) {
        size_t to = from + 1;
        while (to < registry->device_count &&
               is_same_node(&registry->devices[from], &registry->devices[to]))
            to++;
        int rc = make_node(registry, from, to, devices, diagnostics);
        if (rc != 0)
            return rc;
        from = to;
    }
    return 0;
}

/* --- files --- */

static int read_file(struct loading *loading, struct gw_str path)
{
    struct gw_registry_file *file = &loading->files[loading->file_count];
    char *name = gw_str_duplicate(path);

    if (name == NULL)
        return -ENOMEM;
    int rc = gw_document_load_file(name, loading->diagnostics, &file->document);
    free(name);
    if (rc != 0)
        return rc;
    loading->file_count++;
    struct gw_option_source source = {
        .document = file->document, .diagnostics = loading->diagnostics, .is_literal = true};
    return gw_option_check(&source, file->document->root, "", gw_registry_file_options,
                           &file->checked);
}

static int fill(struct loading *loading)
{
    struct gw_registry *registry = loading->registry;
    size_t device_count = 0;
    int rc = 0;

    for (size_t i = 0; i < loading->file_count && rc == 0; i++)
        rc = load_types(loading, &loading->files[i]);
    for (size_t i = 0; i < loading->file_count; i++)
        device_count += json_array_size(json_object_get(loading->files[i].checked, "devices"));
    if (rc != 0)
        return rc;
    if (device_count > GW_MAX_DEVICES) {
        gw_diagnostics_add(loading->diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                           "the registry has %zu devices; at most %d", device_count,
                           GW_MAX_DEVICES);
        return -EINVAL;
    }
    registry->devices =
        gw_arena_calloc(&registry->arena, device_count + 1, sizeof(*registry->devices));
    if (registry->devices == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < loading->file_count && rc == 0; i++)
        rc = load_devices(loading, &loading->files[i]);
    if (rc == 0)
        rc = gw_registry_load_maps(registry, loading->files, loading->file_count,
                                   loading->diagnostics);
    if (rc != 0)
        return rc;
    if (gw_diagnostics_has_errors(loading->diagnostics))
        return -EINVAL;
    rc = number(registry, loading->diagnostics);
    if (rc == 0)
        gw_registry_check_maps(registry, loading->files, loading->file_count, loading->diagnostics);
    return rc;
}

static int load_all(struct loading *loading, const struct gw_str *files, size_t count)
{
    int result = 0;

    loading->files = calloc(count + 1, sizeof(*loading->files));
    if (loading->files == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) { /* all that is wrong in all of them */
        int rc = read_file(loading, files[i]);
        if (result == 0 || rc == -ENOMEM)
            result = rc;
    }
    if (result == 0)
        result = fill(loading);
    if (result == 0 && gw_diagnostics_has_errors(loading->diagnostics))
        result = -EINVAL;
    for (size_t i = 0; i < loading->file_count; i++) {
        json_decref(loading->files[i].checked);
        gw_document_destroy(loading->files[i].document);
    }
    free(loading->files);
    return result;
}

int gw_registry_load(const struct gw_str *files, size_t count, struct gw_diagnostics *diagnostics,
                     struct gw_registry **out_registry)
{
    if (count > MAX_FILES) {
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, NULL, 0, 0,
                           "the registry has %zu files; at most %d", count, MAX_FILES);
        return -EINVAL;
    }
    struct gw_registry *registry = calloc(1, sizeof(*registry));
    if (registry == NULL)
        return -ENOMEM;
    atomic_init(&registry->references, 1);
    gw_arena_init(&registry->arena, 64 << 10, MAX_ARENA_BYTES);
    gw_map_init(&registry->by_id, GW_MAX_DEVICES);
    gw_map_init(&registry->nodes_by_id, GW_MAX_DEVICES);
    gw_map_init(&registry->types_by_name, MAX_TYPES);

    struct loading loading = {.registry = registry, .diagnostics = diagnostics};
    int rc = load_all(&loading, files, count);
    if (rc != 0) {
        gw_registry_release(registry);
        return rc;
    }
    *out_registry = registry;
    return 0;
}
