#include "policies/cache/http_date.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1767225600) /* 2026-01-01 */

static void dates_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t unix_s;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2024 23:59:60 GMT", 1709251200},
        {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"Saturday, 01-Jan-77 00:00:00 GMT", 220924800}, /* not 2077: more than 50 years off */
        {"Wednesday, 01-Jan-70 00:00:00 GMT", 3155760000},
    };

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        int64_t unix_s = -1;
        assert_int_equal(http_date_parse(gw_str_of(rows[i].text), NOW_S, &unix_s), 0);
        assert_int_equal(unix_s, rows[i].unix_s);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "0",
        "-1",
        "Sun",
        "Sun,",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1894 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
        "Sun Nov  6 08:49:37 94",
    };
    int64_t unix_s = 7;

    (void)state;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        assert_int_not_equal(http_date_parse(gw_str_of(texts[i]), NOW_S, &unix_s), 0);
    assert_int_equal(unix_s, 7);
}

static void what_is_printed_is_read_again(void **state)
{
    char text[HTTP_DATE_BYTES];

    (void)state;
    http_date_print(784111777, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    for (int64_t day = 0; day < 60000; day += 13) {
        int64_t unix_s = day * 86400 + day % 86400;
        int64_t again = -1;
        http_date_print(unix_s, text);
        assert_int_equal(http_date_parse(gw_str_of(text), NOW_S, &again), 0);
        assert_int_equal(again, unix_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(what_is_printed_is_read_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
