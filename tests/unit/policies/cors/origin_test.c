/* Which texts name origins, and whom they mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "policies/cors/origin.h"

static void patterns(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_valid;
    } cases[] = {
        {"https://portal.example", true},
        {"http://localhost:3000", true},
        {"https://*.plant.example", true},
        {"https://*.plant.example:8443", true},
        {"https://[::1]:8080", true},
        {"https://[2001:db8::1]", true},
        {"*", true},
        {"null", false},
        {"", false},
        {"portal.example", false},
        {"https://", false},
        {"https://Portal.example", false},
        {"https://portal.example/", false},
        {"https://portal.example/path", false},
        {"https://user@portal.example", false},
        {"https://portal.example:", false},
        {"https://portal.example:0", false},
        {"https://portal.example:99999", false},
        {"https://portal.example:44x", false},
        {"https://*", false},
        {"https://*.", false},
        {"https://*portal.example", false},
        {"https://a.*.example", false},
        {"https://-a.example", false},
        {"https://a..example", false},
        {"https://a.example.", false},
        {"https://[]", false},
        {"https://[::1", false},
        {"https://[::1]x", false},
        {"https://[x]", false},
        {"ftp://portal.example", false},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (cors_origin_pattern_is_valid(gw_str_of(cases[i].text)) != cases[i].is_valid)
            fail_msg("\"%s\"", cases[i].text);
    }
}

static void matches(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *origin;
        bool fits;
    } cases[] = {
        {"https://portal.example", "https://portal.example", true},
        {"https://portal.example", "http://portal.example", false},
        {"https://portal.example", "https://portal.example:8443", false},
        {"https://portal.example", "https://portal.example.evil.test", false},
        {"https://portal.example", "https://evilportal.example", false},
        {"https://portal.example", "null", false},
        {"https://portal.example", "", false},
        {"https://*.plant.example", "https://one.plant.example", true},
        {"https://*.plant.example", "https://a.b.plant.example", true},
        {"https://*.plant.example", "https://plant.example", false},
        {"https://*.plant.example", "https://.plant.example", false},
        {"https://*.plant.example", "https://evilplant.example", false},
        {"https://*.plant.example", "http://one.plant.example", false},
        {"https://*.plant.example", "https://one.plant.example:8443", false},
        {"https://*.plant.example", "https://evil.test/.plant.example", false},
        {"https://*.plant.example", "https://evil.test#.plant.example", false},
        {"https://*.plant.example", "https://evil.test?.plant.example", false},
        {"https://*.plant.example", "https://user@x.plant.example", false},
        {"https://*.plant.example:8443", "https://one.plant.example:8443", true},
        {"https://*.plant.example:8443", "https://evil.test:1.plant.example:8443", false},
        {"*", "https://anybody.test", true},
        {"*", "null", true},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        if (cors_origin_matches(gw_str_of(cases[i].pattern), gw_str_of(cases[i].origin)) !=
            cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].origin);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),
        cmocka_unit_test(matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
