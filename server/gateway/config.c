#include "server/gateway/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server/filter/filter.h"
#include "server/gateway/config_private.h"
#include "server/gateway/config_tables.h"
#include "server/json/shared.h"

#define ARENA_BLOCK_BYTES (16u << 10)
#define ARENA_MAX_BYTES (64u << 20)

GW_PRINTF(4, 0)
static void report(struct gw_config_loader *loader, const char *pointer, enum gw_severity severity,
                   const char *format, va_list args)
{
    char text[480];

    vsnprintf(text, sizeof(text), format, args);
    gw_document_report(loader->config->document, pointer, severity, loader->diagnostics, "%s",
                       text);
}

void gw_config_fail(struct gw_config_loader *loader, const char *pointer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(loader, pointer, GW_SEVERITY_ERROR, format, args);
    va_end(args);
}

void gw_config_warn(struct gw_config_loader *loader, const char *pointer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report(loader, pointer, GW_SEVERITY_WARNING, format, args);
    va_end(args);
}

/* --- loading ---------------------------------------------------------------------------------- */

/* The folder part of a path, "." for none. */
static int folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;

    if (slash == path)
        len = 1;
    if (len >= size)
        return -ENAMETOOLONG;
    memcpy(out, path, len);
    out[len] = '\0';
    if (len == 0)
        snprintf(out, size, ".");
    return 0;
}

/* Checks all but the chain by the tables. The chain is a list of maps with one key each, which no
 * table can describe, and its options need the sections. */
static int check_top_level(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const struct gw_option root = {.type = GW_OBJECT, .fields = config->table};
    json_t *given = json_copy(config->document->root);

    if (given == NULL)
        return -ENOMEM;
    if (json_is_object(given))
        json_object_del(given, "policies");
    int rc = gw_option_check_partly(&loader->source, given, "", &root, &config->checked);
    json_decref(given);
    return rc;
}

static int load_document(struct gw_config_loader *loader)
{
    struct gw_config *config = loader->config;
    const json_t *root = config->document->root;
    int rc = check_top_level(loader);

    if (rc == -ENOMEM || config->checked == NULL)
        return rc;
    int filled = gw_config_fill_policies(loader, json_object_get(root, "policies"));
    if (filled == 0)
        filled = gw_config_fill(loader);
    return filled != 0 ? filled : rc;
}

int gw_config_load_partly(const char *path, const struct gw_filter_type *const *filters,
                          struct gw_diagnostics *diagnostics, struct gw_config **out_config)
{
    size_t errors_before = diagnostics->error_count;
    struct gw_config *config = calloc(1, sizeof(*config));

    if (config == NULL)
        return -ENOMEM;
    gw_arena_init(&config->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    config->filters = filters;
    config->table = gw_config_table_build(&config->arena, filters);

    struct gw_config_loader loader = {.config = config, .diagnostics = diagnostics};
    int rc =
        config->table != NULL ? folder_of(path, loader.folder, sizeof(loader.folder)) : -ENOMEM;
    if (rc == 0)
        rc = gw_document_load_file(path, diagnostics, &config->document);
    if (rc == 0) {
        loader.source = (struct gw_option_source){
            .document = config->document,
            .diagnostics = diagnostics,
            .folder = loader.folder,
        };
        rc = load_document(&loader);
    }
    if (rc == -ENOMEM)
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, 0, 0,
                           "not enough memory to load the configuration");
    if (rc == 0 && diagnostics->error_count > errors_before)
        rc = -EINVAL;
    config->is_faulty = rc != 0;
    if (rc != 0 && (rc != -EINVAL || config->checked == NULL)) {
        gw_config_destroy(config);
        return rc;
    }
    *out_config = config;
    return rc;
}

int gw_config_load(const char *path, const struct gw_filter_type *const *filters,
                   struct gw_diagnostics *diagnostics, struct gw_config **out_config)
{
    struct gw_config *config = NULL;
    int rc = gw_config_load_partly(path, filters, diagnostics, &config);

    if (rc != 0) {
        gw_config_destroy(config);
        return rc;
    }
    *out_config = config;
    return 0;
}

void gw_config_destroy(struct gw_config *config)
{
    if (config == NULL)
        return;
    gw_json_shared_release(config->chain);
    gw_json_shared_release(config->checked);
    gw_document_destroy(config->document);
    gw_arena_finish(&config->arena);
    free(config);
}

/* --- asking ----------------------------------------------------------------------------------- */

void gw_config_report_policy(struct gw_config *config, const struct gw_config_policy *policy,
                             const struct gw_error *error, struct gw_diagnostics *diagnostics)
{
    char pointer[sizeof(policy->pointer) + sizeof(error->where)];
    const struct gw_option *option = policy->type->options;
    struct gw_str where = gw_str_of(error->where);
    struct gw_str first;

    /* A place within a section stands at the top level of the file. */
    bool is_section = false;
    struct gw_str rest = gw_str_tail(where, where.len > 0 ? 1 : 0);
    gw_str_split(&rest, '/', &first);
    for (; option != NULL && option->type != GW_END && !is_section; option++)
        is_section = option->type == GW_SECTION && gw_str_equal(gw_str_of(option->name), first);
    snprintf(pointer, sizeof(pointer), "%s%s", is_section ? "" : policy->pointer, error->where);
    gw_document_report(config->document, pointer, GW_SEVERITY_ERROR, diagnostics, "%s: %s",
                       policy->type->name, error->text);
}

void gw_config_report(struct gw_config *config, const char *pointer,
                      struct gw_diagnostics *diagnostics, const char *format, ...)
{
    char text[480];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    gw_document_report(config->document, pointer, GW_SEVERITY_ERROR, diagnostics, "%s", text);
}

const char *gw_config_text_as_written(const struct gw_config *config, const char *pointer)
{
    const json_t *at = config->document->root;
    struct gw_str rest = gw_str_of(pointer), part;
    uint64_t index;

    (void)gw_str_split(&rest, '/', &part); /* before the first "/" stands nothing */
    while (at != NULL && gw_str_split(&rest, '/', &part)) {
        if (json_is_array(at))
            at = gw_str_to_u64(part, &index) == 0 ? json_array_get(at, (size_t)index) : NULL;
        else
            at = json_object_getn(at, part.ptr, part.len);
    }
    return json_string_value(at);
}

const json_t *gw_config_section(const struct gw_config *config, const char *name)
{
    return json_object_get(config->checked, name);
}

const json_t *gw_config_section_as_written(const struct gw_config *config, const char *name)
{
    return json_object_get(config->document->root, name);
}

const struct gw_config_backend *gw_config_backend_find(const struct gw_config *config,
                                                       struct gw_str name)
{
    for (size_t i = 0; i < config->backend_count; i++)
        if (gw_str_equal(config->backends[i].name, name))
            return &config->backends[i];
    return NULL;
}

/* --- showing ---------------------------------------------------------------------------------- */

json_t *gw_config_masked(const struct gw_config *config)
{
    json_t *copy = json_deep_copy(config->checked);
    json_t *policies = json_object_get(copy, "policies");

    if (copy == NULL)
        return NULL;
    gw_option_mask(copy, config->table);
    for (size_t i = 0; i < config->policy_count; i++) {
        const struct gw_filter_type *type = config->policies[i].type;
        json_t *options = json_object_get(json_array_get(policies, i), type->name);
        if (type->options != NULL)
            gw_option_mask(options, type->options);
    }
    return copy;
}

int gw_config_print_masked(const struct gw_config *config, FILE *out)
{
    json_t *masked = gw_config_masked(config);

    if (masked == NULL)
        return -ENOMEM;
    int rc = json_dumpf(masked, out, JSON_INDENT(2));
    json_decref(masked);
    return rc == 0 && fputc('\n', out) != EOF ? 0 : -EIO;
}

static bool is_own_key(const char *name)
{
    for (const struct gw_option *own = gw_config_options; own->type != GW_END; own++)
        if (strcmp(own->name, name) == 0)
            return true;
    return false;
}

/* Sections once each, though several policies may name one. */
static void print_sections(FILE *out, const struct gw_filter_type *const *filters)
{
    struct gw_arena arena;
    const struct gw_option *table;

    gw_arena_init(&arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    table = gw_config_table_build(&arena, filters);
    for (size_t i = 0; table != NULL && table[i].type != GW_END; i++) {
        char prefix[96];

        if (is_own_key(table[i].name))
            continue;
        fprintf(out, "\n## Section `%s`\n\n%s\n\n", table[i].name,
                table[i].help != NULL ? table[i].help : "");
        snprintf(prefix, sizeof(prefix), "%s%s", table[i].name,
                 table[i].type == GW_MAP ? ".*." : ".");
        if (table[i].fields != NULL)
            gw_option_reference_print(out, prefix, table[i].fields);
    }
    gw_arena_finish(&arena);
}

/* The gateway's own keys, with what connectors bring to those of a backend. */
static void print_own(FILE *out)
{
    static const struct gw_filter_type *const none[] = {NULL};
    struct gw_arena arena;

    gw_arena_init(&arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    const struct gw_option *table = gw_config_table_build(&arena, none);
    if (table != NULL)
        gw_option_reference_print(out, "", table);
    gw_arena_finish(&arena);
}

void gw_config_reference_print(FILE *out, const struct gw_filter_type *const *filters)
{
    fprintf(
        out,
        "# The configuration of Millgate\n\n"
        "A YAML 1.2 (or JSON) file. Durations have a unit (`20ms`, `1m30s`, `7d`), sizes may have "
        "one (`64KiB`).\n"
        "Files are relative to the configuration's folder; a *file* option takes the path, and "
        "what counts is the content.\n"
        "In every text `${env:NAME}` stands for an environment variable and `${file:PATH}` for "
        "the content of a file; a plain `${` is written `$${`.\n\n");
    print_own(out);
    print_sections(out, filters);
    for (; *filters != NULL; filters++) {
        fprintf(out, "\n## Policy `%s`\n\n", (*filters)->name);
        if ((*filters)->options != NULL)
            gw_option_reference_print(out, "", (*filters)->options);
        else
            fprintf(out, "It has no options.\n");
    }
}
