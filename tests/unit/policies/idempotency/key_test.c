/* Idempotency-Key as a structured field's string (RFC 9651), and the bare form. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policies/idempotency/key.h"

static struct gw_arena arena;

static void check(const char *value, bool is_lenient, const char *expected)
{
    struct gw_str key = GW_STR("untouched");
    const char *flaw = NULL;
    int rc = key_parse(&arena, gw_str_of(value), is_lenient, &key, &flaw);

    if (rc != (expected == NULL ? -EINVAL : 0))
        print_error("%s: %d\n", value, rc);
    assert_int_equal(rc, expected == NULL ? -EINVAL : 0);
    if (expected == NULL)
        assert_non_null(flaw);
    assert_true(gw_str_equal(key, gw_str_of(expected == NULL ? "untouched" : expected)));
}

static void strings_are_keys(void **state)
{
    (void)state;
    static const struct {
        const char *value, *key;
    } cases[] = {
        {"\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", "8e03978e-40d5-43dd-bc93-6894a57f9324"},
        {"\"a\"", "a"},
        {"  \"a\"  ", "a"},
        {"\"a b~!\"", "a b~!"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"\"a\";x", "a"},
        {"\"a\"; x=1;*y=\"z;\";q=?1", "a"},
        {"\"a\";x=:aGk=:", "a"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        check(cases[i].value, false, cases[i].key);
        check(cases[i].value, true, cases[i].key);
    }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",       "\"\"",         "\"",       "\"a",       "a\"",      "\"a\"b",       "\"a\" b",
        "\"a\",", "\"a\", \"b\"", "\"a\\b\"", "\"a\\",     "\"\x7f\"", "\"\xc3\xa9\"", "\"a\tb\"",
        "\"a\";", "\"a\";1=2",    "\"a\";x=", "\"a\";X=1", "\"a\" ;x", "\"a\";x=\"",   "a b",
        "a,b",    "(\"a\")",      ":YQ==:;",
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        check(cases[i], false, NULL);
        check(cases[i], true, NULL);
    }
}

static void bare_ones_only_where_they_may(void **state)
{
    (void)state;
    check("8e03978e-40d5-43dd-bc93-6894a57f9324", false, NULL);
    check("8e03978e-40d5-43dd-bc93-6894a57f9324", true, "8e03978e-40d5-43dd-bc93-6894a57f9324");
    check("a.b_c~d:1", true, "a.b_c~d:1");
    check("a/b", true, NULL);
    check("a=b", true, NULL);
}

static void lengths_are_bounded(void **state)
{
    (void)state;
    char quoted[KEY_MAX_BYTES + 4], plain[KEY_MAX_BYTES + 2];

    for (size_t len = KEY_MAX_BYTES; len <= KEY_MAX_BYTES + 1; len++) {
        memset(plain, 'k', len);
        plain[len] = '\0';
        snprintf(quoted, sizeof(quoted), "\"%s\"", plain);
        check(quoted, false, len <= KEY_MAX_BYTES ? plain : NULL);
        check(plain, true, len <= KEY_MAX_BYTES ? plain : NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_keys),
        cmocka_unit_test(others_are_not),
        cmocka_unit_test(bare_ones_only_where_they_may),
        cmocka_unit_test(lengths_are_bounded),
    };

    gw_arena_init(&arena, 4096, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    gw_arena_finish(&arena);
    return failed;
}
