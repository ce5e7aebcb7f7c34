/* The schemas of a contract: over files, all findings at once, and which dialect they are in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/contract_folder.h"

static const char schema_document[] =
    "openapi: 3.1.0\n"
    "info: {title: A, version: '1'}\n"
    "paths:\n"
    "  /a:\n"
    "    post: {requestBody: {required: true, content: {application/json: {schema: %s}}}}\n"
    "components:\n"
    "  schemas:\n"
    "    Tree: {type: object, additionalProperties: {$ref: '#/components/schemas/Tree'}}\n"
    "    Ring: {$ref: '#/components/schemas/Ring'}\n";

/* What stands as the body's schema, and how the first finding begins. */
static const char *const schema_cases[][2] = {
    {"{$ref: 'schemas/order.yaml#/Order'}", ""},
    {"{$ref: '#/components/schemas/Tree'}", ""},
    {"{$ref: 'schemas/order.yaml#/Nothing'}", "o.yaml:5:"},
    {"{$ref: 'schemas/none.yaml'}", "o.yaml:5:86: the document \"schemas/none.yaml\": the file "},
    {"{$ref: '../none.yaml'}", "o.yaml:5:"},
    {"{$ref: 'https://127.0.0.1:1/x.json'}",
     "o.yaml:5:86: the document \"https://127.0.0.1:1/x.json\": \"https"},
    {"{type: strin}", "o.yaml:5:"},
    {"{$ref: 'schemas/order.yaml#/Bad'}", "schemas/order.yaml:3:"},
    {"{$ref: '#/components/schemas/Ring'}", "o.yaml:"},
    {"3", "o.yaml:5:79: \"schema\" must be an object or a boolean, not a number\n"},
};

static void schemas_are_compiled_over_files(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct contract_folder folder;
    int failures = 0;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "schemas/order.yaml",
                          "Order: {type: object, properties: {lines: {$ref: '#/Line'}}}\n"
                          "Line: {type: array, items: {$ref: 'order.yaml#/Order'}}\n"
                          "Bad: {minLength: -1}\n");
    for (size_t i = 0; i < GW_COUNT_OF(schema_cases); i++) {
        const char *said = schema_cases[i][1];
        char text[1024];
        snprintf(text, sizeof(text), schema_document, schema_cases[i][0]);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
        bool is_right = (contract != NULL) == (said[0] == '\0') &&
                        strncmp(folder.findings, said, strlen(said)) == 0 &&
                        strstr(folder.findings, "file://") == NULL;
        if (contract != NULL)
            is_right = is_right && gw_contract_api(contract)->operations[0].media_types[0].schema !=
                                       GW_NO_SCHEMA;
        if (!is_right) {
            print_error("%s: %s\n", schema_cases[i][0], folder.findings);
            failures++;
        }
        gw_contract_release(contract);
    }
    contract_folder_destroy(&folder);
    assert_int_equal(failures, 0);
}

static void all_wrong_schemas_are_told_at_once(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "schemas/order.yaml",
                          "Line: {type: object, properties: {\n"
                          "  amount: {minimum: '1'}, unit: {enum: 3}}}\n");
    contract_folder_write(
        &folder, "o.yaml",
        "openapi: 3.1.0\n"
        "info: {title: A, version: 1.0.0}\n"
        "paths:\n"
        "  /a:\n"
        "    post:\n"
        "      parameters: [{name: p, in: query, schema: {type: intger}}]\n"
        "      requestBody: {content: {application/json: {schema: {items:\n"
        "        {$ref: 'schemas/order.yaml#/Line'}}}}}\n"
        "      responses: {200: {description: d, content: {application/json: {schema:\n"
        "        {properties: {a: {pattern: '('}, b: {$ref: '#/components/schemas/B'}}}}}}}\n");
    assert_null(contract_folder_load(&folder, "o.yaml", &rules));
    static const char *const places[] = {"o.yaml:6:56: ", "o.yaml:10:36: ", "o.yaml:10:52: ",
                                         "schemas/order.yaml:2:21: ", "schemas/order.yaml:2:40: "};
    for (size_t i = 0; i < GW_COUNT_OF(places); i++) {
        if (strstr(folder.findings, places[i]) == NULL)
            fail_msg("no %sin:\n%s", places[i], folder.findings);
    }
    contract_folder_destroy(&folder);
}

static const char dialect_document[] = "openapi: 3.1.0\n"
                                       "info: {title: A, version: 1.0.0}\n"
                                       "jsonSchemaDialect: %s\n"
                                       "paths:\n"
                                       "  /a:\n"
                                       "    post:\n"
                                       "      requestBody: {required: true, content: "
                                       "{application/json: {schema: {items: [{type: string}]}}}}\n"
                                       "      responses: {default: {description: d}}\n";

/* The same schema is good in one draft and wrong in another; a dialect that cannot be had is told
 * where it is named. */
static void a_document_says_which_dialect_it_speaks(void **state)
{
    static const char *const cases[][2] = {
        {"'http://json-schema.org/draft-07/schema#'", ""},
        {"'https://json-schema.org/draft/2020-12/schema'", "o.yaml:7:"},
        {"'https://spec.openapis.org/oas/3.1/dialect/base'", "o.yaml:7:"},
        {"'http://json-schema.org/draft-04/schema#'", "o.yaml:3:20: "},
        {"'https://schemas.example/unknown'", "o.yaml:3:20: "},
        {"5", "o.yaml:3:20: "},
    };
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct contract_folder folder;

    (void)state;
    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        const char *said = cases[i][1];
        char text[1024];
        snprintf(text, sizeof(text), dialect_document, cases[i][0]);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
        if ((contract != NULL) != (said[0] == '\0') ||
            strncmp(folder.findings, said, strlen(said)) != 0)
            fail_msg("%s: %s", cases[i][0], folder.findings);
        gw_contract_release(contract);
    }
    contract_folder_destroy(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_compiled_over_files),
        cmocka_unit_test(all_wrong_schemas_are_told_at_once),
        cmocka_unit_test(a_document_says_which_dialect_it_speaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
