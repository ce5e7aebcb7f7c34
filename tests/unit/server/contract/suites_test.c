/* Documents that nobody wrote for us: each loads with the right number of operations, or is refused
 * with a reason that names a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/contract/load.h"
#include "server/json/yaml.h"
#include "tests/unit/support/suite_files.h"

struct tally {
    int loaded, refused, failures;
    size_t operations;
};

/* The path item itself, or the one in components that it refers to. */
static const json_t *follow(const json_t *root, const json_t *item)
{
    static const char prefix[] = "#/components/pathItems/";
    const char *ref = json_string_value(json_object_get(item, "$ref"));

    if (ref == NULL || strncmp(ref, prefix, sizeof(prefix) - 1) != 0)
        return item;
    const json_t *items = json_object_get(json_object_get(root, "components"), "pathItems");
    return json_object_get(items, ref + sizeof(prefix) - 1);
}

static size_t count_operations(const json_t *root)
{
    static const char *const methods[] = {"get",     "put",  "post",  "delete",
                                          "options", "head", "patch", "trace"};
    const char *path;
    json_t *item;
    size_t count = 0;

    json_object_foreach(json_object_get(root, "paths"), path, item)
    {
        const json_t *target = path[0] == '/' ? follow(root, item) : NULL;
        for (size_t i = 0; i < GW_COUNT_OF(methods); i++)
            count += json_object_get(target, methods[i]) != NULL ? 1 : 0;
    }
    return count;
}

static size_t expected_operations(const char *path)
{
    static struct gw_diagnostics diagnostics;
    struct gw_document *document;
    size_t count = SIZE_MAX;

    gw_diagnostics_init(&diagnostics);
    if (gw_document_load_file(path, &diagnostics, &document) == 0) {
        count = count_operations(document->root);
        gw_document_destroy(document);
    }
    gw_diagnostics_finish(&diagnostics);
    return count;
}

static void check_reasons(const struct gw_diagnostics *diagnostics, struct tally *tally)
{
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct gw_finding *finding = &diagnostics->findings[i];
        if (finding->file[0] != '\0' && finding->line > 0 && finding->text[0] != '\0')
            continue;
        print_error("no place: %s: %s\n", finding->file, finding->text);
        tally->failures++;
    }
}

static void load(const char *path, const char *name, void *self)
{
    static struct gw_diagnostics diagnostics;
    struct tally *tally = self;
    struct gw_contract *contract;
    struct gw_contract_rules rules = {
        .is_standalone = true,
        .namespace = GW_STR_INIT("/system/suite"),
    };

    gw_diagnostics_init(&diagnostics);
    if (gw_contract_load(path, &rules, &diagnostics, &contract) == 0) {
        size_t count = gw_contract_api(contract)->operation_count;
        size_t expected = expected_operations(path);
        if (count != expected) {
            print_error("%s: %zu operations, not %zu\n", name, count, expected);
            tally->failures++;
        }
        tally->loaded++;
        tally->operations += count;
        gw_contract_release(contract);
    } else {
        tally->refused++;
        const struct gw_finding *first = NULL;
        gw_diagnostics_sort(&diagnostics);
        for (size_t i = 0; i < diagnostics.count && first == NULL; i++) {
            if (diagnostics.findings[i].severity == GW_SEVERITY_ERROR)
                first = &diagnostics.findings[i];
        }
        if (first == NULL)
            tally->failures++;
        else if (strstr(first->text, "is not read") == NULL)
            print_message("refused %s:%u: %s\n", name, first->line, first->text);
    }
    check_reasons(&diagnostics, tally);
    gw_diagnostics_finish(&diagnostics);
}

static void load_folder(const char *folder, int min_loaded)
{
    static const char *const suffixes[] = {".json", ".yaml", ".yml"};
    struct tally tally = {0};

    for (size_t i = 0; i < GW_COUNT_OF(suffixes); i++)
        suite_each(folder, suffixes[i], load, &tally);
    print_message("%s: %d loaded with %zu operations, %d refused\n", folder, tally.loaded,
                  tally.operations, tally.refused);
    assert_int_equal(tally.failures, 0);
    assert_true(tally.loaded >= min_loaded);
}

static void real_documents_load(void **state)
{
    (void)state;
    load_folder("openapi-docs/real", 10);
}

static void examples_load(void **state)
{
    (void)state;
    load_folder("openapi-docs/oai-examples", 15);
    load_folder("openapi-docs/readme-oas-examples", 12);
}

static void fixtures_load(void **state)
{
    (void)state;
    load_folder("oai-schemas/v3.0/pass", 5);
    load_folder("oai-schemas/v3.1/tests/schema/pass", 20);
    load_folder("oai-schemas/v3.1/tests/schema/fail", 0);
    load_folder("oai-schemas/v3.2", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_documents_load),
        cmocka_unit_test(examples_load),
        cmocka_unit_test(fixtures_load),
    };
    suite_require("openapi-docs");
    suite_require("oai-schemas");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
