#include "tests/unit/support/json_map_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define REGISTRY                                                                          \
    "types:\n"                                                                            \
    "  press:\n"                                                                          \
    "    metrics:\n"                                                                      \
    "      temperature: {source: Temp, unit: Cel}\n"                                      \
    "      running: {source: State/run}\n"                                                \
    "      count: {source: count}\n"                                                      \
    "      energy: {source: energy/total, factor: 0.001}\n"                               \
    "      power: {source: ch0/power}\n"                                                  \
    "devices:\n"                                                                          \
    "  - {group: plant-1010, edge_node: line-1, device: p1, type: press, equipment: P1, " \
    "plant: '1010'}\n"                                                                    \
    "  - {group: plant-1010, edge_node: line-1, device: p2, type: press, equipment: P2, " \
    "plant: '1010'}\n"                                                                    \
    "  - {group: plant-1010, edge_node: line-2, type: press, equipment: L2, plant: '1010'}\n"

struct gw_registry *json_map_rig_registry;
struct gw_diagnostics json_map_rig_diagnostics;

int json_map_rig_load(const char *mappings)
{
    char path[] = "/tmp/json-map-XXXXXX";
    struct gw_str name = gw_str_of(path);
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    fprintf(file, "%smappings: {%s}\n", REGISTRY, mappings);
    fclose(file);
    gw_diagnostics_init(&json_map_rig_diagnostics);
    int rc = gw_registry_load(&name, 1, &json_map_rig_diagnostics, &json_map_rig_registry);
    unlink(path);
    return rc;
}

void json_map_rig_must_load(const char *mappings)
{
    if (json_map_rig_load(mappings) != 0)
        fail_msg("%s: %s", mappings, json_map_rig_diagnostics.findings[0].text);
    gw_diagnostics_finish(&json_map_rig_diagnostics);
}

void json_map_rig_unload(void)
{
    gw_registry_release(json_map_rig_registry);
    json_map_rig_registry = NULL;
}
