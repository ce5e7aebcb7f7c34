/* The bridge to the schema compiler: one compiler per document, an entry per schema asked for. */
#include <errno.h>
#include <stdlib.h>

#include "loading.h"

static int add_file(struct contract_loading *loading, struct gw_contract_file *file,
                    struct gw_error *error)
{
    if (file->is_in_compiler)
        return 0;
    file->is_in_compiler = true;
    int rc =
        gw_schema_compiler_add_document(loading->compiler, file->uri, file->document->root, error);
    file->is_refused = rc != 0;
    return rc;
}

/* The compiler asks for documents that schemas refer to. */
static int load_document(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                         struct gw_error *error)
{
    struct contract_loading *loading = self;
    struct gw_contract_file *file;
    (void)compiler; /* is loading->compiler */

    struct gw_str name = gw_reference_resolver_name(&loading->resolver, NULL, uri, error);
    if (name.ptr == NULL || gw_reference_resolver_open(&loading->resolver, name, &file, error) != 0)
        return -EINVAL; /* not -ENOENT, which would hide why */
    return add_file(loading, file, error);
}

/* Without our "file:///", which means nothing to a reader. */
static void shorten(char *text)
{
    static const char scheme[] = "file:///";
    size_t len = sizeof(scheme) - 1;

    for (char *at = strstr(text, scheme); at != NULL; at = strstr(at, scheme))
        memmove(at, at + len, strlen(at + len) + 1);
}

/* The file that the text begins with the URI of; the text then goes on behind it. */
static struct gw_contract_file *take_file(struct contract_loading *loading, const char **text)
{
    for (struct gw_contract_file *file = loading->resolver.files; file != NULL; file = file->next) {
        bool is_its = gw_str_has_prefix(gw_str_of(*text), file->uri) &&
                      strncmp(*text + file->uri.len, ": ", 2) == 0;
        if (!is_its || file->document == NULL)
            continue;
        *text += file->uri.len + 2;
        return file;
    }
    return loading->root.file;
}

/* Tells a finding of the compiler at its place: its text begins with the URI of the document that
 * error->where points into. */
static void report(struct contract_loading *loading, const struct gw_error *told)
{
    struct gw_error copy = *told, *error = &copy;
    const char *text = error->text;
    const char *where = error->where;
    struct gw_contract_file *file = take_file(loading, &text);

    shorten(error->text + (text - error->text));
    /* What holds for the whole document is said where the dialect is chosen. */
    if (where[0] == '\0' && json_object_get(file->document->root, "jsonSchemaDialect") != NULL)
        where = "/jsonSchemaDialect";
    gw_document_report(file->document, where, GW_SEVERITY_ERROR, loading->resolver.diagnostics,
                       "%s", text);
}

static void report_later(void *self, const struct gw_error *error)
{
    report(self, error);
}

bool contract_start_schemas(struct contract_loading *loading)
{
    const struct gw_schema_options options = {.assert_format = loading->rules->asserts_formats};

    loading->compiler = gw_schema_compiler_create(&options);
    if (loading->compiler == NULL)
        return false;
    gw_schema_compiler_set_loader(loading->compiler, load_document, loading);
    gw_schema_compiler_set_reporter(loading->compiler, report_later, loading);
    return true;
}

/* An entry for `pointer` of the file; the same place has one entry. */
static size_t add_entry(struct contract_loading *loading, const struct gw_place *schema,
                        struct gw_str pointer)
{
    struct gw_str key = gw_arena_printf(&loading->scratch, "%.*s#%.*s",
                                        GW_STR_ARG(schema->file->uri), GW_STR_ARG(pointer));
    size_t *entry = gw_arena_alloc(&loading->scratch, sizeof(*entry));
    struct gw_error error = {.text = ""};

    if (key.ptr == NULL || entry == NULL) {
        loading->has_no_memory = true;
        return GW_NO_SCHEMA;
    }
    const size_t *known = gw_map_get(&loading->entries, key);
    if (known != NULL)
        return *known;
    if (schema->file->is_refused || loading->has_no_memory)
        return GW_NO_SCHEMA;
    *entry = GW_NO_SCHEMA;
    int rc = add_file(loading, schema->file, &error);
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(
            loading->compiler, schema->file->uri, pointer,
            loading->is_31 ? GW_SCHEMA_OPENAPI_31 : GW_SCHEMA_OPENAPI_30, entry, &error);
    if (rc == -ENOMEM)
        loading->has_no_memory = true; /* the compiler may be half-way: it is not used again */
    else if (rc != 0)
        report(loading, &error);
    else
        loading->entry_count++;
    if (gw_map_add(&loading->entries, key, entry) != 0)
        loading->has_no_memory = true;
    return *entry;
}

size_t contract_add_schema(struct contract_loading *loading, const struct gw_place *schema)
{
    struct gw_buf pointer;

    bool is_schema = json_is_object(schema->value) || json_is_boolean(schema->value);
    if (!is_schema)
        return GW_NO_SCHEMA; /* absent, or said */
    gw_buf_init(&pointer, 65536);
    gw_place_write_pointer(schema, &pointer);
    size_t entry = add_entry(loading, schema, gw_buf_str(&pointer));
    gw_buf_finish(&pointer);
    return entry;
}

/* --- after the compilation -----------------------------------------------------------------------
 */

/* A compiler that was given a document it refused is not asked for more. */
static bool has_refused_file(const struct contract_loading *loading)
{
    for (const struct gw_contract_file *file = loading->resolver.files; file != NULL;
         file = file->next) {
        if (file->is_refused)
            return true;
    }
    return false;
}

void contract_finish_schemas(struct contract_loading *loading)
{
    struct gw_error error = {.text = ""};

    if (loading->entry_count == 0 || loading->has_no_memory || has_refused_file(loading))
        return;
    int rc = gw_schema_compiler_finish(loading->compiler, &loading->contract->schemas, &error);
    if (rc == -ENOMEM)
        loading->has_no_memory = true;
    if (rc == 0)
        loading->api->schemas = loading->contract->schemas;
}
