#include "server/upstream/schedule.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/core/attr.h"
#include "server/upstream/retry_after.h"

static uint64_t moment(const char *text)
{
    uint64_t at_s = 0;

    if (gw_schedule_parse_moment(gw_str_of(text), &at_s) != 0)
        fail_msg("%s", text);
    return at_s;
}

static void moments(void **state)
{
    static const char *const wrong[] = {
        "",
        "2026-11-23",
        "2026-11-23T10:00",
        "2026-11-23 10:00Z",
        "2026-13-01T10:00Z",
        "2026-02-29T10:00Z",
        "2026-11-31T10:00Z",
        "2026-11-23T25:00Z",
        "2026-11-23T10:60Z",
        "2026-11-23T10:00Zx",
        "2026-11-23T10:00+1:00",
        "1960-01-01T00:00Z",
    };
    uint64_t at_s;

    (void)state;
    assert_int_equal(moment("2026-11-23T10:00:00Z"), 1795428000);
    assert_int_equal(moment("2026-11-23T10:00:00+01:00"), 1795428000 - 3600);
    assert_int_equal(moment("2026-11-23T10:00-05:30"), 1795428000 + 19800);
    assert_int_equal(moment("2028-02-29T00:00Z"), 1835395200);
    for (size_t i = 0; i < GW_COUNT_OF(wrong); i++) {
        if (gw_schedule_parse_moment(gw_str_of(wrong[i]), &at_s) != -EINVAL)
            fail_msg("%s", wrong[i]);
    }
}

static void times_and_offsets(void **state)
{
    uint64_t time_s;
    int32_t offset_s;

    (void)state;
    assert_int_equal(gw_schedule_parse_time(GW_STR("22:30"), &time_s), 0);
    assert_int_equal(time_s, 81000);
    assert_int_equal(gw_schedule_parse_time(GW_STR("24:00"), &time_s), 0);
    assert_int_equal(gw_schedule_parse_time(GW_STR("24:01"), &time_s), -EINVAL);
    assert_int_equal(gw_schedule_parse_time(GW_STR("9:00"), &time_s), -EINVAL);
    assert_int_equal(gw_schedule_parse_time(GW_STR("09:00 "), &time_s), -EINVAL);
    assert_int_equal(gw_schedule_parse_offset(GW_STR("-05:30"), &offset_s), 0);
    assert_int_equal(offset_s, -19800);
    assert_int_equal(gw_schedule_parse_offset(GW_STR("01:00"), &offset_s), -EINVAL);
    assert_int_equal(gw_schedule_parse_day(GW_STR("sun")), 0);
    assert_int_equal(gw_schedule_parse_day(GW_STR("sat")), 6);
    assert_int_equal(gw_schedule_parse_day(GW_STR("Sat")), -1);
}

static void once(void **state)
{
    const struct gw_schedule_window windows[] = {{.from_s = 100, .to_s = 200},
                                                 {.from_s = 150, .to_s = 300}};

    (void)state;
    assert_int_equal(gw_schedule_end(windows, 2, 99), 0);
    assert_int_equal(gw_schedule_end(windows, 2, 100), 200);
    assert_int_equal(gw_schedule_end(windows, 2, 199), 300);
    assert_int_equal(gw_schedule_end(windows, 2, 300), 0);
    assert_int_equal(gw_schedule_end(NULL, 0, 100), 0);
}

/* Saturday night to Sunday morning, in Berlin's winter. 2026-11-21 is a Saturday. */
static void over_midnight(void **state)
{
    const struct gw_schedule_window window = {
        .is_weekly = true, .from_s = 22 * 3600, .to_s = 4 * 3600, .days = 1 << 6, .offset_s = 3600};
    uint64_t end_s = moment("2026-11-22T04:00+01:00");

    (void)state;
    assert_int_equal(gw_schedule_end(&window, 1, moment("2026-11-21T21:59:59+01:00")), 0);
    assert_int_equal(gw_schedule_end(&window, 1, moment("2026-11-21T22:00+01:00")), end_s);
    assert_int_equal(gw_schedule_end(&window, 1, moment("2026-11-22T00:00+01:00")), end_s);
    assert_int_equal(gw_schedule_end(&window, 1, moment("2026-11-22T03:59:59+01:00")), end_s);
    assert_int_equal(gw_schedule_end(&window, 1, end_s), 0);
    assert_int_equal(gw_schedule_end(&window, 1, moment("2026-11-22T22:00+01:00")), 0);
    assert_int_equal(gw_schedule_end(&window, 1, moment("2026-11-21T03:00+01:00")), 0);
}

static void within_a_day(void **state)
{
    const struct gw_schedule_window window = {
        .is_weekly = true, .from_s = 3600, .to_s = 7200, .days = 127};

    (void)state;
    for (unsigned day = 20; day < 28; day++) {
        uint64_t from_s = moment("2026-11-20T01:00Z") + (day - 20) * 86400;
        assert_int_equal(gw_schedule_end(&window, 1, from_s), from_s + 3600);
        assert_int_equal(gw_schedule_end(&window, 1, from_s - 1), 0);
        assert_int_equal(gw_schedule_end(&window, 1, from_s + 3600), 0);
    }
}

static void retry_after(void **state)
{
    uint64_t now_s = moment("1994-11-06T08:49:07Z"), wait_s = 7;

    (void)state;
    assert_int_equal(gw_retry_after_parse(GW_STR("120"), now_s, &wait_s), 0);
    assert_int_equal(wait_s, 120);
    assert_int_equal(gw_retry_after_parse(GW_STR("Sun, 06 Nov 1994 08:49:37 GMT"), now_s, &wait_s),
                     0);
    assert_int_equal(wait_s, 30);
    assert_int_equal(gw_retry_after_parse(GW_STR("Sun, 06 Nov 1994 08:49:00 GMT"), now_s, &wait_s),
                     0);
    assert_int_equal(wait_s, 0);
    assert_int_equal(gw_retry_after_parse(GW_STR("99999999999999999999"), now_s, &wait_s), 0);
    assert_true(wait_s >= UINT32_MAX);
    assert_int_equal(gw_retry_after_parse(GW_STR("-1"), now_s, &wait_s), -EINVAL);
    assert_int_equal(gw_retry_after_parse(GW_STR(""), now_s, &wait_s), -EINVAL);
    assert_int_equal(gw_retry_after_parse(GW_STR("Sun, 06 Foo 1994 08:49:37 GMT"), now_s, &wait_s),
                     -EINVAL);
    assert_int_equal(gw_retry_after_parse(GW_STR("99x, 06 Nov 1994 08:49:37 GMT"), now_s, &wait_s),
                     -EINVAL);
    assert_int_equal(gw_retry_after_parse(GW_STR("Sunday, 06-Nov-94 08:49:37 GMT"), now_s, &wait_s),
                     -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),      cmocka_unit_test(times_and_offsets),
        cmocka_unit_test(once),         cmocka_unit_test(over_midnight),
        cmocka_unit_test(within_a_day), cmocka_unit_test(retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
