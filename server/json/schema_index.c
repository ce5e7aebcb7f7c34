/* Finding the identifiers of a document: $id, $anchor, $dynamicAnchor, where schemas are and
 * nowhere else. */
#include <errno.h>

#include "server/json/schema_compiler.h"
#include "server/json/uri.h"

#define MAX_DEPTH GW_JSON_DEPTH_CEILING

struct indexer {
    struct gw_schema_compiler *compiler;
    struct document *document;
    struct gw_error *error;
};

static int index_schema(struct indexer *indexer, uint32_t at, uint32_t resource);

static struct gw_str string_member(const struct gw_json_tape *tape, uint32_t at, const char *name)
{
    uint32_t value = gw_json_get(tape, at, gw_str_of(name));

    if (value == GW_JSON_NONE || gw_json_type(tape, value) != GW_JSON_STRING)
        return (struct gw_str){NULL, 0};
    return gw_json_string(tape, value);
}

static int add_resource(struct indexer *indexer, uint32_t at, uint32_t parent, struct gw_str uri,
                        uint32_t *out_index)
{
    struct gw_schema_compiler *compiler = indexer->compiler;
    struct document *document = indexer->document;
    struct gw_arena *arena = &compiler->arena;
    size_t capacity = document->resource_capacity;
    size_t all_capacity = compiler->all_resource_capacity;

    struct resource *resource = gw_arena_calloc(arena, 1, sizeof(*resource));
    struct resource **list = schema_grow(arena, document->resources, document->resource_count,
                                         &capacity, sizeof(struct resource *));
    struct resource **all = schema_grow(arena, compiler->all_resources, compiler->resource_count,
                                        &all_capacity, sizeof(struct resource *));
    if (resource == NULL || list == NULL || all == NULL)
        return schema_no_memory(indexer->error);
    document->resources = list;
    document->resource_capacity = (uint32_t)capacity;
    compiler->all_resources = all;
    compiler->all_resource_capacity = (uint32_t)all_capacity;
    *resource = (struct resource){
        .document = document,
        .uri = uri,
        .at = at,
        .end = gw_json_next(&document->tape, at),
        .id = compiler->resource_count,
        .parent = parent,
    };
    int rc = gw_map_add(&compiler->resources, uri, resource);
    if (rc == -EEXIST)
        return schema_refuse_at(compiler, document, at, -EINVAL, indexer->error,
                                "two schemas have the identifier \"%.*s\"", GW_STR_ARG(uri));
    if (rc != 0)
        return schema_no_memory(indexer->error);
    all[compiler->resource_count++] = resource;
    *out_index = document->resource_count;
    list[document->resource_count++] = resource;
    return 0;
}

static int add_anchor(struct indexer *indexer, uint32_t resource, struct gw_str name, uint32_t at,
                      bool is_dynamic)
{
    struct resource *owner = indexer->document->resources[resource];
    const struct anchor *old = schema_find_anchor(owner, name);

    if (old != NULL && old->at != at)
        return schema_refuse_at(indexer->compiler, indexer->document, at, -EINVAL, indexer->error,
                                "two schemas have the anchor \"%.*s\"", GW_STR_ARG(name));
    struct anchor *anchor = gw_arena_alloc(&indexer->compiler->arena, sizeof(*anchor));
    if (anchor == NULL)
        return schema_no_memory(indexer->error);
    *anchor =
        (struct anchor){.name = name, .at = at, .is_dynamic = is_dynamic, .next = owner->anchors};
    owner->anchors = anchor;
    return 0;
}

/* Whether the schema is in a draft where $ref leaves no room for siblings, so that its $id is none.
 */
static bool ignores_siblings(const struct document *document, uint32_t at)
{
    struct gw_str schema = string_member(&document->tape, document->root, "$schema");

    return gw_str_has_prefix(schema, GW_STR("http://json-schema.org/draft-0")) &&
           gw_json_get(&document->tape, at, GW_STR("$ref")) != GW_JSON_NONE;
}

/* Registers the schema's $id and anchors. *resource is the index of the resource it lies in, and
 * becomes its own if it has one. */
static int index_identifiers(struct indexer *indexer, uint32_t at, uint32_t *resource)
{
    struct document *document = indexer->document;
    const struct gw_json_tape *tape = &document->tape;
    struct gw_str id = string_member(tape, at, "$id");

    if (id.ptr != NULL && id.len > 0 && id.ptr[0] != '#' && !ignores_siblings(document, at)) {
        struct gw_str uri =
            gw_uri_resolve(&indexer->compiler->arena, document->resources[*resource]->uri, id);
        if (uri.ptr == NULL)
            return schema_no_memory(indexer->error);
        if (!gw_str_equal(uri, document->resources[*resource]->uri) || at != document->root) {
            int rc = add_resource(indexer, at, *resource, uri, resource);
            if (rc != 0)
                return rc;
        }
    } else if (id.len > 1 &&
               gw_str_has_prefix(id, GW_STR("#"))) { /* how draft-07 writes an anchor */
        int rc = add_anchor(indexer, *resource, gw_str_tail(id, 1), at, false);
        if (rc != 0)
            return rc;
    }
    struct gw_str anchor = string_member(tape, at, "$anchor");
    int rc = anchor.ptr == NULL ? 0 : add_anchor(indexer, *resource, anchor, at, false);
    struct gw_str dynamic = string_member(tape, at, "$dynamicAnchor");
    if (rc == 0 && dynamic.ptr != NULL)
        rc = add_anchor(indexer, *resource, dynamic, at, true);
    uint32_t recursive = gw_json_get(tape, at, GW_STR("$recursiveAnchor"));
    if (rc == 0 && recursive != GW_JSON_NONE && gw_json_type(tape, recursive) == GW_JSON_TRUE)
        rc = add_anchor(indexer, *resource, GW_STR(""), at, true);
    return rc;
}

static int index_each(struct indexer *indexer, uint32_t at, uint32_t resource)
{
    struct gw_json_cursor cursor = gw_json_begin(&indexer->document->tape, at);
    int rc = 0;

    while (rc == 0 && gw_json_step(&indexer->document->tape, &cursor))
        rc = index_schema(indexer, cursor.value, resource);
    return rc;
}

/* Recursion: no deeper than the document. */
static int index_schema(struct indexer *indexer, uint32_t at, uint32_t resource)
{
    const struct gw_json_tape *tape = &indexer->document->tape;

    if (gw_json_type(tape, at) != GW_JSON_OBJECT)
        return 0;
    int rc = index_identifiers(indexer, at, &resource);
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    while (rc == 0 && gw_json_step(tape, &cursor)) {
        const struct keyword *keyword = schema_keyword(gw_json_string(tape, cursor.name));
        enum gw_json_type type = gw_json_type(tape, cursor.value);
        if (keyword == NULL || keyword->holds == HOLDS_NONE)
            continue;
        bool is_list = type == GW_JSON_ARRAY &&
                       (keyword->holds == HOLDS_LIST || keyword->holds == HOLDS_ITEMS);
        bool is_map = type == GW_JSON_OBJECT &&
                      (keyword->holds == HOLDS_MAP || keyword->holds == HOLDS_DEPENDENCIES);
        if (is_list || is_map)
            rc = index_each(indexer, cursor.value, resource);
        else if (type == GW_JSON_OBJECT && keyword->holds != HOLDS_LIST)
            rc = index_schema(indexer, cursor.value, resource);
    }
    return rc;
}

/* In an OpenAPI document schemas stand under "schema" (parameters, headers, media types) and
 * "schemas" (components). */
static int index_openapi(struct indexer *indexer, uint32_t at)
{
    const struct gw_json_tape *tape = &indexer->document->tape;
    struct gw_json_cursor cursor = gw_json_begin(tape, at);
    int rc = 0;

    while (rc == 0 && gw_json_step(tape, &cursor)) {
        struct gw_str name =
            cursor.is_object ? gw_json_string(tape, cursor.name) : (struct gw_str){NULL, 0};
        if (gw_json_type(tape, cursor.value) < GW_JSON_ARRAY ||
            gw_str_equal(name, GW_STR("example")) || gw_str_equal(name, GW_STR("examples")))
            continue;
        if (gw_str_equal(name, GW_STR("schema")))
            rc = index_schema(indexer, cursor.value, 0);
        else if (gw_str_equal(name, GW_STR("schemas")))
            rc = index_each(indexer, cursor.value, 0);
        else
            rc = index_openapi(indexer, cursor.value);
    }
    return rc;
}

int schema_index_document(struct gw_schema_compiler *compiler, struct document *document,
                          struct gw_error *error)
{
    struct indexer indexer = {compiler, document, error};
    uint32_t first;

    if (document->is_indexed && document->resource_count == 0)
        return gw_error_set(error, -EINVAL, "the document \"%.*s\" has been refused",
                            GW_STR_ARG(document->uri));
    if (document->is_indexed)
        return 0;
    document->is_indexed = true;
    int rc = add_resource(&indexer, document->root, NODE_NONE, document->uri, &first);
    if (rc != 0)
        return rc;
    if (document->is_openapi && document->dialect == GW_SCHEMA_OPENAPI_30)
        return 0; /* its schemas have no identifiers */
    return document->is_openapi ? index_openapi(&indexer, document->root)
                                : index_schema(&indexer, document->root, 0);
}

/* The innermost resource that `at` lies in. Resources are in the order of their tokens, so it is
 * the last one that starts at or before, or one around that. */
struct resource *schema_resource_of(const struct document *document, uint32_t at)
{
    uint32_t low = 0, high = document->resource_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (document->resources[middle]->at <= at)
            low = middle;
        else
            high = middle;
    }
    while (document->resources[low]->end <= at && document->resources[low]->parent != NODE_NONE)
        low = document->resources[low]->parent;
    return document->resources[low];
}
