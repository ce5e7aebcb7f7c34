#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/json/reader.h"
#include "tests/unit/support/contract_folder.h"
#include "tests/unit/support/contract_orders.h"

static void assert_text(struct gw_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void check_get(const struct gw_operation *get)
{
    assert_text(get->id, "getOrder");
    assert_int_equal(get->method, GW_METHOD_GET);
    assert_text(get->route, "/system/erp/v2/orders/{id}");
    assert_text(get->path, "/orders/{id}");
    assert_text(get->plan, "basic");
    assert_text(get->backend, "erp");
    assert_text(get->backend_path, "/orders/{id}");
    assert_int_equal(get->security_count, 1);
    assert_text(get->security[0].schemes[0].name, "corporate");
    assert_text(get->security[0].schemes[0].scopes[0], "orders.read");
    assert_int_equal(get->parameter_count, 4);

    const struct gw_parameter *id = &get->parameters[0];
    assert_text(id->name, "id");
    assert_int_equal(id->place, GW_IN_PATH);
    assert_int_equal(id->style, GW_STYLE_SIMPLE);
    assert_int_equal(id->path_index, 0);
    assert_int_equal(id->shape.types, 1u << GW_JSON_NUMBER | GW_SHAPE_INTEGER);
    assert_false(id->explode);
    const struct gw_parameter *lang = &get->parameters[1];
    assert_text(lang->name, "lang"); /* the operation's own replaces the path item's */
    assert_true(lang->is_required && lang->explode);
    assert_int_equal(lang->style, GW_STYLE_FORM);
    assert_int_equal(lang->shape.types, 1u << GW_JSON_ARRAY);
    assert_int_equal(lang->shape.items->types, 1u << GW_JSON_NUMBER);
    assert_int_equal(get->parameters[2].shape.types, 1u << GW_JSON_TRUE | 1u << GW_JSON_FALSE);
    assert_true(get->parameters[3].is_json);
    assert_true(get->parameters[3].schema != GW_NO_SCHEMA);
    assert_false(get->has_body);
}

static void check_put(const struct gw_operation *put)
{
    assert_text(put->id, "put /orders/{id}");
    assert_true(put->is_deprecated && put->has_body && put->is_body_required);
    assert_text(put->plan, "gold");
    assert_int_equal(put->max_body_bytes, 65536);
    assert_text(put->security[0].schemes[0].scopes[0], "orders.write");
    assert_int_equal(put->parameter_count, 2);
    assert_int_equal(put->media_type_count, 2);
    assert_text(put->media_types[0].range, "application/json");
    assert_true(put->media_types[0].schema != GW_NO_SCHEMA);
    assert_text(put->media_types[1].range, "text/*");
    assert_true(put->media_types[1].schema == GW_NO_SCHEMA);

    char path[128] = "";
    for (size_t i = 0; i < put->backend_part_count; i++) {
        const struct gw_path_part *part = &put->backend_parts[i];
        size_t len = strlen(path);
        if (part->parameter == SIZE_MAX)
            snprintf(path + len, sizeof(path) - len, "%.*s", GW_STR_ARG(part->text));
        else
            snprintf(path + len, sizeof(path) - len, "<%zu>", part->parameter);
    }
    assert_string_equal(path, "/odata/Orders('<0>')/x");
}

static void a_document_becomes_operations(void **state)
{
    (void)state;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "orders.yaml", orders);
    struct gw_contract *contract = contract_folder_load(&folder, "orders.yaml", &strict);
    if (contract == NULL)
        fail_msg("refused: %s", folder.findings);
    assert_string_equal(folder.findings,
                        "orders.yaml:24:18: warning: a header parameter \"Accept\" is ignored, as "
                        "OpenAPI says\n"
                        "orders.yaml:35:18: warning: an operation has at least one response\n");
    const struct gw_api *api = gw_contract_api(contract);
    assert_text(api->namespace, "/system/erp");
    assert_text(api->base, "/system/erp/v2");
    assert_text(api->title, "Orders");
    assert_text(api->version, "2.3.1");
    assert_text(api->owner, "Plant IT");
    assert_text(api->contact, "plant-it@example.com");
    assert_text(api->lifecycle, "production");
    assert_text(api->plan, "basic");
    assert_true(api->availability == 0.995);
    assert_true(api->latency_p99_ns == UINT64_C(250000000));
    assert_non_null(api->schemas);
    assert_int_equal(api->operation_count, 2);
    check_get(&api->operations[0]);
    check_put(&api->operations[1]);
    assert_int_equal(api->operations[1].number, 1);
    assert_ptr_equal(api->operations[1].api, api);

    struct gw_contract *same = gw_contract_hold(contract);
    gw_contract_release(contract);
    assert_text(gw_contract_api(same)->title, "Orders");
    gw_contract_release(same);
    gw_contract_release(NULL);
    contract_folder_destroy(&folder);
}

static void all_problems_are_told_at_once(void **state)
{
    (void)state;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.json",
                          "{\"openapi\": \"3.0.3\", \"info\": {},\n"
                          " \"x-millgate\": {\"namespace\": \"/system/erp\", \"owner\": 1},\n"
                          " \"security\": [{\"a\": []}],\n"
                          " \"paths\": {\"/a\": {\"get\": {}}, \"b\": {}}}\n");
    assert_null(contract_folder_load(&folder, "o.json", &strict));
    assert_string_equal(folder.findings,
                        "o.json:1:30: info needs \"title\"\n"
                        "o.json:1:30: info needs \"version\"\n"
                        "o.json:2:54: \"owner\" must be a string, not a number\n"
                        "o.json:3:16: components.securitySchemes defines no \"a\"\n"
                        "o.json:4:26: an operation needs \"responses\"\n"
                        "o.json:4:26: neither a flow, nor a builtin, nor a backend, here or in the "
                        "root's x-millgate\n"
                        "o.json:4:31: a path begins with a slash\n");
    contract_folder_destroy(&folder);
}

static void a_contract_is_current_until_a_byte_changes(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.yaml",
                          "openapi: 3.0.0\ninfo: {title: A, version: '1'}\n"
                          "paths: {/a: {$ref: 'parts/a.yaml'}}\n");
    contract_folder_write(&folder, "parts/a.yaml", "get: {responses: {200: {description: x}}}\n");
    struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
    assert_non_null(contract);
    assert_int_equal(gw_contract_api(contract)->operation_count, 1);
    assert_true(gw_contract_is_current(contract, &rules));

    struct gw_contract_rules others = rules;
    others.default_plan = GW_STR("gold");
    assert_false(gw_contract_is_current(contract, &others));
    struct gw_grant plan = {.kind = GW_GRANT_PLAN, .name = GW_STR_INIT("gold"), .most = 50};
    others = rules;
    others.grants = &plan;
    others.grant_count = 1;
    assert_false(gw_contract_is_current(contract, &others));
    contract_folder_write(&folder, "parts/a.yaml", "get: {responses: {200: {description: y}}}\n");
    assert_false(gw_contract_is_current(contract, &rules));
    contract_folder_write(&folder, "parts/a.yaml", "get: {responses: {200: {description: x}}}\n");
    assert_true(gw_contract_is_current(contract, &rules));
    char path[128];
    snprintf(path, sizeof(path), "%s/parts/a.yaml", folder.path);
    assert_int_equal(unlink(path), 0);
    assert_false(gw_contract_is_current(contract, &rules));
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

static void two_contracts_of_one_base_are_told(void **state)
{
    (void)state;
    struct gw_contract_rules rules = {.is_standalone = true, .namespace = GW_STR_INIT("/system/a")};
    struct gw_contract *contracts[3];
    struct gw_diagnostics diagnostics;
    struct contract_folder folder;

    contract_folder_create(&folder);
    for (int i = 0; i < 3; i++) {
        char name[32], text[128];
        snprintf(name, sizeof(name), "%d.yaml", i);
        snprintf(text, sizeof(text),
                 "{openapi: 3.0.0, info: {title: A, version: '%d.%d'}, paths: {}}", i == 1 ? 2 : 1,
                 i);
        contract_folder_write(&folder, name, text);
        contracts[i] = contract_folder_load(&folder, name, &rules);
        assert_non_null(contracts[i]);
    }
    gw_diagnostics_init(&diagnostics);
    gw_contract_check_bases(contracts, 3, &diagnostics);
    assert_int_equal(diagnostics.error_count, 1);
    assert_non_null(strstr(diagnostics.findings[0].file, "2.yaml"));
    assert_non_null(strstr(diagnostics.findings[0].text, "0.yaml"));
    gw_diagnostics_finish(&diagnostics);
    for (int i = 0; i < 3; i++)
        gw_contract_release(contracts[i]);
    contract_folder_destroy(&folder);
}

static int note_name(void *self, const char *path)
{
    char *names = self;

    size_t len = strlen(names);
    snprintf(names + len, 256 - len, "%s", strrchr(path, '/'));
    return 0;
}

static void a_folder_lists_its_contracts(void **state)
{
    (void)state;
    struct contract_folder folder;
    char names[256] = "";

    contract_folder_create(&folder);
    contract_folder_write(&folder, "b.json", "{\"openapi\": \"3.0.0\"}");
    contract_folder_write(&folder, "a.yaml", "openapi: 9\n");
    contract_folder_write(&folder, "c.yml", "openapi: 3.1.0\n");
    contract_folder_write(&folder, "events.yaml", "asyncapi: 3.0.0\n");
    contract_folder_write(&folder, "notes.txt", "openapi: 3.1.0\n");
    contract_folder_write(&folder, ".hidden.yaml", "openapi: 3.1.0\n");
    contract_folder_write(&folder, "schemas/x.yaml", "openapi: 3.1.0\n");
    contract_folder_write(&folder, "broken.yaml", "openapi: [\n");
    assert_int_equal(gw_contract_list(folder.path, &folder.diagnostics, note_name, names), 0);
    assert_string_equal(names, "/a.yaml/b.json/c.yml");
    assert_int_equal(folder.diagnostics.error_count, 1);
    assert_int_equal(gw_contract_list("/nowhere/at/all", &folder.diagnostics, note_name, names),
                     -2);
    contract_folder_destroy(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_becomes_operations),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(a_contract_is_current_until_a_byte_changes),
        cmocka_unit_test(two_contracts_of_one_base_are_told),
        cmocka_unit_test(a_folder_lists_its_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
