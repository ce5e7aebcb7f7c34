/* The canonical models: each is described and closed, its examples are what it says, and what is
 * wrong in the cases of wrong.json is refused where they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/support/model_schemas.h"

#define WRONG "tests/unit/openapi/wrong.json"
#define MAX_POINTER 512

/* --- examples --------------------------------------------------------------------------------- */

struct walk {
    const char *file;
    size_t examples;
};

static void judge_examples(const json_t *schema, const char *pointer, struct walk *walk)
{
    const json_t *examples = json_object_get(schema, "examples");

    for (size_t i = 0; i < json_array_size(examples); i++) {
        const char *told = model_schemas_judge(walk->file, pointer, json_array_get(examples, i));
        if (told != NULL)
            fail_msg("%s#%s, example %zu:\n%s", walk->file, pointer, i, told);
        walk->examples++;
    }
}

static void judge_parts(const char *name, const json_t *root, struct walk *walk)
{
    json_t *parts = json_object_get(root, "$defs");
    char pointer[MAX_POINTER];
    const char *key;
    json_t *part;

    json_object_foreach(parts, key, part)
    {
        snprintf(pointer, sizeof(pointer), "/$defs/%s", key);
        if (json_object_get(part, "examples") == NULL && json_object_get(part, "enum") == NULL)
            fail_msg("%s: $defs/%s has no example", name, key);
        judge_examples(part, pointer, walk);
    }
}

static void judge_file(const char *name, const json_t *root, void *self)
{
    size_t *total = self;
    struct walk walk = {.file = name};

    judge_examples(root, "", &walk);
    if (walk.examples == 0 && json_object_get(root, "$defs") == NULL)
        fail_msg("%s has no example", name);
    judge_parts(name, root, &walk);
    *total += walk.examples;
}

static void examples_are_what_the_schema_says(void **state)
{
    (void)state;
    size_t examples = 0;

    int files = model_schemas_each(judge_file, &examples);
    print_message("%d schemas, %zu examples\n", files, examples);
    assert_true(files >= 20);
    assert_true(examples >= 100);
}

/* --- what each schema says of itself ---------------------------------------------------------- */

static void has_text(const char *name, const json_t *root, const char *member)
{
    if (json_string_length(json_object_get(root, member)) == 0)
        fail_msg("%s has no %s", name, member);
}

/* An object that lists its members takes no others, unless it is meant to grow. */
static void is_closed(const char *name, const json_t *schema, int depth)
{
    const char *key;
    json_t *part;

    if (depth > 20)
        fail_msg("%s is too deep", name);
    bool lists =
        json_object_get(schema, "properties") != NULL && json_object_get(schema, "type") != NULL;
    if (lists && !json_is_false(json_object_get(schema, "additionalProperties")))
        fail_msg("%s: \"%s\" takes any member", name,
                 json_string_value(json_object_get(schema, "title")));
    json_object_foreach((json_t *)(uintptr_t)schema, key, part)
    {
        if (json_is_object(part) && strcmp(key, "examples") != 0)
            is_closed(name, part, depth + 1);
    }
}

static void check_file(const char *name, const json_t *root, void *self)
{
    (void)self;
    assert_string_equal(json_string_value(json_object_get(root, "$id")), name);
    assert_string_equal(json_string_value(json_object_get(root, "$schema")),
                        "https://json-schema.org/draft/2020-12/schema");
    has_text(name, root, "title");
    has_text(name, root, "description");
    /* A page is closed by who says what it is a page of; problems may say more (RFC 9457, 3.2). */
    if (strcmp(name, "page.json") != 0 && strcmp(name, "problem.json") != 0)
        is_closed(name, root, 0);
}

static void each_schema_is_described_and_closed(void **state)
{
    (void)state;
    assert_true(model_schemas_each(check_file, NULL) > 0);
}

/* --- what is wrong ---------------------------------------------------------------------------- */

static void what_is_wrong_is_refused_where_it_is(void **state)
{
    (void)state;
    json_error_t error;
    json_t *cases = json_load_file(WRONG, JSON_REJECT_DUPLICATES, &error);
    json_t *one;
    size_t i;

    if (cases == NULL)
        fail_msg(WRONG ":%d: %s", error.line, error.text);
    json_array_foreach(cases, i, one)
    {
        const char *file, *pointer, *what, *told;
        json_t *value;
        assert_int_equal(json_unpack(one, "{s:s, s:s, s:s, s:o, s:s}", "schema", &file, "part",
                                     &pointer, "what", &what, "value", &value, "told", &told),
                         0);
        const char *found = model_schemas_judge(file, pointer, value);
        if (found == NULL)
            fail_msg("%s#%s takes %s", file, pointer, what);
        if (strstr(found, told) == NULL)
            fail_msg("%s#%s, %s: \"%s\" is not in\n%s", file, pointer, what, told, found);
    }
    assert_true(json_array_size(cases) >= 30);
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_what_the_schema_says),
        cmocka_unit_test(each_schema_is_described_and_closed),
        cmocka_unit_test(what_is_wrong_is_refused_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
