/* RFC 3339: dates, times, durations. */
#include "server/json/format.h"
#include "server/json/format_private.h"

/* Exactly `count` digits off the front, no less than `low` and no more than `high`; -1 if not. */
static int take_number(struct gw_str *rest, size_t count, int low, int high)
{
    int value = 0;

    if (rest->len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!format_is_digit(rest->ptr[i]))
            return -1;
        value = value * 10 + (rest->ptr[i] - '0');
    }
    format_take(rest, count);
    return value >= low && value <= high ? value : -1;
}

static bool take_byte(struct gw_str *rest, char byte)
{
    if (rest->len == 0 || rest->ptr[0] != byte)
        return false;
    format_take(rest, 1);
    return true;
}

struct day {
    int year, month, day;
};

static int days_in_month(const struct day *date)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);

    return days[date->month - 1] + (date->month == 2 && is_leap);
}

static bool take_date(struct gw_str *rest, struct day *out_date)
{
    struct day date = {0};

    date.year = take_number(rest, 4, 0, 9999);
    if (date.year < 0 || !take_byte(rest, '-'))
        return false;
    date.month = take_number(rest, 2, 1, 12);
    if (date.month < 0 || !take_byte(rest, '-'))
        return false;
    date.day = take_number(rest, 2, 1, days_in_month(&date));
    *out_date = date;
    return date.day > 0;
}

/* Minutes that local time is ahead of UTC. */
static bool take_offset(struct gw_str *rest, int *out_minutes)
{
    bool is_behind = rest->len > 0 && rest->ptr[0] == '-';

    *out_minutes = 0;
    if (take_byte(rest, 'Z') || take_byte(rest, 'z'))
        return true;
    if (!take_byte(rest, '+') && !take_byte(rest, '-'))
        return false;
    int hour = take_number(rest, 2, 0, 23);
    if (hour < 0 || !take_byte(rest, ':'))
        return false;
    int minute = take_number(rest, 2, 0, 59);
    *out_minutes = (hour * 60 + minute) * (is_behind ? -1 : 1);
    return minute >= 0;
}

/* Section 5.7: a leap second is the last one of a month in UTC. Without a date the month is not
 * known. */
static bool can_leap(int minute_of_day, int offset, const struct day *date)
{
    int utc = minute_of_day - offset;
    int shift = utc < 0 ? -1 : utc >= 24 * 60;

    if (utc - shift * 24 * 60 != 24 * 60 - 1)
        return false;
    if (date == NULL)
        return true;
    int day = date->day + shift;
    return day == 0 || day == days_in_month(date);
}

static bool is_whole_time(struct gw_str rest, const struct day *date)
{
    int hour = take_number(&rest, 2, 0, 23), minute, second, offset;

    if (hour < 0 || !take_byte(&rest, ':'))
        return false;
    minute = take_number(&rest, 2, 0, 59);
    if (minute < 0 || !take_byte(&rest, ':'))
        return false;
    second = take_number(&rest, 2, 0, 60);
    if (second < 0)
        return false;
    if (take_byte(&rest, '.')) {
        if (take_number(&rest, 1, 0, 9) < 0)
            return false;
        while (rest.len > 0 && format_is_digit(rest.ptr[0]))
            format_take(&rest, 1);
    }
    if (!take_offset(&rest, &offset) || rest.len > 0)
        return false;
    return second < 60 || can_leap(hour * 60 + minute, offset, date);
}

bool gw_format_is_date(struct gw_str text)
{
    struct day date;
    return take_date(&text, &date) && text.len == 0;
}

bool gw_format_is_time(struct gw_str text)
{
    return is_whole_time(text, NULL);
}

bool gw_format_is_date_time(struct gw_str text)
{
    struct day date;

    return take_date(&text, &date) && (take_byte(&text, 'T') || take_byte(&text, 't')) &&
           is_whole_time(text, &date);
}

/* Digits and a unit, again and again: each unit is the one that follows the last in `units`. The
 * first may be any. */
static bool take_units(struct gw_str *rest, const char *units)
{
    const char *next = NULL;

    while (rest->len > 0 && format_is_digit(rest->ptr[0])) {
        while (rest->len > 0 && format_is_digit(rest->ptr[0]))
            format_take(rest, 1);
        if (rest->len == 0 || rest->ptr[0] == '\0')
            return false;
        const char *unit = strchr(units, rest->ptr[0]);
        if (unit == NULL || (next != NULL && unit != next))
            return false;
        next = unit + 1;
        format_take(rest, 1);
    }
    return next != NULL;
}

bool gw_format_is_duration(struct gw_str text)
{
    struct gw_str rest = text;

    if (!take_byte(&rest, 'P'))
        return false;
    if (rest.len > 0 && rest.ptr[rest.len - 1] == 'W')
        return take_units(&rest, "W") && rest.len == 0;
    if (rest.len > 0 && rest.ptr[0] != 'T' && !take_units(&rest, "YMD"))
        return false;
    if (rest.len == 0)
        return text.len > 1;
    return take_byte(&rest, 'T') && take_units(&rest, "HMS") && rest.len == 0;
}
