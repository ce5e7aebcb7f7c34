#include "server/iot/registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "server/core/map.h"
#include "server/iot/registry_private.h"

struct gw_registry *gw_registry_hold(struct gw_registry *registry)
{
    atomic_fetch_add_explicit(&registry->references, 1, memory_order_relaxed);
    return registry;
}

void gw_registry_release(struct gw_registry *registry)
{
    if (registry == NULL ||
        atomic_fetch_sub_explicit(&registry->references, 1, memory_order_acq_rel) != 1)
        return;
    gw_map_finish(&registry->by_id);
    gw_map_finish(&registry->nodes_by_id);
    gw_map_finish(&registry->types_by_name);
    gw_arena_finish(&registry->arena);
    free(registry);
}

/* --- finding --- */

/* The names hold no "/", so that no two triples have one id. */
static struct gw_str join_names(char *buffer, struct gw_str group, struct gw_str edge_node,
                                struct gw_str device)
{
    const struct gw_str parts[] = {group, edge_node, device};
    size_t len = 0;

    for (size_t i = 0; i < 3; i++) {
        if (i == 2 && device.len == 0)
            break;
        if (parts[i].len > GW_MAX_DEVICE_NAME)
            return (struct gw_str){0};
        if (i > 0)
            buffer[len++] = '/';
        if (parts[i].len > 0)
            memcpy(buffer + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return gw_str_from(buffer, len);
}

const struct gw_device_config *gw_registry_find(const struct gw_registry *registry,
                                                struct gw_str group, struct gw_str edge_node,
                                                struct gw_str device)
{
    char buffer[GW_MAX_DEVICE_ID];
    struct gw_str id = join_names(buffer, group, edge_node, device);

    return id.ptr == NULL ? NULL : gw_map_get(&registry->by_id, id);
}

const struct gw_device_config *gw_registry_find_id(const struct gw_registry *registry,
                                                   struct gw_str id)
{
    return gw_map_get(&registry->by_id, id);
}

const struct gw_edge_node_config *gw_registry_find_node(const struct gw_registry *registry,
                                                        struct gw_str group,
                                                        struct gw_str edge_node)
{
    char buffer[GW_MAX_DEVICE_ID];
    struct gw_str id = join_names(buffer, group, edge_node, (struct gw_str){0});

    return id.ptr == NULL ? NULL : gw_map_get(&registry->nodes_by_id, id);
}

const struct gw_metric_config *gw_device_type_find(const struct gw_device_type *type,
                                                   struct gw_str source)
{
    size_t from = 0, to = type->metric_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = gw_str_compare(type->metrics[middle].source, source);
        if (order == 0)
            return &type->metrics[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

const struct gw_metric_config *gw_device_type_find_name(const struct gw_device_type *type,
                                                        struct gw_str name)
{
    for (size_t i = 0; i < type->metric_count; i++)
        if (gw_str_equal(type->metrics[i].name, name))
            return &type->metrics[i];
    return NULL;
}

const struct gw_device_type *gw_registry_find_type(const struct gw_registry *registry,
                                                   struct gw_str name)
{
    return gw_map_get(&registry->types_by_name, name);
}

/* --- walking --- */

size_t gw_registry_device_count(const struct gw_registry *registry)
{
    return registry->device_count;
}

const struct gw_device_config *gw_registry_device(const struct gw_registry *registry, size_t index)
{
    return &registry->devices[index];
}

size_t gw_registry_node_count(const struct gw_registry *registry)
{
    return registry->node_count;
}

const struct gw_edge_node_config *gw_registry_node(const struct gw_registry *registry, size_t index)
{
    return &registry->nodes[index];
}

size_t gw_registry_map_count(const struct gw_registry *registry)
{
    return registry->map_count;
}

const struct gw_json_map *gw_registry_map(const struct gw_registry *registry, size_t index)
{
    return registry->maps[index];
}

size_t gw_registry_series_count(const struct gw_registry *registry)
{
    return registry->series_count;
}

const struct gw_device_config *gw_registry_series_device(const struct gw_registry *registry,
                                                         uint32_t series,
                                                         const struct gw_metric_config **out_metric)
{
    size_t from = 0, to = registry->device_count;

    if (series >= registry->series_count)
        return NULL;
    while (to - from > 1) { /* series_at ascends */
        size_t middle = from + (to - from) / 2;
        if (registry->devices[middle].series_at <= series)
            from = middle;
        else
            to = middle;
    }
    const struct gw_device_config *device = &registry->devices[from];
    *out_metric = &device->type->metrics[series - device->series_at];
    return device;
}
