/* Queries read and rewritten piece by piece. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policies/transform/query.h"

static struct gw_arena arena;

static void reading(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name;
        int rc;
        const char *value;
    } cases[] = {
        {"a=1&b=2", "b", 0, "2"},     {"a=1&a=2", "a", 0, "1"},     {"a", "a", 0, ""},
        {"a=", "a", 0, ""},           {"a=b=c", "a", 0, "b=c"},     {"%61=x+y%2B", "a", 0, "x y+"},
        {"a+b=1", "a b", 0, "1"},     {"%zz=1&a=2", "a", 0, "2"},   {"a=%zz", "a", -EINVAL, NULL},
        {"a=%4", "a", -EINVAL, NULL}, {"", "a", -ENOENT, NULL},     {"&&", "", -ENOENT, NULL},
        {"A=1", "a", -ENOENT, NULL},  {"ab=1", "a", -ENOENT, NULL},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_str value = GW_STR("untouched");
        int rc = query_get(gw_str_of(cases[i].query), gw_str_of(cases[i].name), &arena, &value);
        if (rc != cases[i].rc ||
            !gw_str_equal(value, rc == 0 ? gw_str_of(cases[i].value) : GW_STR("untouched")))
            fail_msg("%s: %d, %.*s", cases[i].query, rc, GW_STR_ARG(value));
    }
}

static void assert_query(struct gw_str query, const char *expected)
{
    if (!gw_str_equal(query, gw_str_of(expected)))
        fail_msg("\"%.*s\" for \"%s\"", GW_STR_ARG(query), expected);
}

static void removing(void **state)
{
    (void)state;
    static const struct {
        const char *query, *left;
    } cases[] = {
        {"a=1&b=2&a=3", "b=2"},
        {"a=1", ""},
        {"%61=1&b=%20+", "b=%20+"},
        {"", ""},
        {"b=2", "b=2"},
        {"b&&c=%zz", "b&&c=%zz"},
        {"A=1&a", "A=1"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_str out;
        assert_int_equal(query_remove(gw_str_of(cases[i].query), GW_STR("a"), &arena, &out), 0);
        assert_query(out, cases[i].left);
    }
}

static void renaming(void **state)
{
    (void)state;
    struct gw_str out;

    assert_int_equal(
        query_rename(GW_STR("a=1&b=2&%61=%33&a"), GW_STR("a"), GW_STR("x&y"), &arena, &out), 0);
    assert_query(out, "x%26y=1&b=2&x%26y=%33&x%26y");
    assert_int_equal(query_rename(GW_STR("a"), GW_STR("b"), GW_STR("c"), &arena, &out), 0);
    assert_query(out, "a");
}

static void adding(void **state)
{
    (void)state;
    struct gw_str out;

    assert_int_equal(query_add(GW_STR(""), GW_STR("a"), GW_STR("1"), &arena, &out), 0);
    assert_query(out, "a=1");
    assert_int_equal(query_add(GW_STR("a=1"), GW_STR("b c"), GW_STR("d&e=\xc3\xa9+"), &arena, &out),
                     0);
    assert_query(out, "a=1&b%20c=d%26e%3D%C3%A9%2B");
}

static int start(void **state)
{
    (void)state;
    gw_arena_init(&arena, 4096, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    gw_arena_finish(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(removing),
        cmocka_unit_test(renaming),
        cmocka_unit_test(adding),
    };
    return cmocka_run_group_tests(tests, start, end);
}
