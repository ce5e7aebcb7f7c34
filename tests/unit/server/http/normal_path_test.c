#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/http/normal_path.h"

static void a_path_has_one_normal_form(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/a/b", "/a/b"},
        {"/%61/b", "/a/b"},
        {"/a%2Fb", "/a%2Fb"},
        {"/a%2fb", "/a%2Fb"},
        {"/A(%27x%27)", "/A('x')"},
        {"/%7Euser", "/~user"},
        {"/caf%c3%a9", "/caf%C3%A9"},
        {"/a[1]|x^", "/a%5B1%5D%7Cx%5E"},
        {"//", "//"},
        {"/", "/"},
        {"/...", "/..."},
        {"/.well-known/x", "/.well-known/x"},
        {"/a..", "/a.."},
        {"/%25%32%46", "/%252F"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_normal_path path;
        assert_int_equal(gw_path_normalize(gw_str_of(cases[i][0]), &path), 0);
        assert_int_equal(path.text.len, strlen(cases[i][1]));
        assert_memory_equal(path.text.ptr, cases[i][1], path.text.len);
    }
}

static void paths_that_two_servers_read_differently_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        "a",           "*",       "http://x/", "/a/..",       "/a/../b",      "/./a",
        "/%2e%2e", "/.%2E/a",     "/..;x/a", "/.;",       "/a%2F..%2Fb", "/..%2fa",      "/a%5c..",
        "/a%2F.",  "/%00",        "/a%",     "/a%2",      "/a%zz",       "/a b",         "/a\\b",
        "/a\"",    "/<",          "/{a}",    "/a?b",      "/a#b",        "/caf\xc3\xa9", "/a\x7f",
        "/a\x01",  "/%2e%2E%3bx",
    };

    for (size_t i = 0; i < GW_COUNT_OF(bad); i++) {
        struct gw_normal_path path;
        if (gw_path_normalize(gw_str_of(bad[i]), &path) != -22)
            fail_msg("accepted: %s", bad[i]);
    }
    char longest[GW_PATH_MAX_BYTES + 1];
    memset(longest, 'a', sizeof(longest));
    longest[0] = '/';
    struct gw_normal_path path;
    assert_int_equal(gw_path_normalize(gw_str_from(longest, sizeof(longest)), &path), -22);
    assert_int_equal(gw_path_normalize(gw_str_from(longest, sizeof(longest) - 1), &path), 0);
    memset(longest + 1, '|', sizeof(longest) - 1); /* grows to three times its size */
    assert_int_equal(gw_path_normalize(gw_str_from(longest, sizeof(longest) - 1), &path), -22);
}

static void parts_lead_back_to_what_was_received(void **state)
{
    (void)state;
    struct gw_str raw = GW_STR("/%61%2Fb/c");
    struct gw_normal_path path;

    assert_int_equal(gw_path_normalize(raw, &path), 0);
    struct gw_str part =
        gw_path_raw_part(&path, raw, gw_str_from(path.text.ptr + 1, 5)); /* "a%2Fb" */
    assert_true(gw_str_equal(part, GW_STR("%61%2Fb")));
    part = gw_path_raw_part(&path, raw, gw_str_from(path.text.ptr + 7, 1));
    assert_true(gw_str_equal(part, GW_STR("c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_has_one_normal_form),
        cmocka_unit_test(paths_that_two_servers_read_differently_are_refused),
        cmocka_unit_test(parts_lead_back_to_what_was_received),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
