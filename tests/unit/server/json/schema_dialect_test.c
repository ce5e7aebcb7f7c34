/* Which keywords count in an OpenAPI 3.1 document: what jsonSchemaDialect says, unless a schema has
 * a $schema of its own. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/json/schema.h"

#define BASE "https://spec.openapis.org/oas/3.1/dialect/base"
#define DRAFT_2020_12 "https://json-schema.org/draft/2020-12/schema"
#define DRAFT_07 "http://json-schema.org/draft-07/schema#"
#define OWN "https://schemas.example/dialect"

/* The vocabulary of OWN: no validation, so that `type` and `maximum` are not known. */
static const char own_dialect[] = "{\"$id\":\"" OWN "\",\"$vocabulary\":{"
                                  "\"https://json-schema.org/draft/2020-12/vocab/core\":true,"
                                  "\"https://json-schema.org/draft/2020-12/vocab/applicator\":true,"
                                  "\"https://vocabularies.example/extra\":false}}";

static int load(void *self, struct gw_schema_compiler *compiler, struct gw_str uri,
                struct gw_error *error)
{
    (void)self;
    if (!gw_str_equal(uri, GW_STR(OWN)))
        return -ENOENT;
    return gw_schema_compiler_add_text(compiler, uri, gw_str_of(own_dialect), error);
}

/* The schema `s` of a document with this dialect (NULL: it names none). */
static int compile(const char *version, const char *dialect, const char *schema,
                   struct gw_schema_set **out_set, struct gw_error *error)
{
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    enum gw_schema_dialect which = version[2] == '0' ? GW_SCHEMA_OPENAPI_30 : GW_SCHEMA_OPENAPI_31;
    char text[2048];
    size_t entry;

    snprintf(text, sizeof(text),
             "{\"openapi\":\"%s\",\"info\":{\"title\":\"t\",\"version\":\"1\"},%s%s%s"
             "\"components\":{\"schemas\":{\"s\":%s,"
             "\"cat\":{\"type\":\"object\",\"required\":[\"lives\"]},"
             "\"dog\":{\"type\":\"object\",\"required\":[\"bark\"]}}}}",
             version, dialect != NULL ? "\"jsonSchemaDialect\":\"" : "",
             dialect != NULL ? dialect : "", dialect != NULL ? "\"," : "", schema);
    gw_schema_compiler_set_loader(compiler, load, NULL);
    int rc = gw_schema_compiler_add_text(compiler, GW_STR(""), gw_str_of(text), error);
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(compiler, GW_STR(""), GW_STR("/components/schemas/s"),
                                          which, &entry, error);
    if (rc == 0)
        rc = gw_schema_compiler_finish(compiler, out_set, error);
    gw_schema_compiler_destroy(compiler);
    return rc;
}

static bool is_valid(const struct gw_schema_set *set, const char *value,
                     enum gw_schema_direction direction)
{
    struct gw_violations violations;
    struct gw_json_error wrong;
    struct gw_json_tape tape;
    struct gw_arena arena;

    gw_arena_init(&arena, 16 << 10, 1 << 20);
    const struct gw_schema_run run = {.arena = &arena, .direction = direction};
    assert_int_equal(gw_json_read(&arena, gw_str_of(value), NULL, &tape, &wrong), 0);
    int rc = gw_schema_validate(set, 0, &tape, &run, &violations);
    assert_true(rc == 0 || rc == 1);
    gw_arena_finish(&arena);
    return rc == 0;
}

static const char choice[] = /* by OpenAPI the kind decides, by JSON Schema any branch that fits */
    "{\"oneOf\":[{\"$ref\":\"#/components/schemas/cat\"},{\"$ref\":\"#/components/schemas/dog\"}],"
    "\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{\"cat\":\"#/components/schemas/"
    "cat\","
    "\"dog\":\"#/components/schemas/dog\"}}}";
static const char read_only[] = "{\"properties\":{\"a\":{\"readOnly\":true}}}";
static const char tuple_07[] = "{\"items\":[{\"type\":\"string\"}],\"additionalItems\":false}";
static const char tuple_2020[] = "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}";
static const char bounded[] =
    "{\"properties\":{\"a\":{\"maximum\":1}},\"additionalProperties\":false}";

static const struct row {
    const char *version, *dialect, *schema, *value;
    bool is_valid; /* as a request */
} rows[] = {
    /* OpenAPI's own keywords */
    {"3.1.0", NULL, choice, "{\"kind\":\"cat\",\"bark\":1}", false},
    {"3.1.0", BASE, choice, "{\"kind\":\"cat\",\"bark\":1}", false},
    {"3.1.0", DRAFT_2020_12, choice, "{\"kind\":\"cat\",\"bark\":1}", true},
    {"3.1.0", DRAFT_2020_12, choice, "{\"kind\":\"cat\"}", false},
    {"3.1.0", NULL, read_only, "{\"a\":1}", false},
    {"3.1.0", DRAFT_2020_12, read_only, "{\"a\":1}", true},
    /* keywords that changed */
    {"3.1.0", NULL, tuple_2020, "[\"x\"]", true},
    {"3.1.0", NULL, tuple_2020, "[\"x\",1]", false},
    {"3.1.0", DRAFT_2020_12, tuple_2020, "[1]", false},
    {"3.1.0", DRAFT_07, tuple_2020, "[1]", false}, /* items: false */
    {"3.1.0", DRAFT_07, "{\"prefixItems\":[{\"type\":\"string\"}]}", "[1]", true},
    {"3.1.0", DRAFT_07, tuple_07, "[\"x\"]", true},
    {"3.1.0", DRAFT_07, tuple_07, "[1]", false},
    {"3.1.0", DRAFT_07, tuple_07, "[\"x\",1]", false},
    /* a metaschema's own vocabulary */
    {"3.1.0", OWN, bounded, "{\"a\":2}", true},
    {"3.1.0", OWN, bounded, "{\"b\":2}", false},
    {"3.1.0", NULL, bounded, "{\"a\":2}", false},
    /* the schema's word counts more */
    {"3.1.0", OWN, "{\"$schema\":\"" DRAFT_2020_12 "\",\"$id\":\"s.json\",\"maximum\":1}", "2",
     false},
    {"3.1.0", DRAFT_2020_12, "{\"$schema\":\"" OWN "\",\"$id\":\"s.json\",\"maximum\":1}", "2",
     true},
    /* OpenAPI 3.0 has no such member */
    {"3.0.3", OWN, bounded, "{\"a\":2}", false},
};

static void test_what_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct gw_schema_set *set = NULL;
        struct gw_error error;
        if (compile(row->version, row->dialect, row->schema, &set, &error) != 0)
            fail_msg("row %zu: %s: %s", i, error.where, error.text);
        if (is_valid(set, row->value, GW_SCHEMA_REQUEST) != row->is_valid)
            fail_msg("row %zu: %s by %s", i, row->value, row->dialect);
        gw_schema_set_destroy(set);
    }
}

static void test_what_is_refused(void **state)
{
    static const struct {
        const char *dialect;
        int code;
        const char *text;
    } refused[] = {
        {"https://schemas.example/unknown", -ENOENT, "https://schemas.example/unknown"},
        {"http://json-schema.org/draft-04/schema#", -EINVAL, "too old"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(refused); i++) {
        struct gw_schema_set *set = NULL;
        struct gw_error error;
        assert_int_equal(compile("3.1.0", refused[i].dialect, "{}", &set, &error), refused[i].code);
        assert_null(set);
        assert_non_null(strstr(error.text, refused[i].text));
        assert_string_equal(error.where, ""); /* the document as a whole */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_counts),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
