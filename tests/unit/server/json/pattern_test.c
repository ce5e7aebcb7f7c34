/* ECMA-262 where it differs from what PCRE2 would make of the same text, and the bounds on
 * matching. */
#include "server/json/pattern.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "server/core/arena.h"
#include "server/core/error.h"

static int match(const char *source, struct gw_str text)
{
    struct gw_error error = {.text = ""};
    struct gw_arena arena;
    struct gw_pattern *pattern = gw_pattern_create(gw_str_of(source), &error);

    if (pattern == NULL)
        fail_msg("%s: %s", source, error.text);
    gw_arena_init(&arena, 4096, 32 << 20);
    struct gw_pattern_scratch scratch = {.arena = &arena};
    int rc = gw_pattern_match(pattern, text, &scratch);
    gw_arena_finish(&arena);
    gw_pattern_destroy(pattern);
    return rc;
}

static void test_meaning(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        struct gw_str text;
        bool is_found;
    } cases[] = {
        {"^a$", GW_STR_INIT("a\n"), false},
        {"^.$", GW_STR_INIT("\xe2\x80\xa8"), false},
        {"^.$", GW_STR_INIT("\xc2\x85"), true},
        {"^.$", GW_STR_INIT("\xf0\x9f\x98\x80"), true},
        {"^[^]$", GW_STR_INIT("\n"), true},
        {"[]", GW_STR_INIT("x"), false},
        {"^\\s$", GW_STR_INIT("\xe2\x80\x83"), true},
        {"^[\\s]$", GW_STR_INIT("\xef\xbb\xbf"), true},
        {"^[\\S]$", GW_STR_INIT("\xc2\xa0"), false},
        {"^[^\\S]$", GW_STR_INIT("\xc2\xa0"), true},
        {"^\\w+$", GW_STR_INIT("\xc3\xa9"), false},
        {"^\\v$", GW_STR_INIT("\n"), false},
        {"^\\v\\f\\0$", GW_STR_INIT("\v\f\0"), true},
        {"^\\cJ[\\b]$", GW_STR_INIT("\n\b"), true},
        {"^\\x41\\u0042\\u{43}$", GW_STR_INIT("ABC"), true},
        {"^\\ud83d\\ude00$", GW_STR_INIT("\xf0\x9f\x98\x80"), true},
        {"^[\\ud800-\\udfff]$", GW_STR_INIT("a"), false},
        {"^[a\\-z]+$", GW_STR_INIT("a-z"), true},
        {"^[\\w-]+$", GW_STR_INIT("a-b"), true},
        {"^[[:alpha:]]+$", GW_STR_INIT(":]"), true},
        {"^(?:(a)|b)\\1$", GW_STR_INIT("b"), true},
        {"^(?<y>\\d)-\\k<y>$", GW_STR_INIT("1-1"), true},
        {"^\\k<y>(?<y>a)$", GW_STR_INIT("a"), true},
        {"^\\p{Lu}\\p{Script=Greek}\\P{L}$",
         GW_STR_INIT("A\xce\xb1"
                     "1"),
         true},
        {"^[\\p{ASCII}]$", GW_STR_INIT("\xc3\xa9"), false},
        {"^\\p{Any}[^\\P{Any}]$", GW_STR_INIT("ab"), true},
        {"(?<=a)b", GW_STR_INIT("ab"), true},
        {"a{,2}", GW_STR_INIT("a{,2}"), true},
        {"^{a}$", GW_STR_INIT("{a}"), true},
        {"#x y", GW_STR_INIT("#x y"), true},
        {"", GW_STR_INIT(""), true},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (match(cases[i].pattern, cases[i].text) != cases[i].is_found)
            fail_msg("%s", cases[i].pattern);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(",         ")",
        "[a",        "*a",
        "a++",       "a{2}{3}",
        "(?i)a",     "(?>a)",
        "(?#c)",     "(*COMMIT)",
        "(?C1)",     "(?R)",
        "\\1",       "\\g{1}",
        "\\A",       "\\z",
        "\\Q",       "\\K",
        "\\R",       "\\k<a>",
        "\\p{Nope}", "\\p{gc=Greek}",
        "\\pL",      "\\u{110000}",
        "[z-a]",     "\\u12",
        "\\",        "(?<1>a)",
        "(?P<n>a)",  "^*",
        "\\c1",      "\\x4",
        "\\E",
    };

    for (size_t i = 0; i < GW_COUNT_OF(patterns); i++) {
        struct gw_error error = {.text = ""};
        struct gw_pattern *pattern = gw_pattern_create(gw_str_of(patterns[i]), &error);
        if (pattern != NULL)
            fail_msg("%s was accepted", patterns[i]);
        assert_true(error.text[0] != '\0');
    }
}

/* Steps, not time: each of these would take more than the age of the universe. */
static void test_bounds(void **state)
{
    (void)state;
    static const char *const patterns[] = {"^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "^(.*)*x(.*)*y$",
                                           "^(?:a?){40}a{40}$"};
    char text[60000];

    memset(text, 'a', sizeof(text));
    text[59] = '!';
    for (size_t i = 0; i < GW_COUNT_OF(patterns); i++) {
        int rc = match(patterns[i], gw_str_from(text, 60));
        assert_true(rc == -EOVERFLOW || rc == 0);
    }
    assert_int_equal(match("^(a+)+$", gw_str_from(text, 60)), -EOVERFLOW);
    text[59] = 'a';
    assert_int_equal(match("^a*$", gw_str_from(text, sizeof(text))), 1);
    assert_int_equal(match("^[^!]+$", gw_str_from(text, sizeof(text))), 1);
    assert_int_equal(match("b", gw_str_from(text, sizeof(text))), 0);
}

/* A start that runs to the end is one step to PCRE2: without a bound of our own this would be 10^11
 * of them. And many strings that are each just bearable add up. */
static void test_long_texts(void **state)
{
    (void)state;
    enum { LENGTH = 400000 };
    char *text = malloc(LENGTH);
    struct gw_error error;
    struct gw_arena arena;

    memset(text, 'a', LENGTH);
    assert_int_equal(match("(?:aa)*[bc]", gw_str_from(text, LENGTH)), -EOVERFLOW);
    assert_int_equal(match("(?:aa)*[bc]", gw_str_from(text, 1000)), 0);
    text[LENGTH - 1] = 'c';
    assert_int_equal(match("[^a]", gw_str_from(text, LENGTH)), 1);

    assert_int_equal(match("^(a|b)+$", gw_str_from(text, 8000)), 1);

    struct gw_pattern *pattern = gw_pattern_create(GW_STR("(?:aa)*[bd]"), &error);
    gw_arena_init(&arena, 4096, 32 << 20);
    struct gw_pattern_scratch scratch = {.arena = &arena};
    int rc = 0;
    for (int i = 0; i < 100000 && rc == 0; i++)
        rc = gw_pattern_match(pattern, gw_str_from(text, 8000), &scratch);
    assert_int_equal(rc, -EOVERFLOW);
    gw_arena_finish(&arena);
    gw_pattern_destroy(pattern);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
