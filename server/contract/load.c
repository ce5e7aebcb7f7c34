#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "loading.h"

#define ARENA_BLOCK_BYTES (16u * 1024)
#define ARENA_MAX_BYTES (256u << 20)
#define DEFAULT_MAX_FILES 64
#define DEFAULT_MAX_BYTES (32u << 20)

/* --- the version
 * ---------------------------------------------------------------------------------- */

/* "3.0.3" begins with "3.0." and a digit. */
static bool is_version(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 && text[len] >= '0' && text[len] <= '9';
}

static bool read_version(struct contract_loading *loading)
{
    struct gw_place version = gw_place_member(&loading->root, "openapi");
    struct gw_place swagger = gw_place_member(&loading->root, "swagger");

    if (!contract_expect_object(loading, &loading->root))
        return false;
    if (version.value == NULL && swagger.value != NULL) {
        contract_error(loading, &swagger,
                       "\"swagger\": documents of version 2.0 are not read; "
                       "OpenAPI 3.0 and 3.1 are");
        return false;
    }
    if (!contract_expect_string(loading, &version))
        return false;
    const char *text = json_string_value(version.value);
    loading->is_31 = is_version(text, "3.1.");
    if (loading->is_31 || is_version(text, "3.0."))
        return true;
    contract_error(loading, &version,
                   "\"openapi\": version \"%.40s\" is not read; 3.0.x and 3.1.x are", text);
    return false;
}

/* --- one load
 * ---------------------------------------------------------------------------------------- */

static void read_document(struct contract_loading *loading)
{
    if (!read_version(loading))
        return;
    (void)contract_check_object(loading, &loading->root, CONTRACT_ROOT);
    const json_t *root = loading->root.value;
    if (loading->is_31 && json_object_get(root, "paths") == NULL &&
        json_object_get(root, "components") == NULL && json_object_get(root, "webhooks") == NULL)
        contract_error(loading, &loading->root,
                       "the document needs one of \"paths\", \"components\", \"webhooks\"");
    contract_read_extension(loading);
    contract_read_info(loading);
    struct gw_place security = gw_place_member(&loading->root, "security");
    loading->security = contract_read_security(loading, &security);
    contract_read_floor(loading);
    contract_read_rules(loading, &loading->root, GW_RULE_OF_API, &loading->api_rules);
    contract_read_paths(loading);
    if (loading->api->operation_count == 0)
        contract_warn(loading, &loading->root, "the document has no operations");
    contract_finish_schemas(loading);
}

static void keep_files(struct contract_loading *loading)
{
    struct gw_contract *contract = loading->contract;
    struct gw_str *files = contract_alloc(loading, loading->resolver.file_count, sizeof(*files));

    for (struct gw_contract_file *file = loading->resolver.files; files != NULL && file != NULL;
         file = file->next) {
        if (file->document != NULL)
            files[contract->file_count++] = file->path;
    }
    contract->files = files;
}

static void fingerprint_documents(struct contract_loading *loading)
{
    struct contract_fingerprint print;

    contract_fingerprint_init(&print, loading->rules);
    for (struct gw_contract_file *file = loading->resolver.files; file != NULL; file = file->next) {
        if (file->document != NULL)
            contract_fingerprint_add(&print,
                                     gw_str_from(file->document->text, file->document->text_len));
    }
    memcpy(loading->contract->fingerprint, print.hash, sizeof(print.hash));
}

static int start(struct contract_loading *loading, const char *path,
                 struct gw_diagnostics *diagnostics)
{
    const struct gw_contract_rules *rules = loading->rules;

    gw_arena_init(&loading->scratch, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    gw_map_init(&loading->schemes, CONTRACT_MAX_OPERATIONS);
    gw_map_init(&loading->operation_ids, CONTRACT_MAX_OPERATIONS * 8);
    gw_map_init(&loading->shapes, CONTRACT_MAX_OPERATIONS);
    gw_map_init(&loading->entries, SIZE_MAX / 2);
    loading->arena = &loading->contract->arena;
    loading->api = &loading->contract->api;
    loading->resolver.max_files = rules->max_files > 0 ? rules->max_files : DEFAULT_MAX_FILES;
    loading->resolver.max_bytes = rules->max_bytes > 0 ? rules->max_bytes : DEFAULT_MAX_BYTES;
    loading->api->file = contract_copy(loading, gw_str_of(path));
    if (!contract_start_schemas(loading))
        loading->has_no_memory = true;
    if (loading->has_no_memory)
        return -ENOMEM;
    int rc = gw_reference_resolver_init(&loading->resolver, loading->arena, diagnostics,
                                        rules->root, path);
    if (rc == 0)
        loading->root = gw_place_of_root(loading->resolver.files);
    return rc;
}

static void finish(struct contract_loading *loading)
{
    gw_schema_compiler_destroy(loading->compiler);
    gw_reference_resolver_finish(&loading->resolver);
    gw_map_finish(&loading->entries);
    gw_map_finish(&loading->shapes);
    gw_map_finish(&loading->operation_ids);
    gw_map_finish(&loading->schemes);
    gw_arena_finish(&loading->scratch);
}

static int refuse_memory(const char *path, struct gw_diagnostics *diagnostics)
{
    gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, path, 0, 0,
                       "not enough memory for this contract (at most %u MiB)",
                       ARENA_MAX_BYTES >> 20);
    return -ENOMEM;
}

int gw_contract_load(const char *path, const struct gw_contract_rules *rules,
                     struct gw_diagnostics *diagnostics, struct gw_contract **out_contract)
{
    size_t errors = diagnostics->error_count;
    struct contract_loading loading = {.rules = rules};

    loading.contract = calloc(1, sizeof(*loading.contract));
    if (loading.contract == NULL)
        return refuse_memory(path, diagnostics);
    loading.contract->references = 1;
    gw_arena_init(&loading.contract->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);

    int rc = start(&loading, path, diagnostics);
    if (rc == 0) {
        read_document(&loading);
        keep_files(&loading);
        fingerprint_documents(&loading);
    }
    if (rc == 0 && loading.has_no_memory)
        rc = -ENOMEM;
    if (rc == 0 && diagnostics->error_count > errors)
        rc = -EINVAL;
    finish(&loading);
    if (rc == -ENOMEM)
        rc = refuse_memory(path, diagnostics);
    if (rc != 0)
        gw_contract_release(loading.contract);
    else
        *out_contract = loading.contract;
    return rc;
}

/* --- a contract that is there
 * ---------------------------------------------------------------------- */

const struct gw_api *gw_contract_api(const struct gw_contract *contract)
{
    return &contract->api;
}

struct gw_contract *gw_contract_hold(struct gw_contract *contract)
{
    __atomic_add_fetch(&contract->references, 1, __ATOMIC_RELAXED);
    return contract;
}

void gw_contract_release(struct gw_contract *contract)
{
    if (contract == NULL || __atomic_sub_fetch(&contract->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    gw_schema_set_destroy(contract->schemas);
    gw_arena_finish(&contract->arena);
    free(contract);
}

void gw_contract_check_bases(struct gw_contract *const *contracts, size_t count,
                             struct gw_diagnostics *diagnostics)
{
    struct gw_map bases;

    gw_map_init(&bases, count);
    for (size_t i = 0; i < count; i++) {
        const struct gw_api *api = &contracts[i]->api;
        int rc = gw_map_add(&bases, api->base, contracts[i]);
        if (rc == 0)
            continue;
        const struct gw_contract *other = gw_map_get(&bases, api->base);
        gw_diagnostics_add(diagnostics, GW_SEVERITY_ERROR, api->file.ptr, 0, 0,
                           rc == -EEXIST ? "the API %.*s is that of %.*s, too"
                                         : "not enough memory to compare %.*s with %.*s",
                           GW_STR_ARG(api->base),
                           GW_STR_ARG(other != NULL ? other->api.file : api->file));
    }
    gw_map_finish(&bases);
}
