/* The device registry: which sources there are, and what they are in canonical terms.
 *
 * A device is named as Sparkplug names it (group, edge node, device; a device of another protocol
 * is given such names by its mapping) and belongs to one piece of equipment of one plant. Its
 * metrics come from its type. What is not registered is quarantined, never silently dropped.
 * Immutable once loaded; any thread. Standard: Sparkplug 3.0, 4.1 (names); ISA-95 part 2
 * (equipment). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"

struct gw_json_map; /* json_map.h */
struct gw_registry;

#define GW_MAX_DEVICE_NAME 128 /* bytes of a group's, an edge node's or a device's name */
#define GW_MAX_DEVICES 200000
#define GW_MAX_TYPE_METRICS 2000

struct gw_metric_config {
    struct gw_str source; /* the device's name of it: "Spindle/Vibration" */
    struct gw_str name;   /* ours: "spindleVibration" */
    struct gw_str unit;   /* canonical (UN/ECE or UCUM text): "mm/s"; empty: none */
    double factor;        /* canonical = device * factor + offset */
    double offset;
    double rollover;      /* of a counter: the value behind which it begins at 0 again; 0: none */
    uint8_t command_type; /* enum gw_sparkplug_type of commands to it; 0: it takes none */
    double command_min, command_max; /* of a number, in our unit */
    uint32_t index;                  /* among its type's metrics */
    bool is_kept;                    /* its history is kept for reading */
    bool has_scale;                  /* factor and offset are not 1 and 0 */
};

struct gw_device_type {
    struct gw_str name;                     /* "cnc" */
    const struct gw_metric_config *metrics; /* sorted by `source` */
    size_t metric_count;
};

struct gw_device_config {
    uint32_t index;                         /* in the registry */
    uint32_t node;                          /* index of its edge node */
    struct gw_str group, edge_node, device; /* device empty: the edge node's own metrics */
    struct gw_str id;                       /* "plant-1010/line-1/cnc-01" */
    struct gw_str equipment;                /* of the canonical model */
    struct gw_str asset;                    /* the physical asset; empty: the equipment is named */
    struct gw_str plant;
    struct gw_str owner; /* who answers for it; may be empty */
    const struct gw_device_type *type;
    uint32_t series_at; /* the number of its first metric's series; the others follow by index */
};

struct gw_edge_node_config {
    uint32_t index;
    struct gw_str group, edge_node;
    struct gw_str id;    /* "plant-1010/line-1" */
    struct gw_str plant; /* of its devices, which is one */
    const struct gw_device_config *const *devices;
    size_t device_count;
};

/* Reads files of types, devices and mappings (docs/iot.md). All that is wrong goes to
 * `diagnostics`, with its place. 0, -EINVAL, -ENOENT, -ENOMEM. */
GW_MUST_CHECK
int gw_registry_load(const struct gw_str *files, size_t count, struct gw_diagnostics *diagnostics,
                     struct gw_registry **out_registry);
struct gw_registry *gw_registry_hold(struct gw_registry *registry);
void gw_registry_release(struct gw_registry *registry); /* NULL is safe */

static inline uint32_t gw_device_series(const struct gw_device_config *device,
                                        const struct gw_metric_config *metric)
{
    return device->series_at + metric->index;
}

/* NULL: not registered. `device` empty: the edge node itself. */
const struct gw_device_config *gw_registry_find(const struct gw_registry *registry,
                                                struct gw_str group, struct gw_str edge_node,
                                                struct gw_str device);
/* By gw_device_config.id. */
const struct gw_device_config *gw_registry_find_id(const struct gw_registry *registry,
                                                   struct gw_str id);
const struct gw_edge_node_config *gw_registry_find_node(const struct gw_registry *registry,
                                                        struct gw_str group,
                                                        struct gw_str edge_node);
const struct gw_metric_config *gw_device_type_find(const struct gw_device_type *type,
                                                   struct gw_str source);
const struct gw_metric_config *gw_device_type_find_name(const struct gw_device_type *type,
                                                        struct gw_str name);
const struct gw_device_type *gw_registry_find_type(const struct gw_registry *registry,
                                                   struct gw_str name);

size_t gw_registry_device_count(const struct gw_registry *registry);
const struct gw_device_config *gw_registry_device(const struct gw_registry *registry, size_t index);
size_t gw_registry_node_count(const struct gw_registry *registry);
const struct gw_edge_node_config *gw_registry_node(const struct gw_registry *registry,
                                                   size_t index);
/* Mappings of JSON topics: no topic fits two of them. */
size_t gw_registry_map_count(const struct gw_registry *registry);
const struct gw_json_map *gw_registry_map(const struct gw_registry *registry, size_t index);
/* Of all devices together: series are numbered 0 ... count - 1. */
size_t gw_registry_series_count(const struct gw_registry *registry);
/* Whose series it is. */
const struct gw_device_config *
gw_registry_series_device(const struct gw_registry *registry, uint32_t series,
                          const struct gw_metric_config **out_metric);
