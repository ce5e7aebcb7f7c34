/* The mappings of the registry's files. */
#include <errno.h>
#include <stdio.h>

#include "server/iot/json_map_private.h"
#include "server/iot/registry_private.h"
#include "server/json/yaml.h"

struct loading {
    struct gw_registry *registry;
    struct gw_diagnostics *diagnostics;
    const struct gw_registry_file *file;
    char pointer[200]; /* of the mapping: "/mappings/NAME" */
};

GW_PRINTF(2, 3)
static void fail(const struct loading *loading, const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_document_report(loading->file->document, loading->pointer, GW_SEVERITY_ERROR,
                       loading->diagnostics, "%s", text);
}

static bool has_source(const struct gw_registry *registry, struct gw_str source)
{
    const struct gw_map_entry *entry;
    size_t position = 0;

    while ((entry = gw_map_next(&registry->types_by_name, &position)) != NULL)
        if (gw_device_type_find(entry->value, source) != NULL)
            return true;
    return false;
}

/* Against the others, and against the types. */
static void check(const struct loading *loading, const struct gw_json_map *map)
{
    const struct gw_registry *registry = loading->registry;

    for (size_t i = 0; i < registry->map_count; i++) {
        const struct gw_json_map *other = registry->maps[i];
        if (gw_str_equal(other->name, map->name))
            fail(loading, "another file has a mapping \"%.*s\", too", GW_STR_ARG(map->name));
        else if (gw_json_map_overlaps(other, map))
            fail(loading,
                 "there are topics that fit both \"%.*s\" and \"%.*s\" of the mapping %.*s: a "
                 "topic has one mapping",
                 GW_STR_ARG(map->topic), GW_STR_ARG(other->topic), GW_STR_ARG(other->name));
    }
    for (size_t i = 0; i < map->metric_count; i++) {
        const struct gw_json_template *source = &map->metrics[i].source;
        if (gw_json_template_is_text(source) && !has_source(registry, source->parts[0].text))
            fail(loading, "no type has a metric of the source \"%.*s\"",
                 GW_STR_ARG(source->parts[0].text));
    }
}

static int load(struct loading *loading, const char *name, const json_t *given)
{
    struct gw_registry *registry = loading->registry;
    const struct gw_json_map_source source = {.arena = &registry->arena,
                                              .document = loading->file->document,
                                              .diagnostics = loading->diagnostics,
                                              .pointer = loading->pointer,
                                              .name = name,
                                              .given = given};
    struct gw_json_map *map;
    int rc = gw_json_map_compile(&source, &map);

    if (rc != 0 || map == NULL)
        return rc;
    check(loading, map);
    if (registry->map_count < GW_JSON_MAPS_MAX)
        registry->maps[registry->map_count++] = map;
    else
        fail(loading, "there are more than %d mappings", GW_JSON_MAPS_MAX);
    return 0;
}

static void point_at(struct loading *loading, const char *name)
{
    snprintf(loading->pointer, sizeof(loading->pointer), "/mappings/%.150s", name);
}

int gw_registry_load_maps(struct gw_registry *registry, const struct gw_registry_file *files,
                          size_t count, struct gw_diagnostics *diagnostics)
{
    struct loading loading = {.registry = registry, .diagnostics = diagnostics};
    const char *name;
    json_t *value;
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        loading.file = &files[i];
        json_object_foreach(json_object_get(files[i].checked, "mappings"), name, value)
        {
            point_at(&loading, name);
            if (rc == 0)
                rc = load(&loading, name, value);
        }
    }
    return rc;
}

static bool names_anybody(const struct gw_registry *registry, struct gw_str name)
{
    char filter[GW_JSON_MAP_MAX_TOPIC];

    for (size_t i = 0; i < registry->map_count; i++) {
        if (!gw_str_equal(registry->maps[i]->name, name))
            continue;
        for (size_t k = 0; k < registry->node_count; k++)
            if (gw_json_map_filter(registry->maps[i], &registry->nodes[k], filter).ptr != NULL)
                return true;
    }
    return false;
}

void gw_registry_check_maps(const struct gw_registry *registry,
                            const struct gw_registry_file *files, size_t count,
                            struct gw_diagnostics *diagnostics)
{
    struct loading loading = {.diagnostics = diagnostics};
    const char *name;
    json_t *value;

    for (size_t i = 0; i < count; i++) {
        json_object_foreach(json_object_get(files[i].checked, "mappings"), name, value)
        {
            (void)value;
            if (names_anybody(registry, gw_str_of(name)))
                continue;
            point_at(&loading, name);
            gw_document_report(files[i].document, loading.pointer, GW_SEVERITY_WARNING, diagnostics,
                               "the mapping names no edge node that is registered");
        }
    }
}
