/* Short cuts decide as the keywords do: each value is judged with them, and again by a set from
 * which they were taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/json/schema_program.h"
#include "server/json/tape_write.h"

struct row {
    const char *schema;          /* of the member "v" */
    const char *valid, *refused; /* arrays of values */
};

static const struct row rows[] = {
    {"{\"oneOf\":[{\"type\":\"null\"},{\"$ref\":\"#/$defs/object\"}]}", "[null,{\"t\":1}]",
     "[1,\"a\",[],{},{\"t\":2},{\"t\":\"1\"}]"},
    {"{\"anyOf\":[{\"$ref\":\"#/$defs/object\"},{\"type\":[\"string\",\"null\"]}]}",
     "[null,\"\",{\"t\":1}]", "[true,2,{\"t\":0}]"},
    {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":[\"string\",\"integer\"]}]}", "[1,-7,1.0]",
     "[\"a\",1.5,null]"},
    {"{\"allOf\":[{\"$ref\":\"#/$defs/small\"}],\"description\":\"d\"}", "[0,9]",
     "[10,null,\"1\"]"},
    {"{\"allOf\":[{\"description\":\"d\"},{\"$ref\":\"#/$defs/object\"},{\"title\":\"t\"}]}",
     "[{\"t\":1},{\"t\":1.0}]", "[{},{\"t\":2},null,1]"},
    {"{\"allOf\":[{\"description\":\"d\"},{\"title\":\"t\"}]}", "[{},null,1,\"a\",[]]", "[]"},
    {"{\"allOf\":[{\"type\":\"object\"},{\"$ref\":\"#/$defs/object\"}]}", "[{\"t\":1}]",
     "[{},{\"t\":2},null,\"a\"]"},
    {"{\"allOf\":[{\"$ref\":\"#/$defs/small\"},{\"multipleOf\":2},{\"minLength\":9}]}",
     "[2,-4,8.0]", "[3,10,\"abcdefghijk\"]"},
    {"{\"type\":[\"object\",\"null\"],\"allOf\":[{\"maxProperties\":1},{\"minItems\":7}]}",
     "[null,{\"a\":1}]", "[{\"a\":1,\"b\":2},[],1]"},
    {"{\"minLength\":4611686018427387904}", "[1,null]", "[\"\",\"abc\"]"},
    {"{\"$ref\":\"#/$defs/small\",\"type\":\"integer\"}", "[1,1.0]", "[1.5,\"1\"]"},
    /* constants as alternatives */
    {"{\"type\":\"integer\",\"format\":\"int32\",\"oneOf\":[{\"const\":1},{\"const\":2},"
     "{\"const\":\"x\"}]}",
     "[1,2,2.0,20e-1]", "[3,\"x\",null,1.5]"},
    {"{\"oneOf\":[{\"const\":1},{\"const\":1.0},{\"const\":2}]}", "[2]", "[1,1.0,3]"},
    {"{\"oneOf\":[{\"enum\":[1,2]},{\"enum\":[2,3]}]}", "[1,3]", "[2,4]"},
    {"{\"anyOf\":[{\"enum\":[\"a\",\"b\"]},{\"enum\":[\"b\",3]}]}", "[\"a\",\"b\",3]",
     "[\"c\",\"\",4,null,[\"a\"]]"},
    {"{\"oneOf\":[{\"const\":\"a\"},{\"type\":\"null\"}]}", "[\"a\",null]", "[\"b\",0]"},
    {"{\"oneOf\":[{\"const\":\"abc\",\"maxLength\":2},{\"const\":\"d\"}]}", "[\"d\"]", "[\"abc\"]"},
    {"{\"enum\":[1,2,17],\"allOf\":[{\"$ref\":\"#/$defs/small\"}]}", "[1,2]", "[17,3,\"1\"]"},
    {"{\"enum\":[1,\"a\"],\"$ref\":\"#/$defs/small\"}", "[1]", "[\"a\"]"},
    {"{\"enum\":[\"a\",\"bb\"],\"minLength\":2}", "[\"bb\"]", "[\"a\"]"},
    {"{\"enum\":[1,2],\"anyOf\":[{\"const\":2}]}", "[2]", "[1,3]"},
    {"{\"enum\":[1,2],\"not\":{\"const\":2}}", "[1]", "[2,3]"},
    {"{\"not\":{\"oneOf\":[{\"const\":1},{\"const\":2}]}}", "[3,\"a\"]", "[1,2]"},
    /* bounds */
    {"{\"type\":\"integer\",\"format\":\"int64\",\"minimum\":-3}", "[-3,999999999999999999,1.0]",
     "[-4,1.5,1e19]"},
    {"{\"type\":\"number\",\"format\":\"float\",\"maximum\":2.5}", "[2.5,-1e30]", "[2.51,-1e39]"},
    {"{\"type\":\"integer\",\"format\":\"int64\",\"multipleOf\":3}", "[9]", "[10]"},
    /* nothing to look at, but not for all types */
    {"{\"type\":[\"string\",\"object\",\"array\"],\"required\":[\"a\"],\"maxItems\":1}",
     "[\"a\",[1],{\"a\":1}]", "[[1,2],{},1]"},
    {"{\"type\":[\"object\",\"null\"],\"unevaluatedProperties\":false}", "[null,{}]",
     "[{\"a\":1}]"},
    {"{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"a\":{}},\"unevaluatedProperties\":false},"
     "{\"type\":\"null\"}]}",
     "[null,{\"a\":1}]", "[{\"b\":1},1]"},
    {"false", "[]", "[1,null,{}]"},
    {"{\"oneOf\":[false,true]}", "[1,null]", "[]"},
    {"{\"anyOf\":[false]}", "[]", "[1,null]"},
    /* names of all lengths, alike at both ends */
    {"{\"properties\":{\"a\":{\"const\":1},\"ab\":{\"const\":2},\"abcdefgh\":{\"const\":3},"
     "\"abcdefghi\":{\"const\":4},\"abcdefghijklmnop\":{\"const\":5},\"abcdefghijklmnopqr\":"
     "{\"const\":6},\"abcdefghXXXXXXXXXXXXstuvwxyz\":{\"const\":7},\"\":{\"const\":8}},"
     "\"additionalProperties\":false}",
     "[{\"a\":1},{\"ab\":2},{\"abcdefgh\":3},{\"abcdefghi\":4},{\"abcdefghijklmnop\":5},"
     "{\"abcdefghijklmnopqr\":6},{\"abcdefghXXXXXXXXXXXXstuvwxyz\":7},{\"\":8},"
     "{\"\":8,\"abcdefghi\":4,\"a\":1,\"ab\":2}]",
     "[{\"b\":1},{\"abc\":2},{\"abcdefgx\":3},{\"abcdXfghi\":4},{\"abcdefghijklmno\":5},"
     "{\"abcdefghXXklmnopqr\":6},{\"abcdefghXXXXXYXXXXXXstuvwxyz\":7},{\"a\":2},"
     "{\"abcdefghXXXXXXXXXXXXXstuvwxyz\":7}]"},
};

#define DOCUMENT                                                                            \
    "{\"properties\":{\"v\":%s},\"$defs\":{\"small\":{\"type\":\"number\",\"maximum\":9},"  \
    "\"object\":{\"type\":\"object\",\"required\":[\"t\"],\"properties\":{\"t\":{\"type\":" \
    "\"integer\",\"enum\":[1],\"allOf\":[{\"$ref\":\"#/$defs/numbers\"}]}}},\"numbers\":{"  \
    "\"type\":\"integer\",\"oneOf\":[{\"const\":1},{\"const\":2}]}}}"

static struct gw_arena arena;

static struct gw_schema_set *compile(const char *schema)
{
    struct gw_schema_options options = {.assert_format = true};
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(&options);
    struct gw_schema_set *set = NULL;
    struct gw_error error;
    char text[4096];
    size_t entry;

    snprintf(text, sizeof(text), DOCUMENT, schema);
    if (gw_schema_compiler_add_text(compiler, GW_STR(""), gw_str_of(text), &error) != 0 ||
        gw_schema_compiler_add_entry(compiler, GW_STR(""), GW_STR(""), GW_SCHEMA_OPENAPI_31, &entry,
                                     &error) != 0 ||
        gw_schema_compiler_finish(compiler, &set, &error) != 0)
        fail_msg("%s: %s: %s", schema, error.where, error.text);
    gw_schema_compiler_destroy(compiler);
    return set;
}

static void strip(struct gw_schema_set *set)
{
    for (size_t i = 0; i < set->node_count; i++) {
        struct schema_node *node = set->nodes[i];
        node->accepts = NODE_TYPES_ALL;
        node->free = 0;
        node->sole = NULL;
        node->is_quick = node->is_direct = false;
        node->quick = 0;
        if (node->object == NULL)
            continue;
        node->object->is_simple = false;
        for (uint32_t j = 0; j < node->object->property_count; j++)
            node->object->properties[j].free = 0;
    }
}

static void judge(const struct gw_schema_set *set, const char *schema, struct gw_str value,
                  bool is_valid)
{
    struct gw_schema_run run = {.arena = &arena};
    struct gw_violations violations;
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_str text = gw_arena_printf(&arena, "{\"v\":%.*s}", GW_STR_ARG(value));

    assert_int_equal(gw_json_read(&arena, text, NULL, &tape, &error), 0);
    for (; run.max_violations < 20; run.max_violations += 10) {
        if (gw_schema_validate(set, 0, &tape, &run, &violations) != (is_valid ? 0 : 1))
            fail_msg("%s with %.*s", schema, GW_STR_ARG(value));
        if (!is_valid && run.max_violations > 0)
            assert_true(violations.count > 0);
    }
}

static void judge_each(const struct gw_schema_set *set, const char *schema, const char *values,
                       bool is_valid)
{
    struct gw_json_tape tape;
    struct gw_json_error error;

    assert_int_equal(gw_json_read(&arena, gw_str_of(values), NULL, &tape, &error), 0);
    struct gw_json_cursor cursor = gw_json_begin(&tape, 0);
    while (gw_json_step(&tape, &cursor)) {
        struct gw_buf value;
        gw_buf_init(&value, 4096);
        gw_json_write(&value, &tape, cursor.value);
        judge(set, schema, gw_buf_str(&value), is_valid);
        gw_buf_finish(&value);
    }
}

static void test_with_and_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        struct gw_schema_set *set = compile(rows[i].schema);
        gw_arena_init(&arena, 16 << 10, 16 << 20);
        for (int turn = 0; turn < 2; turn++) {
            judge_each(set, rows[i].schema, rows[i].valid, true);
            judge_each(set, rows[i].schema, rows[i].refused, false);
            strip(set);
        }
        gw_arena_finish(&arena);
        gw_schema_set_destroy(set);
    }
}

/* A name with an escape does not lie in the text. */
static void test_escaped_names(void **state)
{
    static const char schema[] = "{\"properties\":{\"ab\":{\"const\":2},\"abcdefghij\":"
                                 "{\"const\":3}},\"additionalProperties\":false}";

    (void)state;
    struct gw_schema_set *set = compile(schema);
    gw_arena_init(&arena, 16 << 10, 16 << 20);
    judge(set, schema, GW_STR("{\"\\u0061b\":2,\"abcdefghi\\u006a\":3}"), true);
    judge(set, schema, GW_STR("{\"\\u0061b\":3}"), false);
    judge(set, schema, GW_STR("{\"abcdefghi\\u006b\":3}"), false);
    gw_arena_finish(&arena);
    gw_schema_set_destroy(set);
}

/* The member's node, as the only property of the first entry. */
static const struct schema_node *node_of(const struct gw_schema_set *set)
{
    return set->entries[0]->object->properties[0].node;
}

static void test_they_are_found(void **state)
{
    (void)state;
    struct gw_schema_set *set = compile(rows[0].schema);
    const struct schema_node *node = node_of(set);
    assert_int_equal(node->accepts, 1 << GW_JSON_NULL | 1 << GW_JSON_OBJECT);
    assert_int_equal(node->free, 1 << GW_JSON_NULL);
    assert_non_null(node->sole[GW_JSON_OBJECT]->object);
    assert_true(node->sole[GW_JSON_OBJECT]->object->properties[0].node->is_quick);
    gw_schema_set_destroy(set);

    set = compile("{\"type\":\"integer\",\"oneOf\":[{\"const\":1},{\"const\":2}]}");
    node = node_of(set);
    assert_true(node->is_quick);
    assert_int_equal(node->rest->list->count, 3);
    gw_schema_set_destroy(set);

    set = compile("{\"allOf\":[{\"$ref\":\"#/$defs/object\"},{\"description\":\"d\"}]}");
    node = node_of(set);
    assert_true(node->sole[GW_JSON_OBJECT]->is_direct);
    assert_int_equal(node->sole[GW_JSON_STRING]->types, 0);
    gw_schema_set_destroy(set);

    set = compile("{\"type\":\"string\",\"writeOnly\":true}"); /* reports must meet it */
    assert_int_equal(node_of(set)->free, 0);
    gw_schema_set_destroy(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_and_without),
        cmocka_unit_test(test_escaped_names),
        cmocka_unit_test(test_they_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
