#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/observe/trace.h"
#include "tests/unit/support/suite_files.h"

#define TRACE "12345678901234567890123456789012"
#define SPAN "1234567890123456"

static void parents_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good, is_sampled;
    } cases[] = {
        {"00-" TRACE "-" SPAN "-01", true, true},
        {"00-" TRACE "-" SPAN "-00", true, false},
        {"00-" TRACE "-" SPAN "-02", true, false},
        {"00-" TRACE "-" SPAN "-fb", true, true},
        {"cc-" TRACE "-" SPAN "-01", true, true},
        {"cc-" TRACE "-" SPAN "-01-what-the-future-holds", true, true},
        {"cc-" TRACE "-" SPAN "-01.what", false, false},
        {"00-" TRACE "-" SPAN "-01-", false, false},
        {"ff-" TRACE "-" SPAN "-01", false, false},
        {"00-" TRACE "-" SPAN "-0", false, false},
        {"00-" TRACE "-" SPAN "-0G", false, false},
        {"00-" TRACE "-" SPAN "-0A", false, false},
        {"0A-" TRACE "-" SPAN "-01", false, false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false, false},
        {"00-" TRACE "-0000000000000000-01", false, false},
        {"00_" TRACE "-" SPAN "-01", false, false},
        {"00-" TRACE "_" SPAN "-01", false, false},
        {"00-" TRACE "-" SPAN "_01", false, false},
        {"", false, false},
        {"00", false, false},
    };
    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        struct gw_traceparent parent;
        assert_int_equal(gw_traceparent_parse(gw_str_of(cases[i].text), &parent), cases[i].is_good);
        if (!cases[i].is_good)
            continue;
        assert_int_equal(parent.is_sampled, cases[i].is_sampled);
        assert_true(gw_str_equal(parent.trace_id, GW_STR(TRACE)));
        assert_true(gw_str_equal(parent.parent_id, GW_STR(SPAN)));
    }
}

static void what_is_printed_is_read(void **state)
{
    (void)state;
    char text[GW_TRACEPARENT_LEN];
    char id[GW_SPAN_ID_LEN];
    struct gw_traceparent parent;

    gw_trace_hex((const unsigned char *)"\x00\x01\x7f\x80\xff\x10\xab\xcd", sizeof(id), id);
    assert_memory_equal(id, "00017f80ff10abcd", sizeof(id));
    for (int is_sampled = 0; is_sampled < 2; is_sampled++) {
        gw_traceparent_print(GW_STR(TRACE), gw_str_from(id, sizeof(id)), is_sampled, text);
        assert_true(gw_traceparent_parse(gw_str_from(text, sizeof(text)), &parent));
        assert_int_equal(parent.is_sampled, is_sampled);
        assert_true(gw_str_equal(parent.parent_id, gw_str_from(id, sizeof(id))));
    }
}

/* The suite knows syntax (any version, also with ids of zeroes) and version 00; we read later
 * versions by the rules of 00, as section 3.2.4 has it. */
static void the_suite_is_met(void **state)
{
    (void)state;
    struct gw_str text = suite_read(suite_path("trace-context/traceparent.json"));
    assert_non_null(text.ptr);
    json_t *suite = json_loadb(text.ptr, text.len, 0, NULL);
    size_t at;
    json_t *entry;
    size_t judged = 0;

    assert_non_null(suite);
    json_array_foreach(json_object_get(suite, "traceparent"), at, entry)
    {
        const char *value = json_string_value(json_object_get(entry, "value"));
        const char *kind = json_string_value(json_object_get(entry, "cls"));
        bool is_valid = json_is_true(json_object_get(entry, "valid"));
        bool is_base = strcmp(kind, "BaseTraceparent") == 0;
        struct gw_traceparent parent;
        if (!is_base && strncmp(value, "00", 2) != 0)
            continue;
        if (is_base && (strstr(value, "-00000000000000000000000000000000-") != NULL ||
                        strstr(value, "-0000000000000000-") != NULL))
            is_valid = false;
        if (gw_traceparent_parse(gw_str_of(value), &parent) != is_valid)
            print_error("%s: %s\n", kind, value);
        assert_int_equal(gw_traceparent_parse(gw_str_of(value), &parent), is_valid);
        judged++;
    }
    assert_true(judged > 10);
    json_decref(suite);
    free((char *)text.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parents_are_read),
        cmocka_unit_test(what_is_printed_is_read),
        cmocka_unit_test(the_suite_is_met),
    };
    suite_require("trace-context");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
