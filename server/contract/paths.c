/* Paths and their operations. */
#include <errno.h>

#include "loading.h"

static const struct {
    const char *key;
    enum gw_method method;
} methods[] = {
    {"get", GW_METHOD_GET},       {"put", GW_METHOD_PUT},         {"post", GW_METHOD_POST},
    {"delete", GW_METHOD_DELETE}, {"options", GW_METHOD_OPTIONS}, {"head", GW_METHOD_HEAD},
    {"patch", GW_METHOD_PATCH},
};

/* A path item while its operations are read. */
struct path_item {
    struct gw_place place;
    struct gw_str text; /* the template as written */
    struct gw_path_template path;
    struct contract_parameters parameters;
    struct contract_rules rules;
};

struct operation_list {
    struct gw_operation *items;
    size_t count, capacity;
};

static size_t count_operations(const json_t *paths)
{
    /* References to path items in other files: at most one operation for each method. */
    return json_object_size(paths) * GW_COUNT_OF(methods);
}

static void read_id(struct contract_loading *loading, const struct gw_place *place,
                    const struct path_item *item, const char *method_key,
                    struct gw_operation *operation)
{
    struct gw_place id = gw_place_member(place, "operationId");

    operation->id = contract_text(loading, place, "operationId");
    if (operation->id.len == 0) {
        if (json_is_string(id.value))
            contract_error(loading, &id, "an operationId is not empty");
        operation->id =
            gw_arena_printf(loading->arena, "%s %.*s", method_key, GW_STR_ARG(item->text));
        loading->has_no_memory = loading->has_no_memory || operation->id.ptr == NULL;
        return;
    }
    int rc = gw_map_add(&loading->operation_ids, operation->id, operation);
    if (rc == -EEXIST) {
        const struct gw_operation *other = gw_map_get(&loading->operation_ids, operation->id);
        contract_error(loading, &id, "the operationId \"%.*s\" is that of %s %.*s, too",
                       GW_STR_ARG(operation->id), gw_method_name(other->method).ptr,
                       GW_STR_ARG(other->path));
    } else if (rc != 0) {
        loading->has_no_memory = true;
    }
}

static void read_security(struct contract_loading *loading, const struct gw_place *place,
                          struct gw_operation *operation)
{
    struct gw_place own = gw_place_member(place, "security");
    struct contract_security security = loading->security;

    if (own.value != NULL)
        security = contract_read_security(loading, &own);
    operation->security = security.alternatives;
    operation->security_count = security.count;
    if (!loading->rules->is_standalone && security.allows_anonymous &&
        !gw_contract_rules_allow_anonymous(loading->rules, loading->api->namespace))
        contract_error(loading, own.value != NULL ? &own : place,
                       "%s %.*s could be called without a token, which the configuration does not "
                       "allow for %.*s",
                       gw_method_name(operation->method).ptr, GW_STR_ARG(operation->path),
                       GW_STR_ARG(loading->api->namespace));
}

static void check_template_is_described(struct contract_loading *loading,
                                        const struct gw_place *place,
                                        const struct gw_path_template *path,
                                        const struct contract_parameters *parameters)
{
    for (size_t i = 0; i < path->parameter_count; i++) {
        bool is_described = false;
        for (size_t p = 0; p < parameters->count; p++)
            is_described = is_described || (parameters->items[p].place == GW_IN_PATH &&
                                            parameters->items[p].path_index == i);
        if (!is_described)
            contract_error(loading, place, "no parameter describes {%.*s} of the path",
                           GW_STR_ARG(path->parameters[i]));
    }
}

static void read_rules(struct contract_loading *loading, const struct gw_place *place,
                       struct path_item *item, struct gw_operation *operation)
{
    struct contract_rules own;
    struct contract_rules *const lists[] = {&loading->floor, &loading->api_rules, &item->rules,
                                            &own};

    contract_read_rules(loading, place, GW_RULE_OF_OPERATION, &own);
    contract_apply_rules(loading, place, lists, GW_COUNT_OF(lists), operation);
}

static void read_keying(struct contract_loading *loading, const struct gw_place *place,
                        const struct path_item *item, struct gw_operation *operation)
{
    const struct gw_place extensions[] = {gw_place_member(place, "x-millgate"),
                                          item->rules.extension,
                                          gw_place_member(&loading->root, "x-millgate")};

    contract_read_keying(loading, extensions, GW_COUNT_OF(extensions), operation);
}

static void read_operation(struct contract_loading *loading, struct path_item *item,
                           const struct gw_place *place, size_t method,
                           struct gw_operation *operation)
{
    struct gw_place parameters = gw_place_member(place, "parameters");
    struct gw_place body = gw_place_member(place, "requestBody");
    struct gw_place responses = gw_place_member(place, "responses");

    if (!contract_check_object(loading, place, CONTRACT_OPERATION))
        return;
    operation->api = loading->api;
    operation->method = methods[method].method;
    operation->path = item->text;
    operation->route = gw_arena_printf(loading->arena, "%.*s%.*s", GW_STR_ARG(loading->api->base),
                                       GW_STR_ARG(item->text));
    loading->has_no_memory = loading->has_no_memory || operation->route.ptr == NULL;
    operation->is_deprecated = contract_flag(place, "deprecated", false);
    read_id(loading, place, item, methods[method].key, operation);

    struct contract_parameters own = contract_read_parameters(loading, &parameters, &item->path);
    struct contract_parameters all = contract_merge_parameters(loading, item->parameters, own);
    check_template_is_described(loading, place, &item->path, &all);
    operation->parameters = all.items;
    operation->parameter_count = all.count;
    contract_read_body(loading, &body, operation);
    contract_read_responses(loading, &responses, operation);
    read_security(loading, place, operation);
    contract_read_operation_extension(loading, place, &item->path, operation);
    read_keying(loading, place, item, operation);
    contract_read_cache(loading, place, &item->rules.extension, &item->path, operation);
    read_rules(loading, place, item, operation);
}

/* Templates that differ only in their parameters' names are one path (OpenAPI: "Paths Object"). */
static void check_shape(struct contract_loading *loading, const struct gw_place *entry,
                        const struct path_item *item)
{
    struct gw_buf shape;

    gw_buf_init(&shape, GW_PATH_MAX_SEGMENTS * (GW_PATH_MAX_LITERAL + 64));
    for (size_t i = 0; i < item->path.segment_count; i++) {
        gw_buf_append_byte(&shape, '/');
        gw_buf_append_str(&shape, item->path.segments[i].shape);
    }
    struct gw_str key = gw_arena_copy(&loading->scratch, gw_buf_str(&shape));
    const char *written = gw_arena_copy(&loading->scratch, item->text).ptr;
    gw_buf_finish(&shape);
    if (key.ptr == NULL || written == NULL) {
        loading->has_no_memory = true;
        return;
    }
    int rc = gw_map_add(&loading->shapes, key, (void *)(uintptr_t)written);
    if (rc == -EEXIST)
        gw_place_report_key(&loading->resolver, entry, GW_SEVERITY_ERROR,
                            "\"%.200s\" and \"%.200s\" match the same requests", entry->key,
                            (const char *)gw_map_get(&loading->shapes, key));
    else if (rc != 0)
        loading->has_no_memory = true;
}

static bool start_path_item(struct contract_loading *loading, const struct gw_place *entry,
                            struct path_item *item)
{
    struct gw_error error;

    item->text = contract_copy(loading, gw_str_of(entry->key));
    if (gw_path_template_parse(loading->arena, item->text, &item->path, &error) != 0) {
        gw_place_report_key(&loading->resolver, entry, GW_SEVERITY_ERROR, "%s", error.text);
        return false;
    }
    check_shape(loading, entry, item);
    if (gw_reference_resolver_follow(&loading->resolver, entry, &item->place) != 0 ||
        !contract_check_object(loading, &item->place, CONTRACT_PATH_ITEM))
        return false;
    struct gw_place trace = gw_place_member(&item->place, "trace");
    if (trace.value != NULL)
        gw_place_report_key(&loading->resolver, &trace, GW_SEVERITY_ERROR,
                            "TRACE is not offered: it would send credentials back");
    struct gw_place parameters = gw_place_member(&item->place, "parameters");
    item->parameters = contract_read_parameters(loading, &parameters, &item->path);
    contract_read_rules(loading, &item->place, GW_RULE_OF_PATH, &item->rules);
    if (item->rules.extension.value != NULL)
        (void)contract_check_object(loading, &item->rules.extension, CONTRACT_MILLGATE_PATH);
    return true;
}

static void read_path_item(struct contract_loading *loading, const struct gw_place *entry,
                           struct operation_list *list)
{
    struct path_item item = {0};

    if (!start_path_item(loading, entry, &item))
        return;
    for (size_t i = 0; i < GW_COUNT_OF(methods); i++) {
        struct gw_place place = gw_place_member(&item.place, methods[i].key);
        if (place.value == NULL)
            continue;
        struct gw_operation *operation = &list->items[list->count];
        operation->number = list->count++;
        read_operation(loading, &item, &place, i, operation);
    }
}

void contract_read_paths(struct contract_loading *loading)
{
    struct gw_place paths = gw_place_member(&loading->root, "paths");
    struct operation_list list = {.capacity = count_operations(paths.value)};
    const char *key;
    json_t *value;

    if (!json_is_object(paths.value))
        return; /* absent, or said */
    if (list.capacity > (size_t)CONTRACT_MAX_OPERATIONS * GW_COUNT_OF(methods)) {
        contract_error(loading, &paths, "more than %d paths", CONTRACT_MAX_OPERATIONS);
        return;
    }
    list.items = gw_arena_calloc(&loading->scratch, list.capacity, sizeof(*list.items));
    if (list.items == NULL) {
        loading->has_no_memory = true;
        return;
    }
    json_t *object = (json_t *)(uintptr_t)paths.value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(&paths, key);
        if (strncmp(key, "x-", 2) != 0)
            read_path_item(loading, &entry, &list);
    }

    /* The list had room for every method of every path. */
    struct gw_operation *operations = contract_alloc(loading, list.count, sizeof(*operations));
    if (operations == NULL)
        return;
    if (list.count > 0)
        memcpy(operations, list.items, list.count * sizeof(*operations));
    loading->api->operations = operations;
    loading->api->operation_count = list.count;
}
