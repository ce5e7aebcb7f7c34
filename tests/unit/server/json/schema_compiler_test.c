/* A compiler with a reporter tells all that is wrong; without one it stops at the first. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/json/schema.h"

static void note(void *self, const struct gw_error *error)
{
    assert_true(error->text[0] != '\0');
    gw_buf_printf(self, "%s\n", error->where);
}

/* The places, one a line; *out_code is what finish returned. */
static void compile(const char *schema, bool tells, struct gw_buf *places, int *out_code)
{
    struct gw_schema_compiler *compiler = gw_schema_compiler_create(NULL);
    struct gw_schema_set *set = NULL;
    struct gw_error error;
    size_t entry;

    gw_buf_init(places, 1 << 20);
    if (tells)
        gw_schema_compiler_set_reporter(compiler, note, places);
    assert_int_equal(gw_schema_compiler_add_text(compiler, GW_STR(""), gw_str_of(schema), &error),
                     0);
    assert_int_equal(gw_schema_compiler_add_entry(compiler, GW_STR(""), GW_STR(""),
                                                  GW_SCHEMA_2020_12, &entry, &error),
                     0);
    *out_code = gw_schema_compiler_finish(compiler, &set, &error);
    assert_true((set != NULL) == (*out_code == 0));
    gw_schema_set_destroy(set);
    gw_schema_compiler_destroy(compiler);
}

static const char wrong[] =
    "{\"properties\":{"
    "\"a\":{\"type\":\"strin\",\"minLength\":-1},"
    "\"b\":{\"items\":{\"pattern\":\"(\"}},"
    "\"c\":{\"oneOf\":[{\"$ref\":\"#/$defs/none\"},7,{\"maximum\":\"x\"}]},"
    "\"d\":{\"$ref\":\"http://127.0.0.1:1/x.json\"},"
    "\"e\":{\"$ref\":\"#/$defs/ring\"},"
    "\"f\":{\"required\":[1]},"
    "\"g\":{\"type\":\"string\"}},"
    "\"$defs\":{\"ring\":{\"allOf\":[{\"$ref\":\"#/$defs/ring\"}]},\"unused\":{\"type\":3}}}";

static void test_all_are_told(void **state)
{
    static const char *const places[] = {
        "/properties/a/type\n",          "/properties/a/minLength\n",
        "/properties/b/items/pattern\n", "/properties/c/oneOf/1\n",
        "/properties/c/oneOf/0/$ref\n",  "/properties/d/$ref\n",
        "/properties/f/required/0\n",    "/$defs/ring", /* itself, or its only branch */
    };
    struct gw_buf told;
    int code;

    (void)state;
    compile(wrong, true, &told, &code);
    gw_buf_append_byte(&told, '\0');
    for (size_t i = 0; i < GW_COUNT_OF(places); i++) {
        if (strstr(told.ptr, places[i]) == NULL)
            fail_msg("%s is not in:\n%s", places[i], told.ptr);
    }
    assert_null(strstr(told.ptr, "unused")); /* nobody asked for it */
    assert_null(strstr(told.ptr, "/properties/g"));
    assert_int_equal(code, -EINVAL);
    gw_buf_finish(&told);
}

static void test_without_a_reporter_the_first_ends_it(void **state)
{
    struct gw_buf told;
    int code;

    (void)state;
    compile(wrong, false, &told, &code);
    assert_int_equal(code, -EINVAL);
    assert_int_equal(told.len, 0);
    gw_buf_finish(&told);
}

static void test_what_is_told_is_bounded(void **state)
{
    static char schema[64000];
    struct gw_buf told;
    size_t lines = 0;
    int code;

    (void)state;
    size_t len = (size_t)snprintf(schema, sizeof(schema), "{\"allOf\":[");
    for (int i = 0; i < 2 * GW_SCHEMA_TOLD_MAX; i++)
        len += (size_t)snprintf(schema + len, sizeof(schema) - len, "{\"type\":%d},", i);
    snprintf(schema + len, sizeof(schema) - len, "{}]}");
    compile(schema, true, &told, &code);
    for (size_t i = 0; i < told.len; i++)
        lines += told.ptr[i] == '\n';
    assert_int_equal(lines, GW_SCHEMA_TOLD_MAX);
    assert_int_equal(code, -EINVAL);
    gw_buf_finish(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_told),
        cmocka_unit_test(test_without_a_reporter_the_first_ends_it),
        cmocka_unit_test(test_what_is_told_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
