#include "tests/unit/support/model_schemas.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/json/schema.h"
#include "server/json/yaml.h"

static int is_schema(const struct dirent *entry)
{
    return gw_str_has_suffix(gw_str_of(entry->d_name), GW_STR(".json")) ? 1 : 0;
}

static json_t *read_schema(const char *name)
{
    char path[512];
    json_error_t error;

    snprintf(path, sizeof(path), MODEL_SCHEMAS "/%s", name);
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

int model_schemas_each(void (*fn)(const char *name, const json_t *root, void *self), void *self)
{
    struct dirent **entries = NULL;
    int count = scandir(MODEL_SCHEMAS, &entries, is_schema, alphasort);

    for (int i = 0; i < count; i++) {
        json_t *root = read_schema(entries[i]->d_name);
        fn(entries[i]->d_name, root, self);
        json_decref(root);
        free(entries[i]);
    }
    free(entries);
    return count;
}

/* Documents are known by "file:///" and their names below openapi/. */
static int load(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                struct gw_error *error)
{
    static struct gw_diagnostics diagnostics;
    struct gw_document *document = NULL;
    char path[512];
    (void)self;

    if (!gw_str_has_prefix(uri, GW_STR("file:///")))
        return -ENOENT;
    snprintf(path, sizeof(path), "openapi/%.*s", GW_STR_ARG(gw_str_tail(uri, strlen("file:///"))));
    if (gw_document_load_file(path, &diagnostics, &document) != 0)
        fail_msg("%s cannot be read", path);
    int rc = gw_schema_compiler_add_document(compiler, uri, document->root, error);
    gw_document_destroy(document);
    return rc;
}

static struct gw_schema_set *compile(const char *name, const char *pointer)
{
    struct gw_schema_options options = {.assert_format = true};
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(&options);
    struct gw_schema_set *set = NULL;
    struct gw_error error = {.text = ""};
    char uri[512];
    size_t entry;

    assert_non_null(compiler);
    bool is_yaml = gw_str_has_suffix(gw_str_of(name), GW_STR(".yaml"));
    snprintf(uri, sizeof(uri), "file:///%s%s", is_yaml ? "" : "schemas/", name);
    gw_schema_compiler_set_loader(compiler, load, NULL);
    int rc = load(NULL, compiler, gw_str_of(uri), &error);
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(compiler, gw_str_of(uri), gw_str_of(pointer),
                                          GW_SCHEMA_2020_12, &entry, &error);
    if (rc == 0)
        rc = gw_schema_compiler_finish(compiler, &set, &error);
    gw_schema_compiler_destroy(compiler);
    if (rc != 0)
        fail_msg("%s#%s: %s: %s", name, pointer, error.where, error.text);
    return set;
}

static void tell(const struct gw_violations *violations, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < violations->count && len < size; i++) {
        const struct gw_violation *one = &violations->items[i];
        len +=
            (size_t)snprintf(out + len, size - len, "%.*s %.*s: %.*s\n", GW_STR_ARG(one->instance),
                             GW_STR_ARG(one->keyword), GW_STR_ARG(one->message));
    }
}

const char *model_schemas_judge(const char *name, const char *pointer, const json_t *value)
{
    static char told[4096];
    struct gw_schema_set *set = compile(name, pointer);
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    struct gw_violations violations = {.count = 0};
    struct gw_json_error error;
    struct gw_json_tape tape;
    struct gw_arena arena;

    assert_non_null(text);
    gw_arena_init(&arena, 64 << 10, 16 << 20);
    assert_int_equal(gw_json_read(&arena, gw_str_of(text), NULL, &tape, &error), 0);
    struct gw_schema_run run = {.arena = &arena, .max_violations = 20};
    int rc = gw_schema_validate(set, 0, &tape, &run, &violations);
    assert_true(rc >= 0);
    tell(&violations, told, sizeof(told));
    gw_arena_finish(&arena);
    free(text);
    gw_schema_set_destroy(set);
    return rc == 0 ? NULL : told;
}
