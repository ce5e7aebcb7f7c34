#include "policies/cache/validators.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void tags_are_told_from_other_text(void **state)
{
    static const char *const good[] = {"\"\"", "\"a\"", "W/\"a\"", "\"a,b\"", "\"\xc3\xa4\""};
    static const char *const bad[] = {"",        "a",       "\"",       "\"a", "a\"",
                                      "w/\"a\"", "\"a b\"", "\"a\"b\"", "W/a", "*"};

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(good); i++)
        assert_true(etag_is_valid(gw_str_of(good[i])));
    for (size_t i = 0; i < GW_COUNT_OF(bad); i++)
        assert_false(etag_is_valid(gw_str_of(bad[i])));
}

static void conditions_are_weighed(void **state)
{
    static const char monday[] = "Mon, 07 Nov 1994 08:49:37 GMT";
    static const char sunday[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    static const struct {
        const char *match, *since, *etag, *modified;
        bool is_304;
    } rows[] = {
        {"\"a\"", "", "\"a\"", "", true},
        {"W/\"a\"", "", "\"a\"", "", true},
        {"\"a\"", "", "W/\"a\"", "", true},
        {"\"b\", \"a\"", "", "\"a\"", "", true},
        {"\"b\",\"a,b\"", "", "\"a,b\"", "", true},
        {"*", "", "\"a\"", "", true},
        {"\"b\"", "", "\"a\"", "", false},
        {"\"A\"", "", "\"a\"", "", false},
        {"a", "", "\"a\"", "", false},
        {"\"a\"", "", "", "", false},
        {"", monday, "", sunday, true},
        {"", sunday, "", sunday, true},
        {"", sunday, "", monday, false},
        {"", "yesterday", "", sunday, false},
        {"", monday, "\"a\"", "", false},
        {"\"b\"", monday, "\"a\"", sunday, false}, /* the tag alone counts */
        {"", "", "\"a\"", sunday, false},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        const struct conditions conditions = {gw_str_of(rows[i].match), gw_str_of(rows[i].since)};
        assert_int_equal(conditions_are_met(&conditions, gw_str_of(rows[i].etag),
                                            gw_str_of(rows[i].modified), 1767225600),
                         rows[i].is_304);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_told_from_other_text),
        cmocka_unit_test(conditions_are_weighed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
