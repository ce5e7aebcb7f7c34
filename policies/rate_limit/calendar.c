#include "calendar.h"

#include <errno.h>

#define DAY_S INT64_C(86400)
#define MAX_OFFSET_MIN (14 * 60)
#define DAYS_TO_1970 INT64_C(719468) /* from 0000-03-01 */
#define DAYS_PER_ERA INT64_C(146097) /* 400 years */

static int64_t floor_div(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

/* Years are counted from March: a leap day is then a year's last, and the months' lengths repeat
 * every five, 153 days. */
static int64_t month_of_day(int64_t day)
{
    int64_t shifted = day + DAYS_TO_1970;
    int64_t era = floor_div(shifted, DAYS_PER_ERA);
    int64_t in_era = shifted - era * DAYS_PER_ERA;
    int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
    int64_t from_march = (5 * in_year + 2) / 153;

    return (year + era * 400 - 1970) * 12 + from_march + 2; /* March is the third: 2 */
}

static int64_t first_day_of_month(int64_t month)
{
    int64_t from_march = month - 2 + 1970 * 12; /* months since March of the year 0 */
    int64_t year = floor_div(from_march, 12);
    int64_t in_year = from_march - year * 12;
    int64_t era = floor_div(year, 400);
    int64_t in_era = year - era * 400;

    return era * DAYS_PER_ERA + in_era * 365 + in_era / 4 - in_era / 100 + (153 * in_year + 2) / 5 -
           DAYS_TO_1970;
}

struct calendar_period calendar_period_at(enum calendar_unit unit, int64_t offset_s, int64_t now_s)
{
    int64_t day = floor_div(now_s + offset_s, DAY_S);

    if (unit == CALENDAR_DAY)
        return (struct calendar_period){day, day * DAY_S - offset_s, (day + 1) * DAY_S - offset_s};
    int64_t month = month_of_day(day);
    return (struct calendar_period){month, first_day_of_month(month) * DAY_S - offset_s,
                                    first_day_of_month(month + 1) * DAY_S - offset_s};
}

static int two_digits(const char *text)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return -1;
    return (text[0] - '0') * 10 + text[1] - '0';
}

int calendar_offset_parse(struct gw_str text, int64_t *out_offset_s)
{
    if (gw_str_equal(text, GW_STR("UTC")) || gw_str_equal(text, GW_STR("Z"))) {
        *out_offset_s = 0;
        return 0;
    }
    if (text.len != 6 || (text.ptr[0] != '+' && text.ptr[0] != '-') || text.ptr[3] != ':')
        return -EINVAL;
    int hours = two_digits(text.ptr + 1);
    int minutes = two_digits(text.ptr + 4);
    if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > MAX_OFFSET_MIN)
        return -EINVAL;
    *out_offset_s = (text.ptr[0] == '-' ? -60 : 60) * (int64_t)(hours * 60 + minutes);
    return 0;
}
