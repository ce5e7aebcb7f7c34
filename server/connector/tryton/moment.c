#include "server/connector/tryton/moment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/json/format.h"

#define DATE_LEN 10 /* 2026-11-23 */
#define TIME_LEN 8  /* 10:00:00 */
#define MICRO_DIGITS 6
#define DAY_MINUTES (24 * 60)
#define MAX_YEAR 9999

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Digits that are known to be some. */
static int number_of(const char *digits, size_t count)
{
    int number = 0;

    for (size_t i = 0; i < count; i++)
        number = number * 10 + (digits[i] - '0');
    return number;
}

int tryton_moment_read_date(struct gw_str text, struct tryton_moment *out_moment)
{
    if (!gw_format_is_date(text) || number_of(text.ptr, 4) == 0)
        return -EINVAL;
    out_moment->year = number_of(text.ptr, 4);
    out_moment->month = number_of(text.ptr + 5, 2);
    out_moment->day = number_of(text.ptr + 8, 2);
    return 0;
}

/* What stands behind the seconds: ".5" is 500000. Returns its length. */
static size_t read_fraction(struct gw_str text, int *out_microsecond)
{
    size_t len = 0;
    int number = 0;

    if (text.len > 0 && text.ptr[0] == '.')
        len = 1;
    for (size_t digits = 0; len > 0 && len < text.len; len++, digits++) {
        if (!is_digit(text.ptr[len]))
            break;
        if (digits < MICRO_DIGITS)
            number = number * 10 + (text.ptr[len] - '0');
    }
    for (size_t digits = len; len > 0 && digits <= MICRO_DIGITS; digits++)
        number *= 10;
    *out_microsecond = number;
    return len;
}

/* The clock of a text whose form has been checked. */
static size_t read_clock(struct gw_str text, struct tryton_moment *moment)
{
    moment->hour = number_of(text.ptr, 2);
    moment->minute = number_of(text.ptr + 3, 2);
    moment->second = number_of(text.ptr + 6, 2);
    return TIME_LEN + read_fraction(gw_str_tail(text, TIME_LEN), &moment->microsecond);
}

int tryton_moment_read_time(struct gw_str text, struct tryton_moment *out_moment)
{
    struct tryton_moment moment = *out_moment;

    for (size_t i = 0; i < TIME_LEN; i++) {
        if (i >= text.len || (i % 3 == 2 ? text.ptr[i] != ':' : !is_digit(text.ptr[i])))
            return -EINVAL;
    }
    size_t len = read_clock(text, &moment);
    if (len != text.len || (len > TIME_LEN && text.ptr[len - 1] == '.') || moment.hour > 23 ||
        moment.minute > 59 || moment.second > 59)
        return -EINVAL;
    *out_moment = moment;
    return 0;
}

static int days_of_month(const struct tryton_moment *moment)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = moment->year;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[moment->month - 1] + (moment->month == 2 && is_leap ? 1 : 0);
}

static void next_day(struct tryton_moment *moment)
{
    if (++moment->day <= days_of_month(moment))
        return;
    moment->day = 1;
    if (++moment->month <= 12)
        return;
    moment->month = 1;
    moment->year++;
}

static void previous_day(struct tryton_moment *moment)
{
    if (--moment->day > 0)
        return;
    if (--moment->month == 0) {
        moment->month = 12;
        moment->year--;
    }
    moment->day = days_of_month(moment);
}

/* An offset is less than a day. */
static void shift(struct tryton_moment *moment, int minutes)
{
    int clock = moment->hour * 60 + moment->minute - minutes;

    if (clock < 0)
        previous_day(moment);
    else if (clock >= DAY_MINUTES)
        next_day(moment);
    clock = (clock + DAY_MINUTES) % DAY_MINUTES;
    moment->hour = clock / 60;
    moment->minute = clock % 60;
}

int tryton_moment_read(struct gw_str text, struct tryton_moment *out_moment)
{
    struct tryton_moment moment = {0};

    if (!gw_format_is_date_time(text) ||
        tryton_moment_read_date(gw_str_from(text.ptr, DATE_LEN), &moment) != 0)
        return -EINVAL;
    struct gw_str clock = gw_str_tail(text, DATE_LEN + 1);
    struct gw_str zone = gw_str_tail(clock, read_clock(clock, &moment));
    if (moment.second > 59)
        return -EINVAL;
    if (zone.ptr[0] == '+' || zone.ptr[0] == '-') {
        int minutes = number_of(zone.ptr + 1, 2) * 60 + number_of(zone.ptr + 4, 2);
        shift(&moment, zone.ptr[0] == '+' ? minutes : -minutes);
    }
    if (moment.year < 1 || moment.year > MAX_YEAR)
        return -EINVAL;
    *out_moment = moment;
    return 0;
}
