/* From tokens to nodes: the queue, the keywords of one schema, and what keyword functions share. */
#include <errno.h>
#include <stdio.h>

#include "server/json/pointer.h"
#include "server/json/schema_compiler.h"

#define MAX_DUPLICATED 1000 /* members of a schema that has some twice: they are searched */

int schema_refuse_at(struct gw_schema_compiler *compiler, const struct document *document,
                     uint32_t at, int code, struct gw_error *error, const char *format, ...)
{
    struct gw_str where = gw_pointer_to(&document->tape, document->root, at, &compiler->arena);
    char text[sizeof(error->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return gw_error_set_at(error, code, where.ptr != NULL ? where.ptr : "", "%s%s%s%s",
                           document->uri.len > 0 ? document->uri.ptr : "",
                           document->uri.len > 0 ? ": " : "", text, "");
}

int(schema_refuse)(const struct build *build, uint32_t at, const char *format, ...)
{
    char text[sizeof(build->error->text)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return schema_refuse_at(build->compiler, build->resource->document, at, -EINVAL, build->error,
                            "%s", text);
}

struct gw_str schema_keep(const struct build *build, struct gw_str text)
{
    return gw_arena_copy(&build->compiler->set->arena, text);
}

int schema_unsigned(const struct build *build, uint32_t at, uint64_t *out_value)
{
    int64_t value;
    bool is_integer = gw_json_to_i64(build->tape, at, &value);

    if (!is_integer && gw_json_type(build->tape, at) == GW_JSON_NUMBER) {
        struct gw_decimal decimal; /* above 2^63, then: no value is that large */
        if (gw_decimal_parse(gw_json_number(build->tape, at), &decimal) == 0 &&
            gw_decimal_is_integer(&decimal) && !decimal.is_negative) {
            *out_value = UINT64_MAX;
            return 0;
        }
    }
    if (!is_integer || value < 0)
        return schema_refuse(build, at, "%.*s must be an integer of at least 0",
                             GW_STR_ARG(build->keyword));
    *out_value = (uint64_t)value;
    return 0;
}

int schema_child(const struct build *build, uint32_t at, struct schema_node **out_node)
{
    enum gw_json_type type = gw_json_type(build->tape, at);

    if (type != GW_JSON_OBJECT && type != GW_JSON_TRUE && type != GW_JSON_FALSE)
        return schema_refuse(build, at, "a schema must be an object or a boolean");
    return schema_node_at(build->compiler, build->resource->document, at, out_node, build->error);
}

int schema_child_list(const struct build *build, uint32_t at, struct node_list *out_list)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    int rc = 0;

    if (gw_json_type(build->tape, at) != GW_JSON_ARRAY)
        return schema_refuse(build, at, "%.*s must be an array of schemas",
                             GW_STR_ARG(build->keyword));
    out_list->nodes = gw_arena_calloc(&build->compiler->set->arena, gw_json_count(build->tape, at),
                                      sizeof(struct schema_node *));
    if (out_list->nodes == NULL)
        return schema_no_memory(build->error);
    while (rc == 0 && gw_json_step(build->tape, &cursor))
        rc = schema_child(build, cursor.value, &out_list->nodes[out_list->count++]);
    return rc;
}

#define PART(name)                                                                            \
    struct name##_part *schema_##name##_part(const struct build *build)                       \
    {                                                                                         \
        if (build->node->name == NULL)                                                        \
            build->node->name =                                                               \
                gw_arena_calloc(&build->compiler->set->arena, 1, sizeof(struct name##_part)); \
        return build->node->name;                                                             \
    }

PART(number)
PART(rest)

struct string_part *schema_string_part(const struct build *build)
{
    struct string_part *part = build->node->string;

    if (part == NULL) {
        part = gw_arena_calloc(&build->compiler->set->arena, 1, sizeof(*part));
        build->node->string = part;
        if (part != NULL)
            part->max_length = UINT64_MAX;
    }
    return part;
}

struct array_part *schema_array_part(const struct build *build)
{
    struct array_part *part = build->node->array;

    if (part == NULL) {
        part = gw_arena_calloc(&build->compiler->set->arena, 1, sizeof(*part));
        build->node->array = part;
        if (part != NULL)
            *part = (struct array_part){
                .max_items = UINT64_MAX, .min_contains = 1, .max_contains = UINT64_MAX};
    }
    return part;
}

struct object_part *schema_object_part(const struct build *build)
{
    struct object_part *part = build->node->object;

    if (part == NULL) {
        part = gw_arena_calloc(&build->compiler->set->arena, 1, sizeof(*part));
        build->node->object = part;
        if (part != NULL)
            part->max_properties = UINT64_MAX;
    }
    return part;
}

const struct gw_pattern *schema_pattern(const struct build *build, struct gw_str source,
                                        uint32_t at)
{
    struct gw_schema_compiler *compiler = build->compiler;
    struct gw_schema_set *set = compiler->set;
    struct gw_pattern *pattern = gw_map_get(&compiler->patterns, source);

    if (pattern != NULL)
        return pattern;
    struct gw_error why;
    struct gw_pattern **list = schema_grow(&set->arena, set->patterns, set->pattern_count,
                                           &compiler->pattern_capacity, sizeof(*list));
    if (list == NULL) {
        (void)schema_no_memory(build->error);
        return NULL;
    }
    set->patterns = list;
    pattern = gw_pattern_create(source, &why);
    if (pattern == NULL) {
        (void)schema_refuse(build, at, "\"%.*s\" is no regular expression: %s", GW_STR_ARG(source),
                            why.text);
        return NULL;
    }
    list[set->pattern_count++] = pattern;
    if (gw_map_add(&compiler->patterns, source, pattern) != 0) {
        (void)schema_no_memory(build->error);
        return NULL;
    }
    return pattern;
}

static struct node_location *locate(struct gw_schema_compiler *compiler,
                                    const struct document *document, uint32_t at)
{
    struct gw_arena *arena = &compiler->set->locations;
    struct node_location *location = gw_arena_alloc(arena, sizeof(*location));
    struct gw_str pointer = gw_pointer_to(&document->tape, document->root, at, &compiler->arena);

    if (location == NULL || pointer.ptr == NULL)
        return NULL;
    location->text =
        gw_arena_printf(arena, "%.*s#%.*s", GW_STR_ARG(document->uri), GW_STR_ARG(pointer));
    location->pointer = (uint32_t)document->uri.len + 1;
    return location->text.ptr == NULL ? NULL : location;
}

static int enqueue(struct gw_schema_compiler *compiler, struct pending pending,
                   struct gw_error *error)
{
    struct gw_schema_set *set = compiler->set;
    struct pending *queue = schema_grow(&compiler->arena, compiler->queue, compiler->queue_count,
                                        &compiler->queue_capacity, sizeof(*queue));
    struct schema_node **nodes =
        schema_grow(&set->arena, set->nodes, set->node_count, &compiler->node_capacity,
                    sizeof(struct schema_node *));

    if (queue == NULL || nodes == NULL)
        return schema_no_memory(error);
    compiler->queue = queue;
    set->nodes = nodes;
    if (set->node_count == compiler->options.max_nodes)
        return gw_error_set(error, -EMSGSIZE, "more than %zu schemas", compiler->options.max_nodes);
    queue[compiler->queue_count++] = pending;
    nodes[set->node_count++] = pending.node;
    return 0;
}

int schema_node_at(struct gw_schema_compiler *compiler, struct document *document, uint32_t at,
                   struct schema_node **out_node, struct gw_error *error)
{
    struct schema_node *node = document->nodes[at];

    *out_node = node;
    if (node != NULL)
        return 0;
    node = gw_arena_calloc(&compiler->set->arena, 1, sizeof(*node));
    const struct node_location *location = node == NULL ? NULL : locate(compiler, document, at);
    if (location == NULL)
        return schema_no_memory(error);
    struct resource *resource = schema_resource_of(document, at);
    *node = (struct schema_node){
        .types = NODE_TYPES_ALL, .resource = resource->id, .location = location};
    resource->is_used = true;
    int rc = enqueue(compiler, (struct pending){node, resource, at}, error);
    if (rc != 0)
        return rc;
    document->nodes[at] = node;
    *out_node = node;
    return 0;
}

/* Drafts in which $ref hides what stands beside it. */
static bool is_only_ref(const struct build *build)
{
    enum draft draft = build->resource->draft;

    return (draft == DRAFT_07 || draft == DRAFT_OPENAPI_30) &&
           gw_json_get(build->tape, build->at, GW_STR("$ref")) != GW_JSON_NONE;
}

/* Of a keyword that stands twice the last one counts, as in most readers. */
static bool is_overridden(const struct build *build, const struct gw_json_cursor *cursor)
{
    return (build->tape->tokens[build->at].flags & GW_JSON_DUPLICATES) != 0 &&
           gw_json_get(build->tape, build->at, build->keyword) != cursor->value;
}

static int build_keywords(struct build *build)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, build->at);
    bool only_ref = is_only_ref(build);
    int rc = 0;

    while (rc == 0 && gw_json_step(build->tape, &cursor)) {
        build->keyword = gw_json_string(build->tape, cursor.name);
        const struct keyword *keyword = schema_keyword(build->keyword);
        if (keyword == NULL || keyword->fn == NULL ||
            (keyword->drafts & 1u << build->resource->draft) == 0 ||
            (keyword->vocabulary & build->resource->vocabularies) == 0 ||
            (only_ref && keyword->fn != schema_kw_ref) || is_overridden(build, &cursor))
            continue;
        rc = schema_tell(build->compiler, keyword->fn(build, cursor.value), build->error);
    }
    if ((build->node->flags & (NODE_NULLABLE | NODE_HAS_TYPE)) == (NODE_NULLABLE | NODE_HAS_TYPE))
        build->node->types |= 1 << GW_JSON_NULL;
    return rc != 0 ? rc : schema_finish_object(build);
}

static int build_node(struct gw_schema_compiler *compiler, const struct pending *pending,
                      struct gw_error *error)
{
    struct document *document = pending->resource->document;
    struct build build = {
        .compiler = compiler,
        .resource = pending->resource,
        .node = pending->node,
        .tape = &document->tape,
        .at = pending->at,
        .error = error,
    };

    enum gw_json_type type = gw_json_type(build.tape, build.at);
    if (type == GW_JSON_TRUE)
        return 0;
    if (type == GW_JSON_FALSE) {
        pending->node->types = 0;
        pending->node->flags = NODE_NEVER;
        return 0;
    }
    if (type != GW_JSON_OBJECT)
        return schema_refuse(&build, build.at, "a schema must be an object or a boolean");
    if ((build.tape->tokens[build.at].flags & GW_JSON_DUPLICATES) != 0 &&
        gw_json_count(build.tape, build.at) > MAX_DUPLICATED)
        return schema_refuse(&build, build.at, "a large schema has names that stand twice");
    int rc = schema_speak(compiler, pending->resource, error);
    return rc != 0 ? rc : build_keywords(&build);
}

/* A dynamic anchor that some $dynamicRef may reach is compiled, too. */
static int add_dynamic_anchors(struct gw_schema_compiler *compiler, const struct resource *resource,
                               struct gw_error *error)
{
    struct gw_schema_set *set = compiler->set;

    for (const struct anchor *anchor = resource->anchors; anchor != NULL; anchor = anchor->next) {
        for (uint32_t name = 0; anchor->is_dynamic && name < compiler->anchor_name_count; name++) {
            bool is_known = !gw_str_equal(compiler->anchor_names[name], anchor->name);
            for (size_t i = 0; i < set->anchor_count && !is_known; i++)
                is_known = set->anchors[i].resource == resource->id && set->anchors[i].name == name;
            if (is_known)
                continue;
            struct dynamic_anchor *anchors =
                schema_grow(&set->arena, set->anchors, set->anchor_count,
                            &compiler->anchor_capacity, sizeof(*anchors));
            struct schema_node *node = NULL;
            if (anchors == NULL)
                return schema_no_memory(error);
            int rc = schema_node_at(compiler, resource->document, anchor->at, &node, error);
            if (rc != 0)
                return rc;
            set->anchors = anchors;
            anchors[set->anchor_count++] = (struct dynamic_anchor){resource->id, name, node};
        }
    }
    return 0;
}

int schema_build_pending(struct gw_schema_compiler *compiler, struct gw_error *error)
{
    int rc = 0;

    while (rc == 0 && compiler->queue_done < compiler->queue_count) {
        struct pending pending = compiler->queue[compiler->queue_done++];
        rc = schema_tell(compiler, build_node(compiler, &pending, error), error);
        if (rc != 0 || compiler->queue_done < compiler->queue_count)
            continue;
        for (uint32_t i = 0; rc == 0 && i < compiler->resource_count; i++) {
            if (compiler->all_resources[i]->is_used && compiler->anchor_name_count > 0)
                rc = add_dynamic_anchors(compiler, compiler->all_resources[i], error);
        }
    }
    return rc;
}
