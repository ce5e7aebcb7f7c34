/* Chains that would not keep what contracts promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/filter/filter.h"
#include "server/gateway/security.h"
#include "tests/unit/support/contract_folder.h"

/* --- policies by their tables ----------------------------------------------------------------- */

static const struct gw_option scheme_options[] = {{"grants", GW_LIST, 0, 9, "[]", ""}, {0}};
static const struct gw_option token_options[] = {
    {"issuers", GW_SECTION, 0, 0, NULL, "", .fields = scheme_options}, {0}};
static const struct gw_option key_options[] = {
    {"api_keys", GW_SECTION, 0, 0, NULL, "", .fields = scheme_options}, {0}};

static const struct gw_filter_type token = {.name = "token", .options = token_options};
static const struct gw_filter_type key = {.name = "key", .options = key_options};
static const struct gw_filter_type judge = {.name = "authorise"};
static const struct gw_filter_type headers = {.name = "headers"};
static const struct gw_filter_type cache = {.name = "cache"};
static const struct gw_filter_type *const filters[] = {&token,   &key,   &judge,
                                                       &headers, &cache, NULL};

/* --- one configuration with one contract ------------------------------------------------------ */

static const struct gw_str everywhere[] = {GW_STR_INIT("*")};
static const struct gw_grant grants[] = {
    {GW_GRANT_BACKEND, GW_STR_INIT("erp"), everywhere, 1, 0},
    {GW_GRANT_ISSUER, GW_STR_INIT("corporate"), everywhere, 1, 0},
    {GW_GRANT_API_KEY, GW_STR_INIT("partner"), everywhere, 1, 0},
};
static const struct gw_contract_rules rules = {.grants = grants,
                                               .grant_count = GW_COUNT_OF(grants)};

/* Lines 3 and 4 are the rest. */
static const char configuration[] = "listeners: [{address: \"127.0.0.1:0\"}]\n"
                                    "state_dir: /tmp\n"
                                    "policies: %s\n"
                                    "%s\n";

static const char document[] = "openapi: 3.1.0\n"
                               "info: {title: A, version: 1.0.0}\n"
                               "x-millgate: {namespace: /system/erp, owner: x, backend: erp}\n"
                               "security: %s\n"
                               "paths: {/a: {get: {responses: {'200': {description: x}}%s}}}\n"
                               "components:\n"
                               "  securitySchemes:\n"
                               "    corporate: {type: http, scheme: bearer}\n"
                               "    partner: {type: apiKey, in: header, name: X-API-Key}\n";

static const struct {
    const char *policies, *sections, *security, *operation;
    const char *said;
} cases[] = {
    {"[token, key, authorise]", "", "[{partner: [], corporate: []}]", "", ""},
    {"[key, authorise, token]", "", "[{partner: []}]", "",
     "3:17: error: the policy authorise must stand behind token, whose proof it judges\n"},
    {"[authorise, token, key]", "", "[{partner: []}]", "",
     "3:12: error: the policy authorise must stand behind token, whose proof it judges\n"
     "3:12: error: the policy authorise must stand behind key, whose proof it judges\n"},
    {"[token, key]", "", "[{corporate: []}]", "",
     "3:11: error: the policy authorise is not in the chain, so nothing would keep GET "
     "/system/erp/v1/a from anybody\n"},
    {"[]", "", "[{corporate: []}]", "",
     "3:11: error: the policy authorise is not in the chain, so nothing would keep GET "
     "/system/erp/v1/a from anybody\n"},
    {"[token, authorise]", "", "[{corporate: []}, {partner: []}]", "",
     "3:11: error: no policy of the chain proves an API key, which GET /system/erp/v1/a asks "
     "for\n"},
    {"[]", "", "[]", "", ""},
    {"[]", "", "[{corporate: []}]", ", security: []", ""},
    {"[]", "", "[]", ", x-millgate: {authorize: ['true']}",
     "3:11: error: the policy authorise is not in the chain, so nothing would keep GET "
     "/system/erp/v1/a from anybody\n"},
    {"[authorise]", "", "[]", ", x-millgate: {authorize: ['true']}", ""},
    {"[token, authorise, headers, cache]", "", "[{corporate: []}]", "", ""},
    {"[cache, token, authorise]", "", "[{corporate: []}]", "",
     "3:26: error: the policy cache must stand behind authorise: it would give answers to "
     "others\n"},
    {"[cache, headers]", "", "[]", "",
     "3:19: error: the policy cache must stand behind headers: it would give answers to others\n"},
    {"[]", "issuers: {a: {}, b: {}}\napi_keys: {b: {}}", "[]", "",
     "5:15: error: the name \"b\" stands in issuers, too: a contract that uses it could mean "
     "either\n"},
};

static struct gw_diagnostics diagnostics;

static struct gw_config *load_config(const char *policies, const char *sections)
{
    char path[] = "/tmp/millgate-security-XXXXXX";
    struct gw_config *config = NULL;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");

    assert_non_null(file);
    fprintf(file, configuration, policies, sections);
    fclose(file);
    gw_diagnostics_init(&diagnostics);
    if (gw_config_load(path, filters, &diagnostics, &config) != 0) {
        gw_diagnostics_print(&diagnostics, stderr);
        fail_msg("the configuration is refused");
    }
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    return config;
}

/* The findings without the file's name before them. */
static void print_findings(char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < diagnostics.count; i++) {
        const struct gw_finding *finding = &diagnostics.findings[i];
        size_t len = strlen(out);
        snprintf(out + len, size - len, "%u:%u: error: %s\n", finding->line, finding->column,
                 finding->text);
    }
}

static void chains_keep_what_contracts_promise(void **state)
{
    struct contract_folder folder;
    int failures = 0;

    (void)state;
    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_config *config = load_config(cases[i].policies, cases[i].sections);
        char text[2048], findings[2048];
        snprintf(text, sizeof(text), document, cases[i].security, cases[i].operation);
        contract_folder_write(&folder, "o.yaml", text);
        struct gw_contract *contract = contract_folder_load(&folder, "o.yaml", &rules);
        if (contract == NULL)
            fail_msg("%zu: %s", i, folder.findings);
        gw_diagnostics_init(&diagnostics);
        gw_gateway_check_security(config, &contract, 1, &diagnostics);
        print_findings(findings, sizeof(findings));
        if (strcmp(findings, cases[i].said) != 0) {
            print_error("%zu: %s", i, findings);
            failures++;
        }
        gw_diagnostics_finish(&diagnostics);
        gw_contract_release(contract);
        gw_config_destroy(config);
    }
    contract_folder_destroy(&folder);
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_keep_what_contracts_promise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
