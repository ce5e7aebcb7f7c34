/* Schemas of inputs, outputs and exports: all of a document in one set. Each is a document of its
 * own, so that `#/...` within it means itself; files beside the flow are theirs by path. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "server/core/buf.h"
#include "server/flow/loading.h"

#define MAX_SCHEMA_BYTES (4u << 20)

/* A document that the compiler has: where it came from, to tell its faults. */
struct flow_schema {
    struct flow_schema *next;
    struct gw_str uri;
    struct flow_place place;
    bool is_inline;
};

static void tell(struct flow_loading *loading, const struct flow_schema *schema,
                 const struct gw_error *error)
{
    if (schema->is_inline) {
        struct gw_str pointer = gw_arena_printf(&loading->scratch, "%.*s%s",
                                                GW_STR_ARG(schema->place.pointer), error->where);
        if (pointer.ptr != NULL)
            gw_document_report(loading->document, pointer.ptr, GW_SEVERITY_ERROR,
                               loading->diagnostics, "%s", error->text);
        return;
    }
    flow_error(loading, &schema->place, "%s%s%s", error->where, error->where[0] != '\0' ? ": " : "",
               error->text);
}

/* The compiler's texts begin with the URI of the document that they are about. */
static void report(void *self, const struct gw_error *told)
{
    struct flow_loading *loading = self;
    struct gw_error copy = *told, *error = &copy;
    struct flow_schema *schema = loading->schema_list;

    for (; schema != NULL; schema = schema->next) {
        size_t len = schema->uri.len;
        if (!gw_str_has_prefix(gw_str_of(error->text), schema->uri) ||
            strncmp(error->text + len, ": ", 2) != 0)
            continue;
        memmove(error->text, error->text + len + 2, strlen(error->text + len + 2) + 1);
        tell(loading, schema, error);
        return;
    }
    assert(loading->schema_list != NULL); /* nothing is compiled before it stands there */
    tell(loading, loading->schema_list, error);
}

static const struct flow_schema *find_file(struct flow_loading *loading, struct gw_str uri)
{
    for (const struct flow_schema *each = loading->schema_list; each != NULL; each = each->next)
        if (gw_str_equal(each->uri, uri))
            return each;
    return NULL;
}

/* A function's schemas are met once for each call of it. */
static const struct flow_schema *find_inline(struct flow_loading *loading,
                                             const struct gw_value *value)
{
    for (const struct flow_schema *each = loading->schema_list; each != NULL; each = each->next)
        if (each->is_inline && each->place.value == value)
            return each;
    return NULL;
}

static struct flow_schema *add(struct flow_loading *loading, struct gw_str uri,
                               const struct flow_place *place, bool is_inline)
{
    struct flow_schema *schema = flow_alloc(loading, 1, sizeof(*schema));

    if (schema == NULL)
        return NULL;
    *schema = (struct flow_schema){loading->schema_list, uri, *place, is_inline};
    loading->schema_list = schema;
    return schema;
}

/* Reads `path` (of "file://<path>") into the compiler. */
static int add_file(struct flow_loading *loading, struct gw_str path,
                    const struct flow_place *place, struct gw_error *error)
{
    struct gw_document *document = NULL;
    struct gw_str own_path;
    struct gw_str uri =
        gw_arena_join(loading->arena, (struct gw_str[]){GW_STR("file://"), path}, 2);
    struct gw_str text = flow_read_beside(loading, place, path, &own_path);

    if (text.ptr == NULL || uri.ptr == NULL)
        return gw_error_set(error, -EINVAL, "cannot be read");
    int rc = gw_document_load(text, own_path.ptr, loading->diagnostics, &document);
    free((char *)text.ptr);
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "%s cannot be read", own_path.ptr);
    rc = add(loading, uri, place, false) != NULL
             ? gw_schema_compiler_add_document(loading->schemas, uri, document->root, error)
             : -ENOMEM;
    gw_document_destroy(document);
    return rc;
}

/* What schemas refer to: files only. */
static int load(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                struct gw_error *error)
{
    struct flow_loading *loading = self;

    (void)compiler; /* is loading->schemas */
    if (!gw_str_has_prefix(uri, GW_STR("file:///")))
        return gw_error_set(error, -EINVAL, "%.*s is no file beside the flow", GW_STR_ARG(uri));
    return add_file(loading, gw_str_tail(uri, strlen("file://")), &loading->schema_list->place,
                    error);
}

static bool start(struct flow_loading *loading)
{
    const struct gw_schema_options options = {.assert_format = true};

    if (loading->schemas != NULL)
        return true;
    loading->schemas = gw_schema_compiler_create(&options);
    if (loading->schemas == NULL) {
        loading->has_no_memory = true;
        return false;
    }
    gw_schema_compiler_set_loader(loading->schemas, load, loading);
    gw_schema_compiler_set_reporter(loading->schemas, report, loading);
    return true;
}

static int add_inline(struct flow_loading *loading, const struct flow_place *document,
                      struct gw_str *out_uri, struct gw_error *error)
{
    const struct flow_schema *known = find_inline(loading, document->value);
    struct gw_buf buf;

    if (known != NULL) {
        *out_uri = known->uri;
        return 0;
    }
    *out_uri = gw_arena_printf(loading->arena, "flow:/%u", ++loading->schema_count);
    if (out_uri->ptr == NULL || add(loading, *out_uri, document, true) == NULL)
        return -ENOMEM;
    gw_buf_init(&buf, MAX_SCHEMA_BYTES);
    gw_value_write(&buf, document->value);
    int rc = buf.has_failed
                 ? gw_error_set(error, -EMSGSIZE, "is too large")
                 : gw_schema_compiler_add_text(loading->schemas, *out_uri, gw_buf_str(&buf), error);
    gw_buf_finish(&buf);
    return rc;
}

/* The file's path without links and dots, so that it has one URI; ptr NULL: there is none. */
static struct gw_str real_path(struct flow_loading *loading, struct gw_str name)
{
    struct gw_str folder = loading->flow->file;

    while (folder.len > 0 && folder.ptr[folder.len - 1] != '/')
        folder.len--;
    if (name.len > 0 && name.ptr[0] == '/')
        folder.len = 0;
    struct gw_str joined = gw_arena_join(&loading->scratch, (struct gw_str[]){folder, name}, 2);
    char *path = joined.ptr != NULL ? realpath(joined.ptr, NULL) : NULL;
    struct gw_str own =
        path != NULL ? gw_arena_copy(loading->arena, gw_str_of(path)) : (struct gw_str){NULL, 0};
    free(path);
    return own;
}

/* "schemas/material.yaml", or {uri: ...}, relative to the flow; a fragment names a part. */
static int add_resource(struct flow_loading *loading, const struct flow_place *resource,
                        struct gw_str *out_uri, struct gw_str *out_pointer, struct gw_error *error)
{
    struct flow_place endpoint = flow_member(loading, resource, "endpoint");

    if (flow_is(&endpoint, GW_JSON_OBJECT))
        endpoint = flow_member_of_type(loading, &endpoint, "uri", GW_JSON_STRING);
    struct gw_str text = flow_text(&endpoint);
    size_t hash_at = gw_str_find(text, '#');
    if (text.len == 0 || strstr(text.ptr, "://") != NULL)
        return gw_error_set(error, -EINVAL, "a schema is a file beside the flow");
    struct gw_str path = real_path(loading, gw_str_from(text.ptr, hash_at));
    if (path.ptr == NULL)
        return gw_error_set(error, -ENOENT, "%.*s: there is no such file", GW_STR_ARG(text));
    *out_pointer = hash_at < text.len ? gw_str_tail(text, hash_at + 1) : GW_STR("");
    *out_uri = gw_arena_join(loading->arena, (struct gw_str[]){GW_STR("file://"), path}, 2);
    if (out_uri->ptr == NULL)
        return -ENOMEM;
    return find_file(loading, *out_uri) != NULL ? 0 : add_file(loading, path, &endpoint, error);
}

static int add_schema(struct flow_loading *loading, const struct flow_place *document,
                      const struct flow_place *resource, size_t *out_entry, struct gw_error *error)
{
    struct gw_str uri, pointer = GW_STR("");
    int rc = -EINVAL;

    if (document->value != NULL)
        rc = add_inline(loading, document, &uri, error);
    else if (flow_check_object(loading, resource, FLOW_RESOURCE))
        rc = add_resource(loading, resource, &uri, &pointer, error);
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(loading->schemas, uri, pointer, GW_SCHEMA_2020_12,
                                          out_entry, error);
    return rc;
}

static bool is_json_schema(struct gw_str format)
{
    return format.len == 0 || gw_str_equal(format, GW_STR("json")) ||
           gw_str_has_prefix(format, GW_STR("json:"));
}

uint32_t flow_compile_schema(struct flow_loading *loading, const struct flow_place *place)
{
    struct gw_error error = {.text = ""};
    size_t entry = 0;

    if (!flow_check_object(loading, place, FLOW_SCHEMA) || !start(loading))
        return FLOW_NONE;
    struct flow_place document = flow_member(loading, place, "document");
    struct flow_place resource = flow_member_of_type(loading, place, "resource", GW_JSON_OBJECT);
    if (!is_json_schema(gw_value_member_text(place->value, GW_STR("format"))))
        flow_error(loading, place, "schemas are JSON Schemas: format json");
    if ((document.value == NULL) == (resource.value == NULL)) {
        flow_error(loading, place, "a schema has either `document` or `resource`");
        return FLOW_NONE;
    }
    int rc = add_schema(loading, &document, &resource, &entry, &error);
    if (rc == -ENOMEM)
        loading->has_no_memory = true;
    else if (rc != 0 && error.text[0] != '\0')
        flow_error(loading, document.value != NULL ? &document : &resource, "%s", error.text);
    return rc == 0 ? (uint32_t)entry : FLOW_NONE;
}

void flow_finish_schemas(struct flow_loading *loading)
{
    struct gw_error error = {.text = ""};

    if (loading->schemas == NULL)
        return;
    if (!loading->has_no_memory &&
        gw_schema_compiler_finish(loading->schemas, &loading->flow->schemas, &error) == -ENOMEM)
        loading->has_no_memory = true; /* all else has been told */
    gw_schema_compiler_destroy(loading->schemas);
    loading->schemas = NULL;
}
