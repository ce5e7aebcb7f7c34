/* A registry with presses and mappings of JSON, for the tests of both (server/iot/json_map.h). */
#pragma once

#include "server/core/diagnostic.h"
#include "server/iot/registry.h"

/* The key `mappings` has what the test gives; devices p1 and p2 of plant-1010/line-1, and line-2
 * itself. */
extern struct gw_registry *json_map_rig_registry;
extern struct gw_diagnostics json_map_rig_diagnostics; /* of the last load */

#define JSON_MAP_NAMES                                                           \
    "topic: 'f/{plant}/{line}/{machine}/t', group: 'plant-{plant}', edge_node: " \
    "'{line}', device: '{machine}'"

/* As gw_registry_load(); the diagnostics are the caller's to finish. */
int json_map_rig_load(const char *mappings);
void json_map_rig_must_load(const char *mappings);
void json_map_rig_unload(void);
