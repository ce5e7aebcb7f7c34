/* The contracts of openapi/ keep to what they have in common: the gateway takes them, each write
 * is keyed and each change conditional, all errors are problems, and each path begins with the
 * plant, which the caller's token must name. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/contract/load.h"
#include "server/core/str.h"
#include "server/json/yaml.h"

#define PASS_THROUGH "openapi/system-sandbox-odata.v1.yaml" /* its shapes are the backend's own */

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

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text != NULL ? text : "";
}

static bool is_write(const char *method)
{
    return strcmp(method, "post") == 0 || strcmp(method, "put") == 0 ||
           strcmp(method, "patch") == 0 || strcmp(method, "delete") == 0;
}

/* --- each operation of each contract -----------------------------------------------------------
 */

struct operation {
    const char *path, *method, *id;
    const json_t *api, *value, *item;
};

struct survey {
    void (*check)(const struct operation *operation, void *self);
    void *self;
    size_t count;
};

static int survey_document(void *self, const char *path)
{
    struct survey *survey = self;
    const char *pattern, *method;
    json_t *item, *value;

    if (strcmp(path, PASS_THROUGH) == 0)
        return 0;
    struct gw_document *document = read_document(path);
    json_object_foreach(json_object_get(document->root, "paths"), pattern, item)
    {
        json_object_foreach(item, method, value)
        {
            if (strcmp(method, "get") != 0 && !is_write(method))
                continue;
            if (json_object_get(json_object_get(value, "x-millgate"), "builtin") != NULL)
                continue; /* the gateway's own: of no plant's system, and without a flow */
            struct operation operation = {.path = pattern,
                                          .method = method,
                                          .id = text_of(value, "operationId"),
                                          .api = document->root,
                                          .value = value,
                                          .item = item};
            survey->check(&operation, survey->self);
            survey->count++;
        }
    }
    gw_document_destroy(document);
    return 0;
}

static void each_operation(void (*check)(const struct operation *operation, void *self), void *self)
{
    struct survey survey = {.check = check, .self = self};

    assert_int_equal(gw_contract_list("openapi", &diagnostics, survey_document, &survey), 0);
    assert_true(survey.count >= 100);
}

static bool has_reference(const json_t *list, const char *target)
{
    json_t *entry;
    size_t i;

    json_array_foreach(list, i, entry)
    {
        if (strcmp(text_of(entry, "$ref"), target) == 0)
            return true;
    }
    return false;
}

static bool has_parameter(const struct operation *operation, const char *name)
{
    char target[128];

    snprintf(target, sizeof(target), "components/parameters.yaml#/%s", name);
    return has_reference(json_object_get(operation->value, "parameters"), target) ||
           has_reference(json_object_get(operation->item, "parameters"), target);
}

/* --- the checks --------------------------------------------------------------------------------
 */

static int take(void *self, const char *path)
{
    const struct gw_contract_rules rules = {.is_standalone = true, .asserts_formats = true};
    size_t *count = self;
    struct gw_contract *contract = NULL;

    if (gw_contract_load(path, &rules, &diagnostics, &contract) != 0) {
        gw_diagnostics_print(&diagnostics, stderr);
        fail_msg("%s is refused", path);
    }
    gw_contract_release(contract);
    (*count)++;
    return 0;
}

static void the_gateway_takes_them_without_a_warning(void **state)
{
    (void)state;
    size_t count = 0;

    assert_int_equal(gw_contract_list("openapi", &diagnostics, take, &count), 0);
    assert_true(count >= 14);
    if (diagnostics.count > 0)
        gw_diagnostics_print(&diagnostics, stderr);
    assert_int_equal(diagnostics.count, 0);
}

static void check_name(const struct operation *operation, void *self)
{
    json_t *seen = self;
    char flow[256];
    const json_t *extension = json_object_get(operation->api, "x-millgate");
    struct gw_str namespace = gw_str_of(text_of(extension, "namespace"));
    struct gw_str rest = gw_str_tail(namespace, 1);

    if (json_object_get(seen, operation->id) != NULL)
        fail_msg("there are two operations %s", operation->id);
    json_object_set_new(seen, operation->id, json_true());
    int len = snprintf(flow, sizeof(flow), "%.*s/",
                       GW_STR_ARG(gw_str_tail(rest, gw_str_find(rest, '/') + 1)));
    for (const char *at = operation->id; *at != '\0' && len < 250; at++) {
        if (isupper((unsigned char)*at))
            flow[len++] = '-';
        flow[len++] = (char)tolower((unsigned char)*at);
    }
    flow[len] = '\0';
    assert_string_equal(text_of(json_object_get(operation->value, "x-millgate"), "flow"), flow);
}

/* A flow calls an operation by its id alone, and its own flow is found by it. */
static void an_operation_has_a_name_of_its_own(void **state)
{
    (void)state;
    json_t *seen = json_object();

    each_operation(check_name, seen);
    json_decref(seen);
}

static void check_plant(const struct operation *operation, void *self)
{
    (void)self;
    if (strncmp(operation->path, "/plants/{plant}/", 16) != 0)
        fail_msg("%s does not begin with the plant", operation->path);
    bool is_one = has_parameter(operation, "Plant");
    if (is_one == has_parameter(operation, "PlantOrAll"))
        fail_msg("%s does not say which plants it takes", operation->id);
    if (is_write(operation->method) && !is_one)
        fail_msg("%s writes to all plants", operation->id);
    const json_t *rules =
        json_object_get(json_object_get(operation->api, "x-millgate"), "authorize");
    const char *when = text_of(json_array_get(rules, 0), "when");
    if (strstr(when, "path.plant in token.plant") == NULL)
        fail_msg("%s is for anybody's plant", operation->id);
}

static void each_path_begins_with_a_plant_that_the_token_names(void **state)
{
    (void)state;
    each_operation(check_plant, NULL);
}

static void check_answers(const struct operation *operation, const char *const *names, size_t count)
{
    static const char form[] = "components/responses.yaml#/";
    const json_t *responses = json_object_get(operation->value, "responses");

    for (size_t i = 0; i < count; i++) {
        const json_t *response = json_object_get(responses, names[i]);
        if (strncmp(text_of(response, "$ref"), form, sizeof(form) - 1) != 0)
            fail_msg("%s: %s is not one of the shared answers", operation->id, names[i]);
    }
}

static bool is_list(const struct operation *operation)
{
    return has_parameter(operation, "Limit");
}

static void check_read(const struct operation *operation)
{
    static const char *const answers[] = {"400", "401", "403", "404", "429", "502", "503", "504"};

    check_answers(operation, answers, GW_COUNT_OF(answers));
    if (is_write(operation->method))
        return;
    if (is_list(operation) != has_parameter(operation, "Cursor"))
        fail_msg("%s is a list without a cursor", operation->id);
    if (is_list(operation) == has_parameter(operation, "IfNoneMatch"))
        fail_msg("%s is neither a list nor one thing with an ETag", operation->id);
}

static void check_write(const struct operation *operation)
{
    static const char *const answers[] = {"409", "422"};
    static const char *const conditional[] = {"412", "428"};
    const json_t *extension = json_object_get(operation->api, "x-millgate");
    const json_t *factory = json_object_get(
        json_array_get(json_object_get(operation->value, "security"), 0), "factory");

    check_answers(operation, answers, GW_COUNT_OF(answers));
    assert_string_equal(text_of(extension, "idempotency"), "required");
    if (!has_parameter(operation, "IdempotencyKey"))
        fail_msg("%s does not ask for a key", operation->id);
    if (has_parameter(operation, "IfMatch"))
        check_answers(operation, conditional, GW_COUNT_OF(conditional));
    struct gw_str scope = gw_str_of(json_string_value(json_array_get(factory, 0)));
    if (!gw_str_has_suffix(scope, GW_STR(":write")))
        fail_msg("%s needs no scope to write", operation->id);
}

static void check_manners(const struct operation *operation, void *self)
{
    (void)self;
    check_read(operation);
    if (is_write(operation->method))
        check_write(operation);
}

static void reads_have_cursors_and_tags_and_writes_have_keys(void **state)
{
    (void)state;
    each_operation(check_manners, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_gateway_takes_them_without_a_warning),
        cmocka_unit_test(an_operation_has_a_name_of_its_own),
        cmocka_unit_test(each_path_begins_with_a_plant_that_the_token_names),
        cmocka_unit_test(reads_have_cursors_and_tags_and_writes_have_keys),
    };
    gw_diagnostics_init(&diagnostics);
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    gw_diagnostics_finish(&diagnostics);
    return failures;
}
