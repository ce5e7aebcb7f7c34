/* RFC 3986, section 5.4: the examples of resolving, normal and abnormal, and bases that are no URI.
 */
#include "server/json/uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/core/arena.h"

static void check(const char *base, const char *reference, const char *expected)
{
    struct gw_arena arena;

    gw_arena_init(&arena, 4096, 1 << 20);
    struct gw_str result = gw_uri_resolve(&arena, gw_str_of(base), gw_str_of(reference));
    assert_non_null(result.ptr);
    if (!gw_str_equal(result, gw_str_of(expected)))
        fail_msg("%s + %s = %s", base, reference, result.ptr);
    gw_arena_finish(&arena);
}

static void test_examples(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++)
        check("http://a/b/c/d;p?q", cases[i][0], cases[i][1]);
}

static void test_other_bases(void **state)
{
    (void)state;
    check("", "a.json", "a.json");
    check("", "#x", "");
    check("openapi/api.yaml", "schemas/a.yaml#/b", "openapi/schemas/a.yaml");
    check("openapi/api.yaml", "../common.yaml", "common.yaml");
    check("/srv/api.yaml", "./x/../y.yaml", "/srv/y.yaml");
    check("http://a", "b", "http://a/b");
    check("urn:uuid:1", "#/x", "urn:uuid:1");
    check("file:///x/y", "z", "file:///x/z");
}

static void test_split(void **state)
{
    (void)state;
    struct gw_uri uri = gw_uri_split(GW_STR("http://u@h:1/p?q#f"));
    assert_true(gw_str_equal(uri.scheme, GW_STR("http")));
    assert_true(gw_str_equal(uri.authority, GW_STR("u@h:1")));
    assert_true(gw_str_equal(uri.path, GW_STR("/p")));
    assert_true(gw_str_equal(uri.query, GW_STR("q")));
    assert_true(gw_str_equal(uri.fragment, GW_STR("f")));
    uri = gw_uri_split(GW_STR("p?"));
    assert_null(uri.scheme.ptr);
    assert_null(uri.fragment.ptr);
    assert_non_null(uri.query.ptr);
    assert_int_equal(uri.query.len, 0);
}

static void test_percent(void **state)
{
    (void)state;
    char out[16];
    size_t len;

    assert_true(gw_uri_percent_decode(GW_STR("a%2Fb%00"), out, &len));
    assert_true(gw_str_equal(gw_str_from(out, len), GW_STR("a/b\0")));
    assert_false(gw_uri_percent_decode(GW_STR("%4"), out, &len));
    assert_false(gw_uri_percent_decode(GW_STR("%g0"), out, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_other_bases),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
