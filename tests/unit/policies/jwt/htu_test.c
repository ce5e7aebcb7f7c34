#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "policies/jwt/htu.h"

static void normal_forms(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"https://api.example/orders", "https://api.example/orders"},
        {"HTTPS://API.Example:443/orders?x=1#f", "https://api.example/orders"},
        {"http://api.example:80", "http://api.example/"},
        {"http://api.example:", "http://api.example/"},
        {"http://api.example:443/", "http://api.example:443/"},
        {"https://api.example:80/", "https://api.example:80/"},
        {"http://api.example?q", "http://api.example/"},
        {"http://[2001:DB8::1]:80/a", "http://[2001:db8::1]/a"},
        {"https://a/%7ex%2fy%41", "https://a/~x%2FyA"},
        {"https://a/A%27('1')", "https://a/A%27('1')"},
        {"https://a/b/../c", "https://a/c"},
        {"https://a/b/./c/.", "https://a/b/c/"},
        {"https://a/b/c/..", "https://a/b/"},
        {"https://a/../../x", "https://a/x"},
        {"https://a/%2e%2e/x", "https://a/x"},
        {"https://a//x//", "https://a//x//"},
        {"https://a/..", "https://a/"},
        {"https://a/Case", "https://a/Case"},
    };
    struct gw_str normal;
    struct gw_arena arena;

    gw_arena_init(&arena, 4096, 1 << 16);
    for (size_t i = 0; i < GW_COUNT_OF(pairs); i++) {
        assert_int_equal(htu_normalize(&arena, gw_str_of(pairs[i][0]), &normal), 0);
        if (!gw_str_equal(normal, gw_str_of(pairs[i][1])))
            fail_msg("%s becomes %.*s", pairs[i][0], GW_STR_ARG(normal));
    }
    gw_arena_finish(&arena);
}

static void what_is_no_such_uri(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/orders",
        "api.example/x",
        "ftp://a/x",
        "https:///x",
        "https://",
        "https://u@a/x",
        "https://a::/x",
        "https://[[::1]/x",
        "https://[::1/x",
        "https://[f::",
        "https://[127.0.0.1]/x",
        "https://[]/x",
        "https://[::1]a/x",
        "https://a[::1]/x",
        "https://a]/x",
        "https://a::443/x",
        "https://a:443:443/x",
        "https://a:x/x",
        "https://:443/x",
        "https://u:p@a/x",
        "https://a/%",
        "https://a/%4",
        "https://a/%zz",
        "https://a b/",
        "https://a/b c",
        "https://a/\xc3\xa4",
        "https://a\\b/",
        "https://a/b\\c",
        "javascript:x",
        "https:a/b",
    };
    struct gw_str normal = GW_STR("untouched");
    struct gw_arena arena;

    gw_arena_init(&arena, 4096, 1 << 16);
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        if (htu_normalize(&arena, gw_str_of(bad[i]), &normal) != -EINVAL)
            fail_msg("%s passes as %.*s", bad[i], GW_STR_ARG(normal));
    }
    assert_int_equal(htu_normalize(&arena, gw_str_from("https://a/\0b", 12), &normal), -EINVAL);
    assert_true(gw_str_equal(normal, GW_STR("untouched")));
    gw_arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_forms),
        cmocka_unit_test(what_is_no_such_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
