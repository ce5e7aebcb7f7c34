/* Moments and durations as texts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/core/clock.h"
#include "server/core/duration.h"
#include "server/core/instant.h"

static void moments_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1969-12-31T23:00:00-01:00", 0},
        {"1970-01-01T01:00:00.5+01:00", 500},
        {"2026-11-23T06:30:00.250Z", 1795415400250},
        {"2026-11-23t07:30:00.2509999+01:00", 1795415400250},
        {"2024-02-29T12:00:00Z", 1709208000000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228799000},
        {"9999-12-31T23:59:59.999Z", GW_INSTANT_MAX_MS},
    };

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        int64_t ms = -1;
        if (gw_instant_read(gw_str_of(cases[i].text), &ms) != 0 || ms != cases[i].ms)
            fail_msg("%s is %lld", cases[i].text, (long long)ms);
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (int64_t ms = 1; ms < GW_INSTANT_MAX_MS; ms += INT64_C(12345678917)) {
        char text[GW_CLOCK_TEXT_BYTES];
        int64_t again = -1;
        gw_clock_text(text, ms);
        assert_int_equal(gw_instant_read(gw_str_of(text), &again), 0);
        assert_int_equal(again, ms);
    }
}

static void what_is_no_moment_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "2026-11-23",
                                        "2026-11-23T06:30:00",
                                        "2026-11-23 06:30:00Z",
                                        "2026-13-01T00:00:00Z",
                                        "2026-00-01T00:00:00Z",
                                        "2026-02-29T00:00:00Z",
                                        "2100-02-29T00:00:00Z",
                                        "2026-04-31T00:00:00Z",
                                        "2026-11-23T24:00:00Z",
                                        "2026-11-23T06:60:00Z",
                                        "2026-11-23T06:30:61Z",
                                        "2026-11-23T06:30:00.Z",
                                        "2026-11-23T06:30:00+24:00",
                                        "2026-11-23T06:30:00+1:00",
                                        "2026-11-23T06:30:00Zx",
                                        "1969-12-31T23:59:59Z",
                                        "26-11-23T06:30:00Z",
                                        "9999-12-31T23:59:59-01:00"};

    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        int64_t ms = 7;
        if (gw_instant_read(gw_str_of(texts[i]), &ms) != -EINVAL || ms != 7)
            fail_msg("%s is read", texts[i]);
    }
}

static void durations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {{"PT30S", 30000},    {"PT0S", 0},      {"P1DT2H3M4.5S", 93784500},
                 {"P2W", 1209600000}, {"PT0,25S", 250}, {"P366D", 31622400000},
                 {"PT1.5H", 5400000}};
    static const char *const wrong[] = {"",    "P",      "PT",    "30S",  "PT30",   "P1Y",
                                        "P1M", "PT1S2M", "PT-1S", "P1DT", "PT1H30", "P367D"};
    uint64_t ns = 7;

    for (size_t i = 0; i < GW_COUNT_OF(cases); i++) {
        assert_int_equal(gw_duration_parse(gw_str_of(cases[i].text), &ns), 0);
        assert_int_equal(ns, cases[i].ms * GW_NS_PER_MS);
    }
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++)
        if (gw_duration_parse(gw_str_of(wrong[i]), &ns) == 0)
            fail_msg("%s is read", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_read),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(durations_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
