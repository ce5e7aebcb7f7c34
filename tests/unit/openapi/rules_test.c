/* The business rules of apis/system: each is declared whole, one name means one thing, every
 * writing operation announces the rules that are declared for it, and a flow that is there asks
 * them one by one as docs/rules.md says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/core/diagnostic.h"
#include "server/core/str.h"
#include "server/json/yaml.h"

#define RULE_TYPE "https://millgate.dev/rules/"

static const char *const apis[] = {"erp-inventory",
                                   "erp-production",
                                   "erp-purchasing",
                                   "erp-partners",
                                   "erp-quality",
                                   "erp-costing",
                                   "mes",
                                   "wms",
                                   "maintenance",
                                   "logistics",
                                   "field-service"};

static struct gw_diagnostics diagnostics;

static struct gw_document *read_document(const char *path)
{
    struct gw_document *document = NULL;

    if (gw_document_load_file(path, &diagnostics, &document) != 0) {
        gw_diagnostics_print(&diagnostics, stderr);
        fail_msg("%s cannot be read", path);
    }
    return document;
}

static struct gw_document *read_api_file(const char *form, const char *api)
{
    char path[256];

    snprintf(path, sizeof(path), form, api);
    return read_document(path);
}

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

/* --- declarations ----------------------------------------------------------------------------- */

static void check_declaration(const char *api, const char *name, json_t *rule, json_t *known)
{
    const json_t *examples = json_object_get(rule, "examples");
    const json_t *before = json_object_get(known, name);

    for (const char *at = name; *at != '\0'; at++) {
        if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *at) == NULL)
            fail_msg("%s: %s is no name of a rule", api, name);
    }
    const char *say = text_of(rule, "say");
    if (say[0] == '\0' || say[strlen(say) - 1] != '.')
        fail_msg("%s: %s says no sentence", api, name);
    if (text_of(rule, "holds")[0] == '\0')
        fail_msg("%s: %s has no condition", api, name);
    if (!json_is_object(json_object_get(examples, "holds")) ||
        !json_is_object(json_object_get(examples, "broken")))
        fail_msg("%s: %s lacks an example", api, name);
    if (before != NULL && !json_equal(before, rule))
        fail_msg("%s: %s means another thing elsewhere", api, name);
    json_object_set(known, name, rule);
}

static void each_rule_is_whole_and_means_one_thing(void **state)
{
    (void)state;
    json_t *known = json_object();

    for (size_t i = 0; i < GW_COUNT_OF(apis); i++) {
        struct gw_document *document = read_api_file("apis/system/%s/rules.yaml", apis[i]);
        const char *name;
        json_t *rule;
        json_object_foreach(json_object_get(document->root, "rules"), name, rule)
            check_declaration(apis[i], name, rule, known);
        gw_document_destroy(document);
    }
    print_message("%zu rules\n", json_object_size(known));
    assert_true(json_object_size(known) >= 50);
    json_decref(known);
}

static bool is_in(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static bool is_asked(const json_t *operations, const char *rule)
{
    const char *id;
    json_t *operation;

    json_object_foreach((json_t *)(uintptr_t)operations, id, operation)
    {
        if (is_in(json_object_get(operation, "rules"), rule))
            return true;
    }
    return false;
}

static void check_operation(const char *api, const json_t *rules, const char *id,
                            const json_t *operation)
{
    const json_t *name;
    size_t i;

    if (json_object_get(json_object_get(operation, "facts"), "request") == NULL)
        fail_msg("%s: %s does not know its request", api, id);
    json_array_foreach(json_object_get(operation, "rules"), i, name)
    {
        if (json_object_get(rules, json_string_value(name)) == NULL)
            fail_msg("%s: %s asks for %s, which is not declared", api, id, json_string_value(name));
    }
}

static void what_is_asked_is_declared_and_what_is_declared_is_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(apis); i++) {
        struct gw_document *document = read_api_file("apis/system/%s/rules.yaml", apis[i]);
        const json_t *rules = json_object_get(document->root, "rules");
        json_t *operations = json_object_get(document->root, "operations");
        const char *name;
        json_t *value;
        json_object_foreach(operations, name, value) check_operation(apis[i], rules, name, value);
        json_object_foreach((json_t *)(uintptr_t)rules, name, value)
        {
            if (!is_asked(operations, name))
                fail_msg("%s: nobody asks for %s", apis[i], name);
        }
        gw_document_destroy(document);
    }
}

/* --- contracts -------------------------------------------------------------------------------- */

static size_t compare_operation(const json_t *operations, const json_t *operation)
{
    const char *id = text_of(operation, "operationId");
    const json_t *announced = json_object_get(operation, "x-rules");
    const json_t *declared = json_object_get(json_object_get(operations, id), "rules");

    if (announced == NULL && declared == NULL)
        return 0;
    if (announced == NULL || declared == NULL || !json_equal(announced, declared))
        fail_msg("%s: x-rules are not the rules of rules.yaml", id);
    return 1;
}

static size_t compare_contract(const json_t *operations, const json_t *contract)
{
    const char *path, *method;
    json_t *item, *operation;
    size_t count = 0;

    json_object_foreach(json_object_get(contract, "paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (json_is_object(operation))
                count += compare_operation(operations, operation);
        }
    }
    return count;
}

static void contracts_announce_what_is_declared(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(apis); i++) {
        struct gw_document *rules = read_api_file("apis/system/%s/rules.yaml", apis[i]);
        struct gw_document *contract = read_api_file("openapi/system-%s.v1.yaml", apis[i]);
        const json_t *operations = json_object_get(rules->root, "operations");
        /* as many: so none is declared for an operation that is not there */
        assert_int_equal(compare_contract(operations, contract->root),
                         json_object_size(operations));
        gw_document_destroy(contract);
        gw_document_destroy(rules);
    }
}

/* --- flows ------------------------------------------------------------------------------------ */

/* White space apart, which YAML folds. */
static bool is_same_text(const char *one, const char *other)
{
    for (;;) {
        while (*one == ' ' || *one == '\n')
            one++;
        while (*other == ' ' || *other == '\n')
            other++;
        if (*one != *other)
            return false;
        if (*one == '\0')
            return true;
        one++;
        other++;
    }
}

/* The rule's task as docs/rules.md writes it, among the flow's own. */
static void check_task(const char *flow, const json_t *task, const char *name, const json_t *rule)
{
    char condition[4096];

    snprintf(condition, sizeof(condition), "${ ($context.facts | %s) != true }",
             text_of(rule, "holds"));
    if (!is_same_text(text_of(task, "if"), condition))
        fail_msg("%s: %s asks for another thing than is declared", flow, name);
    if (strcmp(text_of(json_object_get(task, "raise"), "error"), name) != 0)
        fail_msg("%s: %s raises another error", flow, name);
}

static void check_error(const char *flow, const json_t *error, const char *name, const json_t *rule)
{
    char type[256];

    snprintf(type, sizeof(type), RULE_TYPE "%s", name);
    bool is_right = strcmp(text_of(error, "type"), type) == 0 &&
                    strcmp(text_of(error, "title"), name) == 0 &&
                    strcmp(text_of(error, "detail"), text_of(rule, "say")) == 0 &&
                    strcmp(text_of(json_object_get(error, "members"), "rule"), name) == 0 &&
                    json_integer_value(json_object_get(error, "status")) == 422;
    if (!is_right)
        fail_msg("%s: the error %s is not as docs/rules.md says", flow, name);
}

/* The place in `list` of the task of that name, from `start` on. */
static size_t find_task(const json_t *list, size_t start, const char *name)
{
    for (size_t i = start; i < json_array_size(list); i++) {
        if (json_object_get(json_array_get(list, i), name) != NULL)
            return i;
    }
    return SIZE_MAX;
}

static void check_flow(const char *path, const json_t *flow, const json_t *rules,
                       const json_t *operation)
{
    const json_t *errors = json_object_get(json_object_get(flow, "use"), "errors");
    const json_t *tasks = json_object_get(flow, "do");
    const json_t *item;
    size_t i, at = 0;

    json_array_foreach(json_object_get(operation, "rules"), i, item)
    {
        const char *name = json_string_value(item);
        const json_t *rule = json_object_get(rules, name);
        at = find_task(tasks, at, name);
        if (at == SIZE_MAX)
            fail_msg("%s: %s is not asked, or not in its order", path, name);
        check_task(path, json_object_get(json_array_get(tasks, at), name), name, rule);
        check_error(path, json_object_get(errors, name), name, rule);
    }
}

/* "confirmProduction": ".../odata/confirm-production.flow.yaml". */
static void write_flow_path(char *path, size_t size, const char *api, const char *kind,
                            const char *id)
{
    size_t len = (size_t)snprintf(path, size, "apis/system/%s/%s", api, kind);

    for (const char *at = id; *at != '\0' && len + 16 < size; at++) {
        bool is_capital = *at >= 'A' && *at <= 'Z';
        if (is_capital)
            path[len++] = '-';
        path[len++] = is_capital ? (char)(*at - 'A' + 'a') : *at;
    }
    snprintf(path + len, size - len, ".flow.yaml");
}

static bool check_operation_of(const char *api, const char *kind, const char *id,
                               const json_t *rules, const json_t *operation)
{
    char path[256];

    write_flow_path(path, sizeof(path), api, kind, id);
    if (access(path, R_OK) != 0)
        return false;
    struct gw_document *flow = read_document(path);
    check_flow(path, flow->root, rules, operation);
    gw_document_destroy(flow);
    return true;
}

static void flows_that_are_there_ask_their_rules(void **state)
{
    (void)state;
    static const char *const kinds[] = {"", "tryton/", "odata/"}; /* "": one for all systems */
    size_t checked = 0, absent = 0;

    for (size_t i = 0; i < GW_COUNT_OF(apis); i++) {
        struct gw_document *document = read_api_file("apis/system/%s/rules.yaml", apis[i]);
        const json_t *rules = json_object_get(document->root, "rules");
        const char *id;
        json_t *operation;
        json_object_foreach(json_object_get(document->root, "operations"), id, operation)
        {
            size_t before = checked;
            for (size_t kind = 0; kind < GW_COUNT_OF(kinds); kind++)
                checked += check_operation_of(apis[i], kinds[kind], id, rules, operation) ? 1 : 0;
            absent += checked == before ? 1 : 0;
        }
        gw_document_destroy(document);
    }
    print_message("%zu flows checked, %zu operations without\n", checked, absent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_is_whole_and_means_one_thing),
        cmocka_unit_test(what_is_asked_is_declared_and_what_is_declared_is_asked),
        cmocka_unit_test(contracts_announce_what_is_declared),
        cmocka_unit_test(flows_that_are_there_ask_their_rules),
    };
    gw_diagnostics_init(&diagnostics);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    gw_diagnostics_finish(&diagnostics);
    return failures;
}
