/* The conditions of the business rules, as a flow evaluates them: each holds for the facts that its
 * declaration says it holds for, and not for the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/core/diagnostic.h"
#include "server/json/yaml.h"
#include "tests/unit/support/expression_rig.h"

#define FUNCTIONS "apis/system/rules.jq"
#define MAX_TEXT_BYTES ((size_t)64 << 10)

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

static struct expression_rig rig;
static struct gw_buf functions; /* of rules.jq, ended by NUL */

static int set_up(void **state)
{
    const struct gw_evaluator_limits patient = {.timeout_ns = 30 * GW_NS_PER_SECOND};
    char chunk[4096];
    size_t len;
    FILE *file = fopen(FUNCTIONS, "r");

    (void)state;
    if (file == NULL)
        return -1;
    gw_buf_init(&functions, MAX_TEXT_BYTES);
    while ((len = fread(chunk, 1, sizeof(chunk), file)) > 0)
        gw_buf_append(&functions, chunk, len);
    gw_buf_append_byte(&functions, '\0');
    fclose(file);
    expression_rig_init(&rig, &patient);
    return functions.has_failed ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    expression_rig_finish(&rig);
    gw_buf_finish(&functions);
    return 0;
}

static void check_example(const char *name, struct gw_expressions *set, const json_t *rule,
                          const char *example, const char *expected)
{
    const json_t *facts = json_object_get(json_object_get(rule, "examples"), example);
    char *document = json_dumps(facts, JSON_ENCODE_ANY);
    char told[4096];

    assert_non_null(document);
    if (expression_rig_run(&rig, set, document, told, sizeof(told)) != 0 ||
        strcmp(told, expected) != 0)
        fail_msg("%s, %s: %s", name, example, told);
    free(document);
}

/* The condition as docs/rules.md has flows ask it, the other way round. */
static void check_rule(const char *name, const json_t *rule)
{
    struct gw_buf text;

    gw_buf_init(&text, MAX_TEXT_BYTES);
    gw_buf_printf(&text, "(%s) != true", json_string_value(json_object_get(rule, "holds")));
    gw_buf_append_byte(&text, '\0');
    assert_false(text.has_failed);
    struct gw_expressions *set = expression_rig_set(functions.ptr, text.ptr);
    check_example(name, set, rule, "holds", "false");
    check_example(name, set, rule, "broken", "true");
    gw_expressions_release(set);
    gw_buf_finish(&text);
}

static void conditions_tell_their_examples_apart(void **state)
{
    struct gw_diagnostics diagnostics;
    size_t count = 0;

    (void)state;
    gw_diagnostics_init(&diagnostics);
    for (size_t i = 0; i < GW_COUNT_OF(apis); i++) {
        struct gw_document *document;
        char path[256];
        const char *name;
        json_t *rule;
        snprintf(path, sizeof(path), "apis/system/%s/rules.yaml", apis[i]);
        assert_int_equal(gw_document_load_file(path, &diagnostics, &document), 0);
        json_object_foreach(json_object_get(document->root, "rules"), name, rule)
        {
            check_rule(name, rule);
            count++;
        }
        gw_document_destroy(document);
    }
    gw_diagnostics_finish(&diagnostics);
    print_message("%zu conditions\n", count);
    assert_true(count > 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_tell_their_examples_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
