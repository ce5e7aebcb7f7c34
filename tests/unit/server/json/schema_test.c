/* What the suite does not ask: the OpenAPI dialects, directions, what violations say and do not
 * say, what is refused when compiling, and the bounds. */
#include "server/json/schema.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/error.h"

static struct gw_arena arena;

static int set_up(void **state)
{
    (void)state;
    gw_arena_init(&arena, 64 << 10, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

static int compile(const char *schema, const char *pointer, enum gw_schema_dialect dialect,
                   bool assert_format, struct gw_schema_set **out_set, struct gw_error *error)
{
    struct gw_schema_options options = {.assert_format = assert_format};
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(&options);
    size_t entry;

    int rc = gw_schema_compiler_add_text(compiler, GW_STR(""), gw_str_of(schema), error);
    if (rc == 0)
        rc = gw_schema_compiler_add_entry(compiler, GW_STR(""), gw_str_of(pointer), dialect, &entry,
                                          error);
    if (rc == 0)
        rc = gw_schema_compiler_finish(compiler, out_set, error);
    gw_schema_compiler_destroy(compiler);
    return rc;
}

static struct gw_schema_set *compile_ok(const char *schema, const char *pointer,
                                        enum gw_schema_dialect dialect, bool assert_format)
{
    struct gw_schema_set *set = NULL;
    struct gw_error error = {.text = ""};
    int rc = compile(schema, pointer, dialect, assert_format, &set, &error);
    if (rc != 0)
        fail_msg("%s: %s: %s", schema, error.where, error.text);
    return set;
}

static int validate(const struct gw_schema_set *set, const char *value,
                    enum gw_schema_direction direction, struct gw_violations *out)
{
    struct gw_json_tape tape;
    struct gw_json_error error;
    struct gw_schema_run run = {.arena = &arena, .direction = direction, .max_violations = 20};

    assert_int_equal(gw_json_read(&arena, gw_str_of(value), NULL, &tape, &error), 0);
    return gw_schema_validate(set, 0, &tape, &run, out);
}

struct verdict {
    enum gw_schema_dialect dialect;
    const char *schema, *value;
    bool is_valid;
    enum gw_schema_direction direction;
};

static void check_verdicts(const struct verdict *verdicts, size_t count, bool assert_format)
{
    for (size_t i = 0; i < count; i++) {
        const struct verdict *v = &verdicts[i];
        struct gw_violations violations;
        struct gw_schema_set *set = compile_ok(v->schema, "", v->dialect, assert_format);
        int rc = validate(set, v->value, v->direction, &violations);
        if (rc != !v->is_valid)
            fail_msg("%s with %s gave %d", v->schema, v->value, rc);
        gw_schema_set_destroy(set);
    }
}

#define O30 GW_SCHEMA_OPENAPI_30
#define O31 GW_SCHEMA_OPENAPI_31
#define D20 GW_SCHEMA_2020_12

static void test_openapi_30(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {O30, "{\"type\":\"string\",\"nullable\":true}", "null", true, 0},
        {O30, "{\"type\":\"string\",\"nullable\":false}", "null", false, 0},
        {O30, "{\"type\":\"string\"}", "null", false, 0},
        {O30, "{\"type\":\"string\",\"nullable\":true,\"enum\":[\"a\"]}", "null", false, 0},
        {O30, "{\"type\":\"string\",\"nullable\":true,\"enum\":[\"a\",null]}", "null", true, 0},
        {O30, "{\"nullable\":true}", "1", true, 0},
        {O31, "{\"type\":\"string\",\"nullable\":true}", "null", false, 0},
        {O30, "{\"minimum\":5,\"exclusiveMinimum\":true}", "5", false, 0},
        {O30, "{\"minimum\":5,\"exclusiveMinimum\":true}", "5.0001", true, 0},
        {O30, "{\"minimum\":5,\"exclusiveMinimum\":false}", "5", true, 0},
        {O30, "{\"maximum\":5,\"exclusiveMaximum\":true}", "5.000", false, 0},
        {O30, "{\"exclusiveMaximum\":true}", "500", true, 0},
        {O31, "{\"exclusiveMaximum\":5}", "5", false, 0},
        {O30, "{\"const\":1}", "2", true, 0},
        {O30, "{\"patternProperties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1}", true, 0},
        {O31, "{\"const\":1}", "2", false, 0},
        {O30,
         "{\"properties\":{\"a\":{\"$ref\":\"#/x\",\"maximum\":1}},\"x\":{\"type\":\"integer\"}}",
         "{\"a\":7}", true, 0},
        {O31,
         "{\"properties\":{\"a\":{\"$ref\":\"#/x\",\"maximum\":1}},\"x\":{\"type\":\"integer\"}}",
         "{\"a\":7}", false, 0},
    };
    check_verdicts(verdicts, GW_COUNT_OF(verdicts), false);
}

#define DIRECTIONS                                                                    \
    "{\"type\":\"object\",\"required\":[\"id\",\"secret\",\"name\"],\"properties\":{" \
    "\"id\":{\"type\":\"integer\",\"readOnly\":true},\"name\":{\"type\":\"string\"}," \
    "\"secret\":{\"allOf\":[{\"$ref\":\"#/s\"}]}},\"s\":{\"type\":\"string\",\"writeOnly\":true}}"

static void test_directions(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {O30, DIRECTIONS, "{\"secret\":\"x\",\"name\":\"n\"}", true, GW_SCHEMA_REQUEST},
        {O30, DIRECTIONS, "{\"id\":1,\"secret\":\"x\",\"name\":\"n\"}", false, GW_SCHEMA_REQUEST},
        {O30, DIRECTIONS, "{\"name\":\"n\"}", false, GW_SCHEMA_REQUEST},
        {O30, DIRECTIONS, "{\"id\":1,\"name\":\"n\"}", true, GW_SCHEMA_RESPONSE},
        {O30, DIRECTIONS, "{\"id\":1,\"secret\":\"x\",\"name\":\"n\"}", false, GW_SCHEMA_RESPONSE},
        {O30, DIRECTIONS, "{\"name\":\"n\"}", false, GW_SCHEMA_RESPONSE},
        {O30, DIRECTIONS, "{\"id\":1,\"secret\":\"x\",\"name\":\"n\"}", true, 0},
        {O31, DIRECTIONS, "{\"secret\":\"x\",\"name\":\"n\"}", true, GW_SCHEMA_REQUEST},
        {D20, DIRECTIONS, "{\"secret\":\"x\",\"name\":\"n\"}", false, GW_SCHEMA_REQUEST},
        {D20, DIRECTIONS, "{\"id\":1,\"secret\":\"x\",\"name\":\"n\"}", true, GW_SCHEMA_RESPONSE},
    };
    check_verdicts(verdicts, GW_COUNT_OF(verdicts), false);
}

#define PETS                                                                                \
    "{\"oneOf\":[{\"$ref\":\"#/components/schemas/Cat\"},{\"$ref\":\"#/components/schemas/" \
    "Dog\"}],"                                                                              \
    "\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{\"hound\":\"Dog\","          \
    "\"kitten\":\"#/components/schemas/Cat\"}},\"components\":{\"schemas\":{"               \
    "\"Cat\":{\"type\":\"object\",\"properties\":{\"lives\":{\"type\":\"integer\"}}},"      \
    "\"Dog\":{\"type\":\"object\",\"required\":[\"bark\"]}}}}"

static void test_discriminator(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {O30, PETS, "{\"kind\":\"Cat\",\"lives\":9,\"bark\":1}", true, 0},
        {O30, PETS, "{\"kind\":\"kitten\",\"lives\":9}", true, 0},
        {O30, PETS, "{\"kind\":\"kitten\",\"lives\":\"nine\"}", false, 0},
        {O30, PETS, "{\"kind\":\"hound\",\"bark\":true}", true, 0},
        {O30, PETS, "{\"kind\":\"hound\"}", false, 0},
        {O30, PETS, "{\"kind\":\"bird\",\"bark\":true}", false, 0},
        {O30, PETS, "{\"bark\":true}", false, 0},
        {O30, PETS, "7", false, 0},
        {O31, PETS, "{\"kind\":\"hound\"}", false, 0},
    };
    check_verdicts(verdicts, GW_COUNT_OF(verdicts), false);
}

/* A list of no names is still a keyword, also where no other keyword names a property. */
static void test_empty_name_lists(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {D20, "{\"required\":[]}", "{\"a\":1}", true, 0},
        {D20, "{\"required\":[],\"patternProperties\":{\"^x\":true}}", "{\"a\":1}", true, 0},
        {D20, "{\"required\":[],\"minProperties\":2}", "{\"a\":1}", false, 0},
        {D20, "{\"dependentRequired\":{},\"maxProperties\":0}", "{\"a\":1}", false, 0},
        {D20, "{\"dependentSchemas\":{},\"minProperties\":1}", "{\"a\":1}", true, 0},
        {D20, "{\"dependentRequired\":{\"a\":[]}}", "{\"a\":1}", true, 0},
        {O30, "{\"type\":\"object\",\"required\":[]}", "{\"a\":1}", true, 0},
    };
    check_verdicts(verdicts, GW_COUNT_OF(verdicts), false);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {D20, "{\"multipleOf\":0.01}", "4.35", true, 0},
        {D20, "{\"multipleOf\":0.01}", "4.355", false, 0},
        {D20, "{\"multipleOf\":1e-300}", "1e300", true, 0},
        {D20, "{\"multipleOf\":7}", "1e999999999", false, 0},
        {D20, "{\"multipleOf\":0.1}", "123456789012345678901234567890.1", true, 0},
        {D20, "{\"multipleOf\":0.1}", "123456789012345678901234567890.15", false, 0},
        {D20, "{\"multipleOf\":123456789012345678901}", "2469135780246913578020e-1", true, 0},
        {D20, "{\"multipleOf\":123456789012345678901}", "246913578024691357803", false, 0},
        {D20, "{\"maximum\":0.1}", "0.10000000000000000000001", false, 0},
        {D20, "{\"maximum\":0.1}", "0.1000", true, 0},
        {D20, "{\"exclusiveMinimum\":-0.005}", "-0.005", false, 0},
        {D20, "{\"exclusiveMinimum\":-0.005}", "-0.00", true, 0},
        {D20, "{\"minimum\":2.5}", "2.4999", false, 0},
        {D20, "{\"minimum\":2.5}", "2", false, 0},
        {D20, "{\"minimum\":2.5}", "3", true, 0},
        {D20, "{\"maximum\":-2.5}", "-2", false, 0},
        {D20, "{\"maximum\":-2.5}", "-3", true, 0},
        {D20, "{\"minimum\":-2.5}", "-2", true, 0},
        {D20, "{\"minimum\":-2.5}", "-3", false, 0},
        {D20, "{\"maximum\":999999999999999999}", "999999999999999999.5", false, 0},
        {D20, "{\"minimum\":999999999999999999}", "9e17", false, 0},
        {D20, "{\"type\":\"integer\"}", "1e2", true, 0},
        {D20, "{\"type\":\"integer\"}", "1.50e1", true, 0},
        {D20, "{\"type\":\"integer\"}", "1e-1", false, 0},
        {D20, "{\"type\":[\"integer\",\"number\"]}", "0.5", true, 0},
        {D20, "{\"enum\":[1,\"a\"]}", "1.0", true, 0},
        {D20, "{\"enum\":[1,\"a\"]}", "1e0", true, 0},
        {D20, "{\"enum\":[1,\"a\"]}", "2", false, 0},
        {D20, "{\"uniqueItems\":true}", "[1,2,3,4,5,6,7,8,9,1.0]", false, 0},
        {D20, "{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},2,3,4,5,6,7,8,9,{\"b\":2e0,\"a\":1}]",
         false, 0},
        {D20, "{\"uniqueItems\":true}", "[1,2,3,4,5,6,7,8,9,\"1\",[1],null,0,false]", true, 0},
    };
    check_verdicts(verdicts, GW_COUNT_OF(verdicts), false);
}

static void test_number_formats(void **state)
{
    (void)state;
    static const struct verdict verdicts[] = {
        {O30, "{\"type\":\"integer\",\"format\":\"int32\"}", "2147483647", true, 0},
        {O30, "{\"type\":\"integer\",\"format\":\"int32\"}", "2147483648", false, 0},
        {O30, "{\"type\":\"integer\",\"format\":\"int32\",\"minimum\":0}", "-1", false, 0},
        {O30, "{\"type\":\"integer\",\"format\":\"int64\"}", "9223372036854775808", false, 0},
        {O31, "{\"type\":\"integer\",\"format\":\"int64\"}", "-9223372036854775808", true, 0},
        {O30, "{\"type\":\"number\",\"format\":\"float\"}", "1e39", false, 0},
        {O30, "{\"type\":\"number\",\"format\":\"double\"}", "1e309", false, 0},
        {O30, "{\"type\":\"number\",\"format\":\"double\"}", "-1e308", true, 0},
        {O30, "{\"type\":\"string\",\"format\":\"byte\"}", "\"YWI=\"", true, 0},
        {O30, "{\"type\":\"string\",\"format\":\"byte\"}", "\"YW=I\"", false, 0},
        {D20, "{\"format\":\"int32\"}", "2147483648", true, 0},
    };
    check_verdicts(verdicts, GW_COUNT_OF(verdicts), true);
}

static void test_violations(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *value, *instance, *place, *message;
    } cases[] = {
        {"{\"properties\":{\"a/b\":{\"minimum\":1}}}", "{\"a/b\":0.5}", "/a~1b",
         "#/properties/a~1b/minimum", "must be at least 1, but is 0.5"},
        {"{\"required\":[\"x\"]}", "{}", "", "#/required", "lacks the required property \"x\""},
        {"{\"items\":{\"type\":[\"integer\",\"null\"]}}", "[1,\"2\"]", "/1", "#/items/type",
         "must be an integer or null, but is a string"},
        {"{\"type\":\"integer\"}", "1.5", "", "#/type", "must be an integer, but is 1.5"},
        {"{\"enum\":[\"EA\",\"KG\"]}", "\"ea\"", "", "#/enum",
         "must be one of \"EA\", \"KG\", but is \"ea\""},
        {"{\"const\":[1]}", "2", "", "#/const", "must be [1], but is 2"},
        {"{\"additionalProperties\":false}", "{\"b\":1}", "/b", "#/additionalProperties",
         "the property \"b\" is not allowed here"},
        {"{\"minLength\":2}", "\"\xc3\xa9\"", "", "#/minLength", "must have at least 2 characters"},
        {"{\"maxItems\":1}", "[1,2]", "", "#/maxItems", "must have at most 1 element, but has 2"},
        {"{\"pattern\":\"^a\"}", "\"b\"", "", "#/pattern", "must match the pattern ^a"},
        {"{\"$ref\":\"#/$defs/d\",\"$defs\":{\"d\":{\"multipleOf\":5}}}", "7", "",
         "#/$defs/d/multipleOf", "must be a multiple of 5, but is 7"},
        {"{\"uniqueItems\":true}", "[1,1]", "/1", "#/uniqueItems",
         "is the same as the element at /0, but all elements must differ"},
        {"{\"dependentRequired\":{\"a\":[\"b\"]}}", "{\"a\":1}", "", "#/dependentRequired",
         "lacks the property \"b\", which is required because there is \"a\""},
        {"{\"not\":{\"type\":\"null\"}}", "null", "", "#/not",
         "is what the schema of not excludes"},
        {"{\"properties\":{\"a\":false}}", "{\"a\":1}", "/a", "#/properties/a",
         "no value is allowed here"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_violations violations;
        struct gw_schema_set *set = compile_ok(cases[i].schema, "", D20, false);
        assert_int_equal(validate(set, cases[i].value, 0, &violations), 1);
        assert_int_equal(violations.count, 1);
        assert_string_equal(violations.items[0].instance.ptr, cases[i].instance);
        assert_string_equal(violations.items[0].schema.ptr, cases[i].place);
        assert_string_equal(violations.items[0].message.ptr, cases[i].message);
        gw_schema_set_destroy(set);
    }
}

static void test_all_violations_up_to_a_limit(void **state)
{
    (void)state;
    struct gw_violations violations;
    struct gw_schema_set *set = compile_ok(
        "{\"required\":[\"x\",\"y\"],\"properties\":{\"a\":{\"type\":\"string\"},"
        "\"b\":{\"allOf\":[{\"minimum\":5},{\"multipleOf\":2}]}},\"items\":{\"type\":\"null\"}}",
        "", D20, false);

    assert_int_equal(validate(set, "{\"a\":1,\"b\":3}", 0, &violations), 1);
    assert_int_equal(violations.count, 5);
    assert_false(violations.is_cut);
    char many[400] = "[0";
    for (int i = 0; i < 60; i++)
        memcpy(many + 2 + 2 * i, ",0", 3);
    memcpy(many + 122, "]", 2);
    assert_int_equal(validate(set, many, 0, &violations), 1);
    assert_int_equal(violations.count, 20);
    assert_true(violations.is_cut);
    gw_schema_set_destroy(set);
}

static void test_secrets_are_not_told(void **state)
{
    (void)state;
    static const char *const schemas[] = {
        "{\"properties\":{\"p\":{\"type\":\"string\",\"writeOnly\":true,\"enum\":[\"other\"]}}}",
        "{\"properties\":{\"p\":{\"allOf\":[{\"enum\":[\"other\"]},{\"format\":\"password\"}]}}}",
        "{\"properties\":{\"p\":{\"$ref\":\"#/s\",\"const\":\"x\"}},\"s\":{\"writeOnly\":true}}",
        "{\"properties\":{\"p\":{\"writeOnly\":true,\"format\":\"ipv4\"}}}",
        "{\"writeOnly\":true,\"additionalProperties\":{\"enum\":[1]}}",
        ("{\"properties\":{\"p\":{\"writeOnly\":true,\"anyOf\":[{\"enum\":[1]},{\"const\":\"a\"}]}}"
         "}"),
    };

    for (size_t i = 0; i < GW_COUNT_OF(schemas); i++) {
        struct gw_violations violations;
        struct gw_schema_set *set = compile_ok(schemas[i], "", O31, true);
        assert_int_equal(validate(set, "{\"p\":\"hunter2\"}", 0, &violations), 1);
        for (size_t j = 0; j < violations.count; j++)
            assert_null(strstr(violations.items[j].message.ptr, "hunter2"));
        gw_schema_set_destroy(set);
    }
}

static void test_compile_refusals(void **state)
{
    (void)state;
    static const struct {
        enum gw_schema_dialect dialect;
        int code;
        const char *schema, *where;
    } cases[] = {
        {D20, -EINVAL, "{\"type\":\"strng\"}", "/type"},
        {D20, -EINVAL, "{\"properties\":{\"a\":{\"minimum\":\"1\"}}}", "/properties/a/minimum"},
        {D20, -EINVAL, "{\"properties\":{\"a\":5}}", "/properties/a"},
        {D20, -EINVAL, "{\"items\":{\"pattern\":\"(\"}}", "/items/pattern"},
        {D20, -EINVAL, "{\"allOf\":{}}", "/allOf"},
        {D20, -EINVAL, "{\"minLength\":-1}", "/minLength"},
        {D20, -EINVAL, "{\"multipleOf\":0}", "/multipleOf"},
        {D20, -EINVAL, "{\"required\":\"a\"}", "/required"},
        {D20, -EINVAL, "{\"required\":[1]}", "/required/0"},
        {D20, -EINVAL, "7", ""},
        {D20, -ENOENT, "{\"items\":{\"$ref\":\"#/$defs/none\"}}", "/items/$ref"},
        {D20, -ENOENT, "{\"$ref\":\"http://example.com/other.json\"}", "/$ref"},
        {D20, -ELOOP, "{\"$ref\":\"#\"}", ""},
        {D20, -ELOOP,
         "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[true,{\"$ref\":\"#/$defs/b\"}]},"
         "\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}",
         NULL},
        {D20, -EINVAL, "{\"$schema\":\"http://json-schema.org/draft-04/schema#\"}", ""},
        {D20, -EINVAL, "{\"$defs\":{\"a\":{\"$anchor\":\"x\"},\"b\":{\"$anchor\":\"x\"}}}", NULL},
        {O30, -EINVAL, "{\"type\":[\"string\",\"null\"]}", "/type"},
        {O30, -EINVAL, "{\"type\":\"null\"}", "/type"},
        {O30, -EINVAL, "{\"exclusiveMinimum\":5}", "/exclusiveMinimum"},
        {O30, -EINVAL, "{\"discriminator\":{},\"oneOf\":[]}", "/discriminator"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_schema_set *set = NULL;
        struct gw_error error = {.text = ""};
        int rc = compile(cases[i].schema, "", cases[i].dialect, false, &set, &error);
        if (rc != cases[i].code ||
            (cases[i].where != NULL && strcmp(error.where, cases[i].where) != 0))
            fail_msg("%s: %d at \"%s\": %s", cases[i].schema, rc, error.where, error.text);
        assert_true(error.text[0] != '\0');
        assert_null(set);
    }
}

/* Neither a value nor a pattern may keep a worker busy, and what cannot be decided is never a pass.
 */
static void test_bounds(void **state)
{
    (void)state;
    struct gw_violations violations;
    struct gw_schema_set *set = compile_ok("{\"not\":{\"pattern\":\"^(a+)+$\"}}", "", D20, false);

    assert_int_equal(
        validate(set, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"", 0, &violations),
        -EOVERFLOW);
    assert_int_equal(violations.count, 1);
    gw_schema_set_destroy(set);

    char deep[257];
    memset(deep, '[', 128);
    memset(deep + 128, ']', 128);
    deep[256] = '\0';
    set = compile_ok("{\"items\":{\"$ref\":\"#\"}}", "", D20, false);
    assert_int_equal(validate(set, deep, 0, &violations), 0);
    gw_schema_set_destroy(set);

    /* 20 schemas, none of which is all that another says, at each of 128 levels */
    char chain[4000] = "{\"$ref\":\"#/$defs/n0\",\"$defs\":{";
    size_t len = strlen(chain);
    for (int i = 0; i < 20; i++)
        len += (size_t)snprintf(chain + len, sizeof(chain) - len,
                                "\"n%d\":{\"maxItems\":9,\"allOf\":[{\"$ref\":\"#/$defs/n%d\"}]},",
                                i, i + 1);
    snprintf(chain + len, sizeof(chain) - len, "\"n20\":{\"items\":{\"$ref\":\"#/$defs/n0\"}}}}");
    set = compile_ok(chain, "", D20, false);
    assert_int_equal(validate(set, deep, 0, &violations), -ELOOP);
    assert_int_equal(violations.count, 1);
    gw_schema_set_destroy(set);

    /* an arena that is too small */
    struct gw_arena small;
    struct gw_json_tape tape;
    struct gw_json_error error;
    gw_arena_init(&small, 512, 512);
    struct gw_schema_run run = {.arena = &small, .max_violations = 5};
    set = compile_ok("{\"uniqueItems\":true}", "", D20, false);
    char many[1000] = "[0";
    for (int i = 0; i < 400; i++)
        memcpy(many + 2 + 2 * i, ",0", 3);
    memcpy(many + 802, "]", 2);
    assert_int_equal(gw_json_read(&arena, gw_str_of(many), NULL, &tape, &error), 0);
    assert_int_equal(gw_schema_validate(set, 0, &tape, &run, &violations), -ENOMEM);
    gw_schema_set_destroy(set);
    gw_arena_finish(&small);
}

static void test_shared_set_and_entries(void **state)
{
    (void)state;
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    json_t *tree = json_loads("{\"openapi\":\"3.1.0\",\"components\":{\"schemas\":{"
                              "\"A\":{\"type\":\"integer\",\"maximum\":0.3},"
                              "\"B\":{\"type\":[\"string\",\"null\"]}}}}",
                              0, NULL);
    struct gw_schema_set *set = NULL;
    struct gw_error error;
    size_t a, b;

    assert_int_equal(gw_schema_compiler_add_document(compiler, GW_STR("api.yaml"), tree, &error),
                     0);
    assert_int_equal(gw_schema_compiler_add_document(compiler, GW_STR("api.yaml"), tree, &error),
                     -EEXIST);
    json_decref(tree);
    assert_int_equal(gw_schema_compiler_add_entry(compiler, GW_STR("api.yaml"),
                                                  GW_STR("/components/schemas/A"), O31, &a, &error),
                     0);
    assert_int_equal(gw_schema_compiler_add_entry(compiler, GW_STR("api.yaml"),
                                                  GW_STR("/components/schemas/B"), O31, &b, &error),
                     0);
    assert_int_equal(gw_schema_compiler_add_entry(compiler, GW_STR("api.yaml"), GW_STR("/nothing"),
                                                  O31, &b, &error),
                     -ENOENT);
    assert_int_equal(gw_schema_compiler_finish(compiler, &set, &error), 0);
    gw_schema_compiler_destroy(compiler);

    assert_int_equal(gw_schema_set_entries(set), 2);
    assert_int_equal(gw_schema_entry_types(set, a), 1u << GW_JSON_NUMBER | GW_SCHEMA_TYPE_INTEGER);
    assert_int_equal(gw_schema_entry_types(set, b), 1u << GW_JSON_STRING | 1u << GW_JSON_NULL);

    struct gw_json_token token;
    struct gw_violations violations;
    struct gw_schema_run run = {.arena = &arena, .max_violations = 1};
    struct gw_json_tape tape = gw_json_tape_of_string(GW_STR("x"), &token);
    assert_int_equal(gw_schema_validate(set, b, &tape, &run, &violations), 0);
    assert_int_equal(gw_schema_validate(set, a, &tape, &run, &violations), 1);
    assert_string_equal(violations.items[0].schema.ptr, "api.yaml#/components/schemas/A/type");
    assert_int_equal(gw_json_tape_of_number(GW_STR("1"), &token, &tape), 0);
    assert_int_equal(gw_schema_validate(set, a, &tape, &run, &violations), 1);
    assert_string_equal(violations.items[0].message.ptr, "must be at most 0.3, but is 1");
    gw_schema_set_destroy(set);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_openapi_30),
        TEST(test_directions),
        TEST(test_discriminator),
        TEST(test_empty_name_lists),
        TEST(test_numbers),
        TEST(test_number_formats),
        TEST(test_violations),
        TEST(test_all_violations_up_to_a_limit),
        TEST(test_secrets_are_not_told),
        TEST(test_compile_refusals),
        TEST(test_bounds),
        TEST(test_shared_set_and_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
