#include "server/upstream/schedule.h"

#include <errno.h>

#define DAY_S UINT64_C(86400)
#define THURSDAY 4 /* 1970-01-01 was one */

/* --- reading --- */

/* Takes `count` digits off the front. -1 if they are not there. */
static int take_number(struct gw_str *text, size_t count)
{
    int value = 0;

    if (text->len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9')
            return -1;
        value = value * 10 + (text->ptr[i] - '0');
    }
    *text = gw_str_tail(*text, count);
    return value;
}

static bool take_byte(struct gw_str *text, char byte)
{
    if (text->len == 0 || text->ptr[0] != byte)
        return false;
    *text = gw_str_tail(*text, 1);
    return true;
}

/* hh:mm or hh:mm:ss, up to 24:00. -1 if it is none. */
static int64_t take_time(struct gw_str *text)
{
    int hours = take_number(text, 2);
    int minutes = take_byte(text, ':') ? take_number(text, 2) : -1;
    int seconds = minutes >= 0 && take_byte(text, ':') ? take_number(text, 2) : 0;

    if (hours < 0 || minutes < 0 || seconds < 0 || minutes > 59 || seconds > 59)
        return -1;
    int64_t time_s = ((int64_t)hours * 60 + minutes) * 60 + seconds;
    return time_s > (int64_t)DAY_S ? -1 : time_s;
}

int gw_schedule_parse_time(struct gw_str text, uint64_t *out_s)
{
    int64_t time_s = take_time(&text);

    if (time_s < 0 || text.len > 0)
        return -EINVAL;
    *out_s = (uint64_t)time_s;
    return 0;
}

int gw_schedule_parse_offset(struct gw_str text, int32_t *out_s)
{
    if (gw_str_equal(text, GW_STR("Z"))) {
        *out_s = 0;
        return 0;
    }
    int sign = take_byte(&text, '+') ? 1 : take_byte(&text, '-') ? -1 : 0;
    int64_t time_s = take_time(&text);
    if (sign == 0 || time_s < 0 || time_s >= (int64_t)DAY_S || text.len > 0)
        return -EINVAL;
    *out_s = sign * (int32_t)time_s;
    return 0;
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Since 1970-01-01. */
static int64_t days_until(int year, int month, int day)
{
    int64_t days = day - 1;

    for (int at = 1970; at < year; at++)
        days += is_leap(at) ? 366 : 365;
    for (int at = 1; at < month; at++)
        days += days_in(year, at);
    return days;
}

int gw_schedule_parse_moment(struct gw_str text, uint64_t *out_s)
{
    int32_t offset_s;
    int year = take_number(&text, 4);
    int month = take_byte(&text, '-') ? take_number(&text, 2) : -1;
    int day = take_byte(&text, '-') ? take_number(&text, 2) : -1;

    if (year < 1971 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) ||
        !take_byte(&text, 'T'))
        return -EINVAL;
    int64_t time_s = take_time(&text);
    if (time_s < 0 || gw_schedule_parse_offset(text, &offset_s) != 0)
        return -EINVAL;
    *out_s = (uint64_t)(days_until(year, month, day) * (int64_t)DAY_S + time_s - offset_s);
    return 0;
}

int gw_schedule_parse_day(struct gw_str text)
{
    static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

    for (int i = 0; i < 7; i++)
        if (gw_str_equal(text, gw_str_of(names[i])))
            return i;
    return -1;
}

/* --- deciding --- */

static bool begins_on(const struct gw_schedule_window *window, uint64_t day)
{
    return (window->days >> ((day + THURSDAY) % 7) & 1) != 0;
}

static uint64_t weekly_end(const struct gw_schedule_window *window, uint64_t now_s)
{
    uint64_t local_s = now_s + (uint64_t)(int64_t)window->offset_s;
    uint64_t day = local_s / DAY_S, time_s = local_s % DAY_S;
    bool is_overnight = window->to_s <= window->from_s;
    uint64_t end_s = 0;

    if (begins_on(window, day) && time_s >= window->from_s &&
        (is_overnight || time_s < window->to_s))
        end_s = (day + is_overnight) * DAY_S + window->to_s;
    else if (is_overnight && begins_on(window, day - 1) && time_s < window->to_s)
        end_s = day * DAY_S + window->to_s;
    return end_s == 0 ? 0 : end_s - (uint64_t)(int64_t)window->offset_s;
}

uint64_t gw_schedule_end(const struct gw_schedule_window *windows, size_t count, uint64_t now_s)
{
    uint64_t last_s = 0;

    for (size_t i = 0; i < count; i++) {
        const struct gw_schedule_window *window = &windows[i];
        uint64_t end_s = 0;
        if (window->is_weekly)
            end_s = weekly_end(window, now_s);
        else if (now_s >= window->from_s && now_s < window->to_s)
            end_s = window->to_s;
        if (end_s > last_s)
            last_s = end_s;
    }
    return last_s;
}
