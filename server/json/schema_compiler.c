/* The compiler's life: made, given documents and entries, finished to a set. */
#include <errno.h>
#include <stdlib.h>

#include "server/json/pointer.h"
#include "server/json/schema_compiler.h"

#define DEFAULT_MAX_NODES 200000
#define DEFAULT_MAX_BYTES ((size_t)256 << 20)
#define BLOCK_BYTES ((size_t)64 << 10)
#define SET_BLOCK_BYTES ((size_t)4 << 10)

struct gw_schema_compiler *gw_schema_compiler_create(const struct gw_schema_options *options)
{
    struct gw_schema_compiler *compiler = calloc(1, sizeof(*compiler));
    struct gw_schema_set *set = calloc(1, sizeof(*set));

    if (compiler == NULL || set == NULL) {
        free(compiler);
        free(set);
        return NULL;
    }
    if (options != NULL)
        compiler->options = *options;
    if (compiler->options.max_nodes == 0)
        compiler->options.max_nodes = DEFAULT_MAX_NODES;
    if (compiler->options.max_bytes == 0)
        compiler->options.max_bytes = DEFAULT_MAX_BYTES;
    gw_arena_init(&compiler->arena, BLOCK_BYTES, compiler->options.max_bytes);
    gw_arena_init(&set->arena, SET_BLOCK_BYTES, compiler->options.max_bytes);
    gw_arena_init(&set->locations, SET_BLOCK_BYTES, compiler->options.max_bytes);
    gw_map_init(&compiler->resources, compiler->options.max_nodes);
    gw_map_init(&compiler->patterns, compiler->options.max_nodes);
    compiler->set = set;
    return compiler;
}

void gw_schema_compiler_destroy(struct gw_schema_compiler *compiler)
{
    if (compiler == NULL)
        return;
    gw_schema_set_destroy(compiler->set);
    gw_map_finish(&compiler->resources);
    gw_map_finish(&compiler->patterns);
    gw_arena_finish(&compiler->arena);
    free(compiler);
}

void gw_schema_compiler_set_loader(struct gw_schema_compiler *compiler, gw_schema_load_fn *load,
                                   void *self)
{
    compiler->load = load;
    compiler->load_self = self;
}

void gw_schema_compiler_set_reporter(struct gw_schema_compiler *compiler, gw_schema_tell_fn *tell,
                                     void *self)
{
    compiler->tell = tell;
    compiler->tell_self = self;
}

int schema_tell(struct gw_schema_compiler *compiler, int rc, const struct gw_error *error)
{
    if (rc == 0 || rc == -ENOMEM || compiler->tell == NULL || compiler->is_stopped)
        return rc;
    if (compiler->first_told == 0)
        compiler->first_told = rc;
    compiler->tell(compiler->tell_self, error);
    compiler->is_stopped = ++compiler->told_count == GW_SCHEMA_TOLD_MAX || rc == -EMSGSIZE;
    return compiler->is_stopped ? rc : 0;
}

static struct document *find_or_load(struct gw_schema_compiler *compiler, struct gw_str uri,
                                     struct gw_error *error)
{
    struct document *document = schema_find_document(compiler, uri);

    if (document == NULL && compiler->load != NULL &&
        compiler->load(compiler->load_self, compiler, uri, error) == 0)
        document = schema_find_document(compiler, uri);
    return document;
}

int gw_schema_compiler_add_entry(struct gw_schema_compiler *compiler, struct gw_str base_uri,
                                 struct gw_str json_pointer, enum gw_schema_dialect dialect,
                                 size_t *out_entry, struct gw_error *error)
{
    struct gw_schema_set *set = compiler->set;
    struct gw_str uri = gw_str_from(base_uri.ptr, gw_str_find(base_uri, '#'));

    if (set == NULL)
        return gw_error_set(error, -EINVAL, "the compiler is used up");
    struct document *document = find_or_load(compiler, uri, error);
    if (document == NULL)
        return gw_error_set(error, -ENOENT, "the document \"%.*s\" is not known", GW_STR_ARG(uri));
    if (!document->is_dialect_known) {
        document->dialect = dialect;
        document->is_dialect_known = true;
    }
    int rc = schema_index_document(compiler, document, error);
    if (rc != 0)
        return rc;
    uint32_t at = gw_pointer_find(&document->tape, document->root, json_pointer);
    if (at == GW_JSON_NONE)
        return gw_error_set(error, -ENOENT, "there is no \"%.*s\" in \"%.*s\"",
                            GW_STR_ARG(json_pointer), GW_STR_ARG(uri));
    struct schema_node **entries = schema_grow(&set->arena, set->entries, set->entry_count,
                                               &compiler->entry_capacity, sizeof(*entries));
    if (entries == NULL)
        return schema_no_memory(error);
    set->entries = entries;
    struct schema_node *node = NULL;
    rc = schema_node_at(compiler, document, at, &node, error);
    if (rc != 0)
        return rc;
    *out_entry = set->entry_count;
    entries[set->entry_count++] = node;
    return 0;
}

int gw_schema_compiler_finish(struct gw_schema_compiler *compiler, struct gw_schema_set **out_set,
                              struct gw_error *error)
{
    if (compiler->set == NULL || compiler->is_used_up)
        return gw_error_set(error, -EINVAL, "the compiler is used up");
    compiler->is_used_up = true;
    *error = (struct gw_error){.text = ""};
    int rc = schema_build_pending(compiler, error);
    if (rc == 0)
        rc = schema_link(compiler, error);
    if (rc != 0 || compiler->first_told != 0)
        return rc == -ENOMEM || compiler->first_told == 0 ? rc : compiler->first_told;
    *out_set = compiler->set;
    compiler->set = NULL;
    return 0;
}

void gw_schema_set_destroy(struct gw_schema_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->pattern_count; i++)
        gw_pattern_destroy(set->patterns[i]);
    gw_arena_finish(&set->arena);
    gw_arena_finish(&set->locations);
    free(set);
}

size_t gw_schema_set_entries(const struct gw_schema_set *set)
{
    return set->entry_count;
}

size_t gw_schema_set_nodes(const struct gw_schema_set *set)
{
    return set->node_count;
}

size_t gw_schema_set_bytes(const struct gw_schema_set *set)
{
    return set->arena.used_bytes + set->locations.used_bytes;
}

unsigned gw_schema_entry_types(const struct gw_schema_set *set, size_t entry)
{
    const struct schema_node *node = set->entries[entry];

    /* schema_link has refused circles of references */
    while ((node->flags & NODE_HAS_TYPE) == 0 && node->rest != NULL && node->rest->ref != NULL)
        node = node->rest->ref;
    unsigned types = node->types;
    if ((node->flags & NODE_INTEGER) != 0)
        types |= GW_SCHEMA_TYPE_INTEGER;
    return types;
}
