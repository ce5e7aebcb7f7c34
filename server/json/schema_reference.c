/* From a reference to the schema that it names. */
#include <errno.h>

#include "server/json/pointer.h"
#include "server/json/schema_compiler.h"
#include "server/json/uri.h"

const struct anchor *schema_find_anchor(const struct resource *resource, struct gw_str name)
{
    const struct anchor *found = NULL;

    for (const struct anchor *anchor = resource->anchors; anchor != NULL; anchor = anchor->next) {
        if (gw_str_equal(anchor->name, name) && (found == NULL || anchor->is_dynamic))
            found = anchor;
    }
    return found;
}

static int load(struct gw_schema_compiler *compiler, const struct resource *base, struct gw_str uri,
                struct gw_error *error)
{
    struct gw_str builtin = schema_metaschema(uri);
    int rc;

    if (builtin.ptr != NULL)
        rc = gw_schema_compiler_add_text(compiler, uri, builtin, error);
    else if (compiler->load != NULL)
        rc = compiler->load(compiler->load_self, compiler, uri, error);
    else
        rc = -ENOENT;
    if (rc == -ENOENT)
        return gw_error_set(error, rc, "the document \"%.*s\" is not known", GW_STR_ARG(uri));
    if (rc != 0)
        return gw_error_prefix(error, rc, "the document \"%.*s\"", GW_STR_ARG(uri));
    struct document *document = schema_find_document(compiler, uri);
    if (document == NULL)
        return gw_error_set(error, -ENOENT, "the document \"%.*s\" is not known", GW_STR_ARG(uri));
    if (!document->is_dialect_known && base != NULL) {
        document->dialect = base->document->dialect;
        document->is_dialect_known = true;
    }
    return schema_index_document(compiler, document, error);
}

/* The resource `uri`: known already, a document not yet indexed, or one to be loaded. */
static int find_resource(struct gw_schema_compiler *compiler, const struct resource *base,
                         struct gw_str uri, struct resource **out_resource, struct gw_error *error)
{
    struct resource *resource = gw_map_get(&compiler->resources, uri);

    for (struct document *document = compiler->documents; resource == NULL && document != NULL;
         document = document->next) { /* an $id may lie in any document that was added */
        if (!document->is_dialect_known && base != NULL) {
            document->dialect = base->document->dialect;
            document->is_dialect_known = true;
        }
        int rc = document->is_indexed ? 0 : schema_index_document(compiler, document, error);
        if (rc != 0)
            return rc;
        resource = gw_map_get(&compiler->resources, uri);
    }
    if (resource == NULL) {
        int rc = load(compiler, base, uri, error);
        if (rc != 0)
            return rc;
        resource = gw_map_get(&compiler->resources, uri);
    }
    if (resource == NULL)
        return gw_error_set(error, -ENOENT, "the document \"%.*s\" is not known", GW_STR_ARG(uri));
    *out_resource = resource;
    return 0;
}

static int find_fragment(struct gw_schema_compiler *compiler, const struct resource *resource,
                         struct gw_str fragment, uint32_t *out_at, struct gw_error *error)
{
    size_t len = 0;
    char *decoded = gw_arena_alloc(&compiler->arena, fragment.len + 1);

    if (decoded == NULL)
        return schema_no_memory(error);
    if (!gw_uri_percent_decode(fragment, decoded, &len))
        return gw_error_set(error, -EINVAL, "the fragment \"%.*s\" is malformed",
                            GW_STR_ARG(fragment));
    struct gw_str name = gw_str_from(decoded, len);
    uint32_t at = resource->at;
    if (len > 0 && decoded[0] == '/') {
        at = gw_pointer_find(&resource->document->tape, resource->at, name);
    } else if (len > 0) {
        const struct anchor *anchor = schema_find_anchor(resource, name);
        at = anchor != NULL ? anchor->at : GW_JSON_NONE;
    }
    if (at == GW_JSON_NONE)
        return gw_error_set(error, -ENOENT, "there is no \"#%.*s\" in \"%.*s\"", GW_STR_ARG(name),
                            GW_STR_ARG(resource->uri));
    *out_at = at;
    return 0;
}

int schema_resolve(struct gw_schema_compiler *compiler, const struct resource *base,
                   struct gw_str reference, struct document **out_document, uint32_t *out_at,
                   struct gw_error *error)
{
    struct resource *resource = NULL;
    size_t hash = gw_str_find(reference, '#');
    struct gw_str uri = base->uri;

    if (hash > 0) {
        uri = gw_uri_resolve(&compiler->arena, base->uri, reference);
        if (uri.ptr == NULL)
            return schema_no_memory(error);
    }
    int rc = find_resource(compiler, base, uri, &resource, error);
    if (rc == 0)
        rc = find_fragment(compiler, resource,
                           gw_str_tail(reference, hash + (hash < reference.len)), out_at, error);
    if (rc == 0)
        *out_document = resource->document;
    return rc;
}
