#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/contract/resolve.h"
#include "tests/unit/support/contract_folder.h"

static const struct gw_contract_rules rules = {.is_standalone = true,
                                               .namespace = GW_STR_INIT("/system/a")};

/* A document whose path item is a reference to `ref`. */
static void write_document(const struct contract_folder *folder, const char *name, const char *ref)
{
    char text[512];

    snprintf(text, sizeof(text),
             "openapi: 3.1.0\n"
             "info: {title: A, version: '1'}\n"
             "paths: {/a: {$ref: '%s'}}\n"
             "components:\n"
             "  pathItems:\n"
             "    a/b~c: {get: {operationId: slash}}\n"
             "    one: {$ref: '#/components/pathItems/two'}\n"
             "    two: {$ref: '#/components/pathItems/three'}\n"
             "    three: {get: {operationId: chained}}\n"
             "    ring: {$ref: '#/components/pathItems/ring2'}\n"
             "    ring2: {$ref: '#/components/pathItems/ring'}\n"
             "    'p q': [{get: {operationId: listed}}]\n",
             ref);
    contract_folder_write(folder, name, text);
}

static void write_parts(const struct contract_folder *folder)
{
    contract_folder_write(folder, "api/parts/whole.yaml", "get: {operationId: whole}\n");
    contract_folder_write(folder, "api/parts/back.json",
                          "{\"x\": {\"$ref\": \"../../common.yaml#/y\"}}");
    contract_folder_write(folder, "common.yaml", "y: {get: {operationId: common}}\n");
    contract_folder_write(folder, "api/parts/sp ace.yaml", "get: {operationId: space}\n");
    contract_folder_write(folder, "api/parts/broken.yaml", "get: [\n");
    contract_folder_write(folder, "api/parts/bad.yaml",
                          "x:\n  get:\n    operationId: bad\n    deprecated: maybe\n");
}

struct expectation {
    const char *ref;
    const char *id;   /* of the operation that it leads to */
    const char *said; /* or why not */
};

static const struct expectation expectations[] = {
    {"#/components/pathItems/a~1b~0c", "slash", NULL},
    {"#/components/pathItems/a%7E1b%7e0c", "slash", NULL},
    {"#/components/pathItems/one", "chained", NULL},
    {"#/components/pathItems/p%20q/0", "listed", NULL},
    {"#/components/pathItems/p%20q/00", NULL, ":3:20: there is nothing at"},
    {"#/components/pathItems/p%20q/1", NULL, ":3:20: there is nothing at"},
    {"#/components/pathItems/a~2", NULL, ":3:20: there is nothing at"},
    {"#/components/pathItems/%zz", NULL, ":3:20: there is nothing at"},
    {"#components", NULL, ":3:20: there is nothing at"},
    {"#/components/pathItems/ring", NULL, ":3:20: this reference goes in a circle"},
    {"#", NULL, "a path item has no member"},
    {"parts/whole.yaml", "whole", NULL},
    {"./parts/whole.yaml#", "whole", NULL},
    {"parts/../parts/./whole.yaml", "whole", NULL},
    {"/api/parts/whole.yaml", "whole", NULL}, /* from the root folder */
    {"parts/sp%20ace.yaml", "space", NULL},
    {"parts/back.json#/x", "common", NULL}, /* relative to the file that says it */
    {"parts/missing.yaml", NULL, "cannot be opened: No such file or directory"},
    {"parts/broken.yaml", NULL, "api/parts/broken.yaml:"},
    {"parts/bad.yaml#/x", NULL, "api/parts/bad.yaml:4:17: \"deprecated\" must be true or false"},
    {"../../outside.yaml", NULL, "leaves the folder of contracts"},
    {"../%2e%2e/outside.yaml", NULL, "leaves the folder of contracts"},
    {"/../../etc/passwd", NULL, "leaves the folder of contracts"},
    {"link.yaml", NULL, "leads out of the folder of contracts"},
    {"parts", NULL, "cannot be read"},
    {"https://127.0.0.1:1/x.yaml", NULL, "is not a file below the folder of contracts"},
    {"//127.0.0.1/x.yaml", NULL, "is not a file below the folder of contracts"},
    {"file:x.yaml", NULL, "is not a file below the folder of contracts"},
    {"file:///api/parts/whole.yaml", "whole", NULL},
    {"parts\\\\whole.yaml", NULL, "is no relative reference"},
    {"parts/whole.yaml%00", NULL, "is no relative reference"},
};

static void references_lead_where_they_may(void **state)
{
    (void)state;
    struct contract_folder folder, outside;
    char target[128], link[128];
    int failures = 0;

    contract_folder_create(&folder);
    contract_folder_create(&outside);
    contract_folder_write(&outside, "x.yaml", "get: {operationId: stolen}\n");
    write_document(&folder, "api/a.yaml", "");
    write_parts(&folder);
    snprintf(target, sizeof(target), "%s/x.yaml", outside.path);
    snprintf(link, sizeof(link), "%s/api/link.yaml", folder.path);
    assert_int_equal(symlink(target, link), 0);
    struct gw_contract_rules rooted = rules;
    rooted.root = gw_str_of(folder.path);

    for (size_t i = 0; i < GW_COUNT_OF(expectations); i++) {
        const struct expectation *expected = &expectations[i];
        write_document(&folder, "api/a.yaml", expected->ref);
        struct gw_contract *contract = contract_folder_load(&folder, "api/a.yaml", &rooted);
        bool is_right = contract == NULL && expected->said != NULL &&
                        strstr(folder.findings, expected->said) != NULL;
        if (contract != NULL && gw_contract_api(contract)->operation_count == 1)
            is_right =
                gw_str_equal(gw_contract_api(contract)->operations[0].id, gw_str_of(expected->id));
        if (contract != NULL && expected->said != NULL)
            is_right = strstr(folder.findings, expected->said) != NULL;
        if (!is_right) {
            print_error("%s: %s\n", expected->ref, folder.findings);
            failures++;
        }
        gw_contract_release(contract);
    }
    contract_folder_destroy(&outside);
    contract_folder_destroy(&folder);
    assert_int_equal(failures, 0);
}

static void the_documents_own_folder_is_the_root_by_default(void **state)
{
    (void)state;
    struct contract_folder folder;

    contract_folder_create(&folder);
    write_document(&folder, "api/a.yaml", "../common.yaml#/y");
    write_parts(&folder);
    assert_null(contract_folder_load(&folder, "api/a.yaml", &rules));
    assert_non_null(strstr(folder.findings, "leaves the folder of contracts"));
    write_document(&folder, "api/a.yaml", "parts/whole.yaml");
    struct gw_contract *contract = contract_folder_load(&folder, "api/a.yaml", &rules);
    assert_non_null(contract);
    gw_contract_release(contract);

    struct gw_contract_rules elsewhere = rules;
    elsewhere.root = GW_STR("/usr");
    assert_null(contract_folder_load(&folder, "api/a.yaml", &elsewhere));
    assert_non_null(strstr(folder.findings, "the file is not in the folder of contracts"));
    contract_folder_destroy(&folder);
}

static void files_and_bytes_are_bounded(void **state)
{
    (void)state;
    struct contract_folder folder;
    struct gw_contract_rules bounded = rules;

    contract_folder_create(&folder);
    contract_folder_write(
        &folder, "a.yaml",
        "openapi: 3.0.0\ninfo: {title: A, version: '1'}\npaths:\n"
        "  /a: {$ref: 'b.yaml'}\n  /b: {$ref: 'b.yaml'}\n  /c: {$ref: 'c.yaml'}\n");
    contract_folder_write(&folder, "b.yaml", "summary: b\n");
    contract_folder_write(&folder, "c.yaml", "summary: c\n");
    bounded.max_files = 3;
    struct gw_contract *contract = contract_folder_load(&folder, "a.yaml", &bounded);
    assert_non_null(contract);
    gw_contract_release(contract);
    bounded.max_files = 2;
    assert_null(contract_folder_load(&folder, "a.yaml", &bounded));
    assert_non_null(strstr(folder.findings, ":6:14: this contract has more than 2 files"));
    bounded.max_files = 0;
    bounded.max_bytes = 130;
    assert_null(contract_folder_load(&folder, "a.yaml", &bounded));
    assert_non_null(strstr(folder.findings, "more than 130 bytes"));
    assert_null(contract_folder_load(&folder, "nothing.yaml", &rules));
    contract_folder_destroy(&folder);
}

static void members_beside_a_reference_are_told(void **state)
{
    (void)state;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "a.yaml",
                          "openapi: 3.1.0\n"
                          "info: {title: A, version: '1'}\n"
                          "paths:\n"
                          "  /a/{x}:\n"
                          "    get:\n"
                          "      parameters:\n"
                          "        - {$ref: '#/components/parameters/x', description: mine}\n"
                          "        - {$ref: '#/components/parameters/y', required: true}\n"
                          "components:\n"
                          "  parameters:\n"
                          "    x: {name: x, in: path, required: true, schema: {}}\n"
                          "    y: {name: y, in: query, schema: {}}\n");
    struct gw_contract *contract = contract_folder_load(&folder, "a.yaml", &rules);
    assert_non_null(contract);
    assert_string_equal(folder.findings,
                        "a.yaml:8:47: warning: \"required\" beside $ref has no meaning\n");
    assert_false(gw_contract_api(contract)->operations[0].parameters[1].is_required);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_lead_where_they_may),
        cmocka_unit_test(the_documents_own_folder_is_the_root_by_default),
        cmocka_unit_test(files_and_bytes_are_bounded),
        cmocka_unit_test(members_beside_a_reference_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
