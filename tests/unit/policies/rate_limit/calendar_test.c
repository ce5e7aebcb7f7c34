#include "policies/rate_limit/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <time.h>

static int64_t at(const char *text)
{
    struct tm tm = {0};

    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
    return timegm(&tm);
}

static void check(enum calendar_unit unit, int64_t offset_s, const char *now, const char *start,
                  const char *end)
{
    struct calendar_period period = calendar_period_at(unit, offset_s, at(now));

    assert_int_equal(period.start_s, at(start));
    assert_int_equal(period.end_s, at(end));
}

static void test_months(void **state)
{
    static const struct {
        const char *now, *start, *end;
    } cases[] = {
        {"2026-11-23 02:00:00", "2026-11-01 00:00:00", "2026-12-01 00:00:00"},
        {"2026-12-31 23:59:59", "2026-12-01 00:00:00", "2027-01-01 00:00:00"},
        {"2027-01-01 00:00:00", "2027-01-01 00:00:00", "2027-02-01 00:00:00"},
        {"2027-02-28 23:59:59", "2027-02-01 00:00:00", "2027-03-01 00:00:00"},
        {"2028-02-29 12:00:00", "2028-02-01 00:00:00", "2028-03-01 00:00:00"},
        {"2028-03-01 00:00:00", "2028-03-01 00:00:00", "2028-04-01 00:00:00"},
        {"2000-02-29 00:00:00", "2000-02-01 00:00:00", "2000-03-01 00:00:00"},
        {"2100-02-28 23:59:59", "2100-02-01 00:00:00", "2100-03-01 00:00:00"}, /* no leap year */
        {"1970-01-01 00:00:00", "1970-01-01 00:00:00", "1970-02-01 00:00:00"},
        {"1969-12-31 23:59:59", "1969-12-01 00:00:00", "1970-01-01 00:00:00"},
    };

    (void)state;
    for (unsigned i = 0; i < GW_COUNT_OF(cases); i++)
        check(CALENDAR_MONTH, 0, cases[i].now, cases[i].start, cases[i].end);
}

static void test_offsets(void **state)
{
    (void)state;
    check(CALENDAR_MONTH, 3600, "2026-11-30 23:30:00", "2026-11-30 23:00:00",
          "2026-12-31 23:00:00");
    check(CALENDAR_MONTH, -5 * 3600, "2026-12-01 04:59:59", "2026-11-01 05:00:00",
          "2026-12-01 05:00:00");
    check(CALENDAR_DAY, 0, "2026-11-23 23:59:59", "2026-11-23 00:00:00", "2026-11-24 00:00:00");
    check(CALENDAR_DAY, 5 * 3600 + 1800, "2026-11-23 18:29:59", "2026-11-22 18:30:00",
          "2026-11-23 18:30:00");
    check(CALENDAR_DAY, 0, "2026-06-30 23:59:59", "2026-06-30 00:00:00", "2026-07-01 00:00:00");
}

/* Against the C library, over 140 years. */
static void test_every_day(void **state)
{
    (void)state;
    for (int64_t day = -3650; day < 140 * 365; day++) {
        time_t now = day * 86400 + 43200;
        struct tm tm;
        assert_non_null(gmtime_r(&now, &tm));
        struct calendar_period period = calendar_period_at(CALENDAR_MONTH, 0, now);
        assert_int_equal(period.number, (tm.tm_year - 70) * 12 + tm.tm_mon);
        assert_int_equal(period.start_s, (day - tm.tm_mday + 1) * 86400);
        assert_true(period.end_s > now && period.end_s <= now + 31 * 86400);
        struct calendar_period next = calendar_period_at(CALENDAR_MONTH, 0, period.end_s);
        assert_int_equal(next.number, period.number + 1);
        assert_int_equal(next.start_s, period.end_s);
    }
}

static void test_zones(void **state)
{
    static const struct {
        const char *text;
        int64_t offset_s;
    } good[] = {{"UTC", 0},         {"Z", 0},          {"+00:00", 0},  {"+01:00", 3600},
                {"-05:30", -19800}, {"+14:00", 50400}, {"-00:01", -60}};
    static const char *const bad[] = {"",       "utc",    "+1:00",  "+0100",     "01:00",
                                      "+14:01", "+01:60", "+aa:00", "+01:00:00", "Europe/Berlin"};
    int64_t offset_s = 7;

    (void)state;
    for (unsigned i = 0; i < GW_COUNT_OF(bad); i++)
        assert_int_equal(calendar_offset_parse(gw_str_of(bad[i]), &offset_s), -EINVAL);
    assert_int_equal(offset_s, 7);
    for (unsigned i = 0; i < GW_COUNT_OF(good); i++) {
        assert_int_equal(calendar_offset_parse(gw_str_of(good[i].text), &offset_s), 0);
        assert_int_equal(offset_s, good[i].offset_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_months),
        cmocka_unit_test(test_offsets),
        cmocka_unit_test(test_every_day),
        cmocka_unit_test(test_zones),
    };

    return cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
}
