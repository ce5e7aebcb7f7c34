/* x-millgate: authorize: where rules may stand, what they add up to, and how faults are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/contract/rule.h"
#include "tests/unit/support/contract_folder.h"
#include "tests/unit/support/contract_orders.h"

/* Line 4 is the document's rules, line 7 the path's, line 11 the operation's. */
static const char document[] =
    "openapi: 3.1.0\n"
    "info: {title: A, version: 1.0.0}\n"
    "x-millgate: {namespace: /system/erp, owner: x, backend: erp,\n"
    "  authorize: %s}\n"
    "paths:\n"
    "  /plants/{plant}/orders:\n"
    "    x-millgate: {authorize: %s}\n"
    "    parameters: [{name: plant, in: path, required: true, schema: {type: string}}]\n"
    "    get:\n"
    "      parameters: [{name: supplier, in: query, schema: {type: string}}]\n"
    "      x-millgate: {authorize: %s}\n"
    "      responses: {'200': {description: x}}\n"
    "    post:\n"
    "      responses: {'200': {description: x}}\n";

static struct gw_contract_rules open_rules(void)
{
    struct gw_contract_rules rules = strict;

    rules.is_authentication_required = false;
    return rules;
}

static struct gw_contract *load(struct contract_folder *folder,
                                const struct gw_contract_rules *rules, const char *api,
                                const char *path, const char *operation)
{
    char text[4096];

    snprintf(text, sizeof(text), document, api, path, operation);
    contract_folder_write(folder, "o.yaml", text);
    return contract_folder_load(folder, "o.yaml", rules);
}

static void assert_rule(const struct gw_operation *operation, size_t at, enum gw_rule_owner owner,
                        const char *text, const char *say)
{
    const struct gw_rule *rule = operation->rules[at];

    assert_int_equal(rule->owner, owner);
    assert_true(gw_str_equal(rule->text, gw_str_of(text)));
    assert_true(gw_str_equal(rule->say, gw_str_of(say)));
}

static void rules_add_up(void **state)
{
    static const struct gw_str erp[] = {GW_STR_INIT("/system/erp")};
    static const struct gw_str mes[] = {GW_STR_INIT("/system/mes")};
    static const struct gw_floor_rule floor[] = {
        {GW_STR_INIT("issuer == 'plant'"), GW_STR_INIT(""), mes, 1},
        {GW_STR_INIT("issuer == 'corporate'"), GW_STR_INIT("only ours"), erp, 1},
    };
    struct gw_contract_rules rules = open_rules();
    struct contract_folder folder;

    (void)state;
    rules.floor = floor;
    rules.floor_count = 2;
    contract_folder_create(&folder);
    struct gw_contract *contract =
        load(&folder, &rules, "[token.admin]",
             "['path.plant in token.plants', {when: 'scope(\"a\")', say: the scope a}]",
             "[query.supplier == token.supplier]");
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    const struct gw_api *api = gw_contract_api(contract);
    const struct gw_operation *get = &api->operations[0], *post = &api->operations[1];
    assert_int_equal(get->rule_count, 5);
    assert_rule(get, 0, GW_RULE_OF_FLOOR, "issuer == 'corporate'", "only ours");
    assert_rule(get, 1, GW_RULE_OF_API, "token.admin", "");
    assert_rule(get, 2, GW_RULE_OF_PATH, "path.plant in token.plants", "");
    assert_rule(get, 3, GW_RULE_OF_PATH, "scope(\"a\")", "the scope a");
    assert_rule(get, 4, GW_RULE_OF_OPERATION, "query.supplier == token.supplier", "");
    assert_int_equal(post->rule_count, 4);
    assert_ptr_equal(post->rules[3], get->rules[3]);

    /* A changed floor is another contract. */
    assert_true(gw_contract_is_current(contract, &rules));
    rules.floor_count = 1;
    assert_false(gw_contract_is_current(contract, &rules));
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

static void without_rules_there_are_none(void **state)
{
    struct gw_contract_rules rules = open_rules();
    struct contract_folder folder;

    (void)state;
    contract_folder_create(&folder);
    struct gw_contract *contract = load(&folder, &rules, "[]", "[]", "[]");
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    assert_int_equal(gw_contract_api(contract)->operations[0].rule_count, 0);
    gw_contract_release(contract);
    contract_folder_destroy(&folder);
}

static const struct {
    const char *api, *path, *operation;
    const char *said;
} faults[] = {
    {"[tokn.admin]", "[]", "[]",
     "o.yaml:4:15: column 1 of the rule: \"tokn\" is not known; did you mean \"token\"?\n"},
    {"[path.pland == token.plant]", "[]", "[]",
     "o.yaml:4:15: column 1 of the rule: GET /plants/{plant}/orders has no path parameter "
     "\"pland\"; did you mean \"plant\"?\n"},
    /* An inherited rule is told with the first operation that it does not fit. */
    {"[]", "[token.admin, query.supplier == 'x']", "[]",
     "o.yaml:7:43: column 1 of the rule: POST /plants/{plant}/orders has no query parameter "
     "\"supplier\"\n"},
    {"[]", "[]", "['true and token.a = 1']", "o.yaml:11:32: column 18 of the rule: write \"==\"\n"},
    {"[]", "[]", "[{when: token.a =, say: x}]",
     "o.yaml:11:39: column 9 of the rule: write \"==\"\n"},
    {"[]", "[]", "[{whn: token.a}]",
     "o.yaml:11:32: a rule needs \"when\"\n"
     "o.yaml:11:33: a rule has no member \"whn\"; did you mean \"when\"?\n"},
    {"[]", "[]", "[{when: token.a, say: ''}]", "o.yaml:11:53: is one line of 1 to 300 bytes\n"},
    {"[]", "[]", "[{when: token.a, say: \"a\\nb\"}]",
     "o.yaml:11:53: is one line of 1 to 300 bytes\n"},
    {"[]", "[]", "[5]",
     "o.yaml:11:32: a rule is an expression, or {when: expression, say: text}\n"},
    {"[]", "[]", "token.a", "o.yaml:11:31: \"authorize\" must be a list, not a string\n"},
    {"[]", "[], backend: erp", "[]",
     "o.yaml:7:33: x-millgate of a path has no member \"backend\"\n"},
};

static void faults_are_told_once(void **state)
{
    struct gw_contract_rules rules = open_rules();
    struct contract_folder folder;
    int failures = 0;

    (void)state;
    contract_folder_create(&folder);
    for (size_t i = 0; i < GW_COUNT_OF(faults); i++) {
        struct gw_contract *contract =
            load(&folder, &rules, faults[i].api, faults[i].path, faults[i].operation);
        assert_null(contract);
        if (strcmp(folder.findings, faults[i].said) != 0) {
            print_error("%zu: %s", i, folder.findings);
            failures++;
        }
    }
    contract_folder_destroy(&folder);
    assert_int_equal(failures, 0);
}

static void the_floor_must_fit(void **state)
{
    static const struct gw_str everywhere[] = {GW_STR_INIT("*")};
    static const struct gw_floor_rule floor[] = {
        {GW_STR_INIT("path.site in token.sites"), GW_STR_INIT(""), everywhere, 1}};
    struct gw_contract_rules rules = open_rules();
    struct contract_folder folder;

    (void)state;
    rules.floor = floor;
    rules.floor_count = 1;
    contract_folder_create(&folder);
    assert_null(load(&folder, &rules, "[]", "[]", "[]"));
    assert_string_equal(folder.findings,
                        "o.yaml:10:7: the floor's rule \"path.site in token.sites\": GET "
                        "/plants/{plant}/orders has no path parameter \"site\"\n");
    contract_folder_destroy(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_add_up),
        cmocka_unit_test(without_rules_there_are_none),
        cmocka_unit_test(faults_are_told_once),
        cmocka_unit_test(the_floor_must_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
