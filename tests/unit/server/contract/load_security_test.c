/* Who may call: security schemes, their kinds, keys and anonymous callers, as the loader takes
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/contract_folder.h"
#include "tests/unit/support/contract_orders.h"

static void assert_text(struct gw_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void schemes_that_nothing_proves_are_refused_once(void **state)
{
    (void)state;
    static const char document[] =
        "openapi: 3.0.0\n"
        "info: {title: A, version: 1.0.0}\n"
        "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
        "security: [{corporate: []}]\n"
        "paths: {/a: {get: {responses: {200: {description: x}}, security: [{corporate: []}]}}}\n"
        "components: {securitySchemes: {corporate: {%s}}}\n";
    static const char *const cases[][2] = {
        {"type: http, scheme: Bearer", ""},
        {"type: openIdConnect, openIdConnectUrl: x", ""},
        {"type: http, scheme: basic",
         "o.yaml:6:50: security by http with a scheme other than bearer"},
        {"type: apiKey, in: query, name: k",
         "o.yaml:6:62: an API key in the query ends up in logs"},
        {"type: apiKey, in: cookie, name: k", "o.yaml:6:62: an API key in a cookie is sent by any"},
        {"type: apiKey, in: body, name: k", "o.yaml:6:62: must be \"header\", \"query\" or"},
        {"type: apiKey, in: header",
         "o.yaml:6:43: a security scheme of type apiKey needs \"in\" and \"name\""},
        {"type: mutualTLS", "o.yaml:6:50: security by mutualTLS is not offered"},
        {"type: oauth2", "o.yaml:6:43: a security scheme of type oauth2 needs \"flows\""},
        {"scheme: bearer", "o.yaml:6:43: a security scheme needs \"type\"\n"},
    };
    struct contract_folder folder;

    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), document, cases[i][0]);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &strict);
        assert_true((contract != NULL) == (cases[i][1][0] == '\0'));
        if (strncmp(folder.findings, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("for %s found %s", cases[i][0], folder.findings);
        assert_true(folder.diagnostics.count <= 1);
        gw_contract_release(contract);
    }
    contract_folder_destroy(&folder);
}

static void the_nearest_word_on_keys_counts(void **state)
{
    (void)state;
    static const char document[] =
        "openapi: 3.1.0\n"
        "info: {title: A, version: 1.0.0}\n"
        "x-millgate: {namespace: /system/erp, owner: x, backend: erp%s}\n"
        "security: [{corporate: []}]\n"
        "paths: {/a: {%s post: {responses: {'200': {description: x}}%s},\n"
        "             get: {responses: {'200': {description: x}}}}}\n"
        "components: {securitySchemes: {corporate: {type: http, scheme: bearer}}}\n";
    static const struct {
        const char *root, *path, *operation;
        enum gw_keying keying;
    } cases[] = {
        {"", "", "", GW_KEYING_UNSAID},
        {", idempotency: required", "", "", GW_KEYING_REQUIRED},
        {", idempotency: required", "x-millgate: {idempotency: off},", "", GW_KEYING_OFF},
        {", idempotency: required", "x-millgate: {idempotency: 'off'},",
         ", x-millgate: {idempotency: optional}", GW_KEYING_OPTIONAL},
    };
    struct contract_folder folder;
    char text[1024];

    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        snprintf(text, sizeof(text), document, cases[i].root, cases[i].path, cases[i].operation);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &strict);
        if (contract == NULL)
            fail_msg("%s", folder.findings);
        const struct gw_operation *operations = gw_contract_api(contract)->operations;
        size_t post = operations[0].method == GW_METHOD_POST ? 0 : 1;
        assert_int_equal(operations[post].keying, cases[i].keying);
        assert_int_equal(operations[1 - post].keying, GW_KEYING_UNSAID); /* a GET inherits none */
        gw_contract_release(contract);
    }
    snprintf(text, sizeof(text), document, "", "", ", x-millgate: {idempotency: require}");
    contract_folder_write(&folder, "o.yaml", text);
    assert_null(contract_folder_load(&folder, "o.yaml", &strict));
    assert_non_null(strstr(folder.findings, "idempotency is off, optional or required; did you "
                                            "mean \"required\"?"));
    contract_folder_destroy(&folder);
}

/* Each kind's names are looked for among those of its own section. */
static void schemes_have_kinds(void **state)
{
    (void)state;
    static const struct gw_grant of_each_kind[] = {
        {GW_GRANT_BACKEND, GW_STR_INIT("erp"), to_system, 1, 0},
        {GW_GRANT_ISSUER, GW_STR_INIT("corporate"), to_system, 1, 0},
        {GW_GRANT_API_KEY, GW_STR_INIT("partner"), to_system, 1, 0},
        {GW_GRANT_CERTIFICATE, GW_STR_INIT("device"), to_system, 1, 0},
    };
    static const char document[] = "openapi: 3.1.0\n"
                                   "info: {title: A, version: 1.0.0}\n"
                                   "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
                                   "security: [{partner: [], device: []}, {corporate: [a]}]\n"
                                   "paths: {/a: {get: {responses: {'200': {description: x}}}}}\n"
                                   "components:\n"
                                   "  securitySchemes:\n"
                                   "    corporate: {type: http, scheme: bearer}\n"
                                   "    partner: {type: apiKey, in: header, name: X-API-Key}\n"
                                   "    device: {type: mutualTLS}\n";
    struct gw_contract_rules rules = strict;
    struct contract_folder folder;

    rules.grants = of_each_kind;
    rules.grant_count = GW_COUNT_OF(of_each_kind);
    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.yaml", document);
    struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    const struct gw_operation *operation = &gw_contract_api(contract)->operations[0];
    assert_int_equal(operation->security_count, 2);
    assert_int_equal(operation->security[0].scheme_count, 2);
    assert_int_equal(operation->security[0].schemes[0].kind, GW_SCHEME_API_KEY);
    assert_text(operation->security[0].schemes[0].name, "partner");
    assert_int_equal(operation->security[0].schemes[1].kind, GW_SCHEME_CERTIFICATE);
    assert_int_equal(operation->security[1].schemes[0].kind, GW_SCHEME_TOKEN);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

static void names_are_looked_for_by_kind(void **state)
{
    (void)state;
    static const char document[] =
        "openapi: 3.1.0\n"
        "info: {title: A, version: 1.0.0}\n"
        "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
        "paths: {/a: {get: {responses: {'200': {description: x}}, security: [{corporate: []}]}}}\n"
        "components: {securitySchemes: {corporate: {%s}}}\n";
    static const char *const cases[][2] = {
        {"type: apiKey, in: header, name: k",
         "o.yaml:4:81: there is no api_keys entry \"corporate\" in the configuration\n"},
        {"type: mutualTLS",
         "o.yaml:4:81: there is no client_certificates entry \"corporate\" in the configuration\n"},
    };
    struct contract_folder folder;

    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), document, cases[i][0]);
        contract_folder_write(&folder, "o.yaml", text);
        assert_null(contract_folder_load(&folder, "o.yaml", &strict));
        assert_string_equal(folder.findings, cases[i][1]);
    }
    contract_folder_destroy(&folder);
}

static void anonymous_is_for_namespaces_that_may(void **state)
{
    (void)state;
    static const char document[] = "openapi: 3.0.0\n"
                                   "info: {title: A, version: v12}\n"
                                   "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
                                   "paths: {/a: {get: {responses: {200: {description: x}}}}}\n";
    struct gw_contract_rules rules = strict;
    struct contract_folder folder;

    contract_folder_create(&folder);
    contract_folder_write(&folder, "o.yaml", document);
    assert_null(contract_folder_load(&folder, "o.yaml", &rules));
    rules.anonymous = to_process;
    rules.anonymous_count = 1;
    assert_null(contract_folder_load(&folder, "o.yaml", &rules));
    rules.anonymous = to_system;
    struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
    assert_non_null(contract);
    assert_text(gw_contract_api(contract)->base, "/system/erp/v12");
    assert_int_equal(gw_contract_api(contract)->operations[0].security_count, 0);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemes_that_nothing_proves_are_refused_once),
        cmocka_unit_test(the_nearest_word_on_keys_counts),
        cmocka_unit_test(schemes_have_kinds),
        cmocka_unit_test(names_are_looked_for_by_kind),
        cmocka_unit_test(anonymous_is_for_namespaces_that_may),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
