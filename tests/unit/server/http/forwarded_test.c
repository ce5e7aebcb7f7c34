#include "server/http/forwarded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MAX_ELEMENTS 4

static void elements_are_taken_from_the_end(void **state)
{
    (void)state;
    static const struct {
        const char *value, *elements[MAX_ELEMENTS];
    } cases[] = {
        {"", {NULL}},
        {"for=a", {"for=a"}},
        {"for=a, for=b;proto=http ,for=c", {"for=c", "for=b;proto=http", "for=a"}},
        {"for=a,,for=b", {"for=b", "", "for=a"}},
        {"host=\"a,b\", for=\"[::1]\"", {"for=\"[::1]\"", "host=\"a,b\""}},
        {"host=\"a\\\",b\\\\\", for=c", {"for=c", "host=\"a\\\",b\\\\\""}},
        {"for=a, host=\"b", {"\""}},
        {"x=\", for=a", {"for=a", "\""}},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_str rest = gw_str_of(cases[i].value), element;
        size_t at = 0;
        for (; gw_forwarded_take_last(&rest, &element); at++) {
            assert_true(at < MAX_ELEMENTS && cases[i].elements[at] != NULL);
            if (!gw_str_equal(element, gw_str_of(cases[i].elements[at])))
                fail_msg("%s: %.*s", cases[i].value, GW_STR_ARG(element));
        }
        assert_true(at == MAX_ELEMENTS || cases[i].elements[at] == NULL);
    }
}

static void parameters_are_found_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *element, *name, *value;
    } cases[] = {
        {"for=a;proto=https;by=b", "proto", "https"},
        {"For=a ; PROTO=\"https\"", "proto", "https"},
        {"for=a", "proto", ""},
        {"xproto=a;proto", "proto", ""},
        {"host=\"a;proto=https;b\"", "proto", ""},
        {"host=\"a\\\";proto=https;b\";proto=http", "proto", "http"},
        {"host=\"a;proto=https", "proto", ""},
        {"proto=\"", "proto", "\""},
        {"\"", "proto", ""},
        {"", "proto", ""},
        {";;proto=http;", "proto", "http"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_str value =
            gw_forwarded_get(gw_str_of(cases[i].element), gw_str_of(cases[i].name));
        if (!gw_str_equal(value, gw_str_of(cases[i].value)))
            fail_msg("%s: %.*s", cases[i].element, GW_STR_ARG(value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_taken_from_the_end),
        cmocka_unit_test(parameters_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
