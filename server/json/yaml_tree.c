/* From the graph of a text to its jansson tree: aliases copied in, merges done, scalars given their
 * values. The bounds were kept by the builder; recursion ends at GW_DOCUMENT_MAX_DEPTH. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/json/yaml_graph.h"

struct converter {
    struct gw_document *document;
    struct gw_diagnostics *diagnostics;
    int rc; /* the first failure; further ones are only reported */
};

static json_t *convert(struct converter *converter, const struct gw_yaml_node *node);

GW_PRINTF(3, 4)
static void fail(struct converter *converter, const struct gw_yaml_node *node, const char *format,
                 ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_diagnostics_add(converter->diagnostics, GW_SEVERITY_ERROR, converter->document->file,
                       node->position.line, node->position.column, "%s", text);
    converter->rc = -EINVAL;
}

static json_t *fail_memory(struct converter *converter)
{
    converter->rc = -ENOMEM;
    return NULL;
}

static json_t *convert_scalar(struct converter *converter, const struct gw_yaml_node *node)
{
    static const char *const type_names[] = {
        [GW_YAML_INT] = "integer",
        [GW_YAML_FLOAT] = "number",
        [GW_YAML_BOOL] = "boolean",
        [GW_YAML_NULL] = "null",
    };
    json_t *value = NULL;

    switch (gw_yaml_scalar_value(node, &value)) {
    case GW_YAML_SCALAR_INEXACT:
        if (converter->document->inexact.line == 0)
            converter->document->inexact = node->position;
        break;
    case GW_YAML_SCALAR_NO_VALUE:
        fail(converter, node,
             "%.*s is a number that JSON cannot hold (put it in quotes if it is "
             "a text)",
             (int)(node->text.len < 40 ? node->text.len : 40), node->text.ptr);
        return json_null();
    case GW_YAML_SCALAR_WRONG_TAG:
        fail(converter, node, "this is no %s, as its tag says", type_names[node->tag]);
        return json_null();
    case GW_YAML_SCALAR_OK:
        break;
    }
    return value != NULL ? value : fail_memory(converter);
}

static json_t *convert_list(struct converter *converter, const struct gw_yaml_node *node)
{
    json_t *list = json_array();

    if (list == NULL)
        return fail_memory(converter);
    for (const struct gw_yaml_node *item = node->first; item != NULL; item = item->next)
        if (json_array_append_new(list, convert(converter, item)) != 0) {
            json_decref(list);
            return fail_memory(converter);
        }
    return list;
}

static const struct gw_yaml_node *find_key(const struct gw_yaml_node *map, struct gw_str text)
{
    const struct gw_yaml_node *key = map->first;

    for (; key != NULL; key = key->next->next)
        if (gw_str_equal(gw_yaml_node_target(key)->text, text))
            return key;
    return NULL;
}

/* Is this key fit to be one of `map`, into which the keys before it went? */
static bool check_key(struct converter *converter, const struct gw_yaml_node *map,
                      const struct gw_yaml_node *key, const json_t *object)
{
    struct gw_str text = gw_yaml_node_target(key)->text;

    if (gw_yaml_node_target(key)->kind != GW_YAML_SCALAR) {
        fail(converter, key, "a key must be a scalar, not a list or a map");
        return false;
    }
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        fail(converter, key, "a key must not hold a NUL");
        return false;
    }
    if (json_object_getn(object, text.len > 0 ? text.ptr : "", text.len) != NULL) {
        const struct gw_yaml_node *first = find_key(map, text);
        fail(converter, key, "the key \"%.*s\" is there already, at line %u, column %u",
             (int)(text.len < 100 ? text.len : 100), text.len > 0 ? text.ptr : "",
             first->position.line, first->position.column);
        return false;
    }
    return true;
}

/* Adds what the merged map has and `object` has not. */
static void merge_map(struct converter *converter, const struct gw_yaml_node *source,
                      json_t *object)
{
    if (gw_yaml_node_target(source)->kind != GW_YAML_MAP) {
        fail(converter, source, "\"<<\" merges a map or a list of maps");
        return;
    }

    json_t *merged = convert(converter, source);
    if (merged != NULL && json_object_update_missing(object, merged) != 0)
        fail_memory(converter);
    json_decref(merged);
}

static void merge(struct converter *converter, const struct gw_yaml_node *value, json_t *object)
{
    const struct gw_yaml_node *target = gw_yaml_node_target(value);

    if (target->kind != GW_YAML_LIST) {
        merge_map(converter, value, object);
        return;
    }
    for (const struct gw_yaml_node *item = target->first; item != NULL; item = item->next)
        merge_map(converter, item, object);
}

static json_t *convert_map(struct converter *converter, const struct gw_yaml_node *node)
{
    const struct gw_yaml_node *merged = NULL;
    json_t *object = json_object();

    if (object == NULL)
        return fail_memory(converter);
    for (const struct gw_yaml_node *key = node->first; key != NULL; key = key->next->next) {
        struct gw_str text = gw_yaml_node_target(key)->text;

        if (gw_yaml_node_is_merge(key) && merged == NULL) {
            merged = key->next;
            continue;
        }
        if (gw_yaml_node_is_merge(key)) {
            fail(converter, key, "a second \"<<\" in one map; give one a list of maps");
            continue;
        }
        if (!check_key(converter, node, key, object))
            continue;
        if (json_object_setn_new_nocheck(object, text.len > 0 ? text.ptr : "", text.len,
                                         convert(converter, key->next)) != 0) {
            json_decref(object);
            return fail_memory(converter);
        }
    }
    if (merged != NULL) /* at the end, so that the map's own keys win */
        merge(converter, merged, object);
    return object;
}

static json_t *convert(struct converter *converter, const struct gw_yaml_node *node)
{
    const struct gw_yaml_node *target = gw_yaml_node_target(node);

    if (converter->rc == -ENOMEM)
        return NULL;
    switch (target->kind) {
    case GW_YAML_LIST:
        return convert_list(converter, target);
    case GW_YAML_MAP:
        return convert_map(converter, target);
    default:
        return convert_scalar(converter, target);
    }
}

int gw_yaml_tree(const struct gw_yaml_graph *graph, struct gw_document *document,
                 struct gw_diagnostics *diagnostics, json_t **out_root)
{
    struct converter converter = {.document = document, .diagnostics = diagnostics};
    json_t *root = convert(&converter, graph->root);

    if (converter.rc == -ENOMEM)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, document->file, 0, 0,
                           "not enough memory to read the document");
    if (converter.rc != 0) {
        json_decref(root);
        return converter.rc;
    }
    *out_root = root;
    return 0;
}
