/* x-millgate: cache: where it may stand, what is inherited, and how faults are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/unit/support/contract_folder.h"
#include "tests/unit/support/contract_orders.h"

/* Line 4 is the document's, line 7 the path's, line 10 the operation's; line 13 that of a POST. */
static const char document[] = "openapi: 3.1.0\n"
                               "info: {title: A, version: 1.0.0}\n"
                               "x-millgate: {namespace: /system/erp, owner: x, backend: erp,\n"
                               "  cache: %s}\n"
                               "paths:\n"
                               "  /plants/{plant}/orders/{id}:\n"
                               "    x-millgate: {%s}\n"
                               "    parameters: [{name: plant, in: path, required: true, schema: "
                               "{}}, {name: id, in: path, required: true, schema: {}}]\n"
                               "    get:\n"
                               "      x-millgate: {%s}\n"
                               "      responses: {'200': {description: x}}\n"
                               "    post:\n"
                               "      x-millgate: {%s}\n"
                               "      responses: {'200': {description: x}}\n";

static struct contract_folder folder;

static struct gw_contract *load(const char *api, const char *path, const char *operation,
                                const char *post)
{
    struct gw_contract_rules rules = strict;
    char text[4096];

    rules.is_authentication_required = false;
    snprintf(text, sizeof(text), document, api, path, operation, post);
    contract_folder_write(&folder, "o.yaml", text);
    return contract_folder_load(&folder, "o.yaml", &rules);
}

static int setup(void **state)
{
    (void)state;
    contract_folder_create(&folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    contract_folder_destroy(&folder);
    return 0;
}

static void the_nearest_counts_as_a_whole(void **state)
{
    static const struct {
        const char *api, *path, *operation;
        int64_t ttl_s; /* -1: not kept */
        bool is_shared;
    } rows[] = {
        {"false", "", "", -1, false},
        {"{}", "", "", 0, false},
        {"true", "", "", 0, false},
        {"{ttl: 1m, shared: true}", "", "", 60, true},
        {"{ttl: 1m, shared: true}", "cache: {ttl: 2m}", "", 120, false},
        {"{ttl: 1m, shared: true}", "cache: {ttl: 2m}", "cache: {}", 0, false},
        {"{ttl: 1m, shared: true}", "cache: false", "", -1, false},
        {"{ttl: 1m, shared: true}", "", "cache: false", -1, false},
        {"false", "cache: {}", "", 0, false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_contract *contract = load(rows[i].api, rows[i].path, rows[i].operation, "");
        if (contract == NULL)
            fail_msg("%zu: %s", i, folder.findings);
        const struct gw_api *api = gw_contract_api(contract);
        const struct gw_cache_rule *rule = api->operations[0].cache;
        assert_int_equal(rule != NULL, rows[i].ttl_s >= 0);
        assert_int_equal(api->keeps_answers, rule != NULL);
        assert_null(api->operations[1].cache);
        if (rule != NULL) {
            assert_int_equal(rule->ttl_s, rows[i].ttl_s);
            assert_int_equal(rule->is_shared, rows[i].is_shared);
        }
        gw_contract_release(contract);
    }
}

static void all_of_it_is_read(void **state)
{
    struct gw_contract *contract =
        load("false", "",
             "cache: {stale_while_revalidate: 5s, stale_if_error: 1h, ignore: [X-A, x-b],\n"
             "        tags: [orders, 'order:{id}', '{plant}/{id}']}",
             "");

    (void)state;
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    const struct gw_cache_rule *rule = gw_contract_api(contract)->operations[0].cache;
    assert_int_equal(rule->stale_while_revalidate_s, 5);
    assert_int_equal(rule->stale_if_error_s, 3600);
    assert_int_equal(rule->ignored_count, 2);
    assert_int_equal(rule->tag_count, 3);
    assert_int_equal(rule->tags[0].part_count, 1);
    assert_int_equal(rule->tags[1].part_count, 2);
    assert_true(gw_str_equal(rule->tags[1].parts[0].text, GW_STR("order:")));
    assert_int_equal(rule->tags[1].parts[1].parameter, 1);
    assert_int_equal(rule->tags[2].part_count, 3);
    assert_int_equal(rule->tags[2].parts[0].parameter, 0);
    gw_contract_release(contract);
}

static void an_inherited_tag_that_does_not_fit_is_left_out(void **state)
{
    struct gw_contract *contract = load("{tags: [a, 'b:{order}', 'c:{id}']}", "", "", "");

    (void)state;
    if (contract == NULL)
        fail_msg("%s", folder.findings);
    assert_int_equal(gw_contract_api(contract)->operations[0].cache->tag_count, 2);
    gw_contract_release(contract);
}

static void faults_are_told(void **state)
{
    static const struct {
        const char *operation, *post, *said;
    } rows[] = {
        {"cache: {ttl: 5}", "", "\"ttl\" must be a string"},
        {"cache: {ttl: 5ms}", "", "whole seconds"},
        {"cache: {ttl: 366d}", "", "whole seconds"},
        {"cache: {ttl: soon}", "", "whole seconds"},
        {"cache: {shard: true}", "", "did you mean \"shared\""},
        {"cache: yes please", "", "must be an object or a boolean"},
        {"cache: {tags: ['a b']}", "", "without space or comma"},
        {"cache: {tags: ['']}", "", "without space or comma"},
        {"cache: {tags: [1]}", "", "without space or comma"},
        {"cache: {tags: ['x:{order}']}", "", "{order} is no parameter"},
        {"cache: {tags: ['x:{id']}", "", "is no parameter"},
        {"cache: {ignore: [Authorization]}", "", "not Authorization"},
        {"cache: {ignore: [cookie]}", "", "not Cookie"},
        {"cache: {ignore: ['a b']}", "", "name of a request field"},
        {"", "cache: {}", "only answers to GET"},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        assert_null(load("false", "", rows[i].operation, rows[i].post));
        if (strstr(folder.findings, rows[i].said) == NULL)
            fail_msg("%zu: %s", i, folder.findings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_counts_as_a_whole),
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(an_inherited_tag_that_does_not_fit_is_left_out),
        cmocka_unit_test(faults_are_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
