/* The registry's inside, shared by the files that make it up. Not for others. */
#pragma once

#include <stdatomic.h>

#include "server/core/arena.h"
#include "server/core/map.h"
#include "server/iot/json_map.h"
#include "server/iot/registry.h"
#include "server/json/option.h"

#define GW_MAX_DEVICE_ID (3 * GW_MAX_DEVICE_NAME + 3)

struct gw_registry {
    atomic_uint references;
    struct gw_arena arena;
    struct gw_map by_id, nodes_by_id, types_by_name;
    struct gw_device_type *types;
    size_t type_count;
    struct gw_device_config *devices; /* by edge node, then in the order of the files */
    size_t device_count;
    struct gw_edge_node_config *nodes;
    size_t node_count;
    size_t series_count;
    struct gw_json_map *maps[GW_JSON_MAPS_MAX];
    size_t map_count;
};

/* Of one file: registry_options.c. */
extern const struct gw_option gw_registry_file_options[];

struct gw_registry_file {
    struct gw_document *document;
    json_t *checked; /* NULL: it has mistakes */
};

/* --- registry_maps.c --- */

/* Those of all files, once types and devices are loaded. 0 (mistakes are told) or -ENOMEM. */
GW_MUST_CHECK
int gw_registry_load_maps(struct gw_registry *registry, const struct gw_registry_file *files,
                          size_t count, struct gw_diagnostics *diagnostics);
/* Once edge nodes are known: warns of those that name none. */
void gw_registry_check_maps(const struct gw_registry *registry,
                            const struct gw_registry_file *files, size_t count,
                            struct gw_diagnostics *diagnostics);
