#include "policies/cache/http_date.h"

#include <errno.h>
#include <stdio.h>

#define DAY_S INT64_C(86400)

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

/* Days since 1970-01-01 of a day of the Gregorian calendar; years count from March, so that the
 * leap day is the last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3; /* from March */
    int64_t era = y / 400;
    int64_t in_era = y - era * 400;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + (153 * m + 2) / 5 + day - 1 -
           719468;
}

/* Walks a pattern: a letter takes its part, anything else must stand there. */
struct moment {
    int64_t year, month, day, hour, minute, second;
    int year_digits;
};

static int take_number(const char *at, int digits, int64_t *out)
{
    int64_t value = 0;

    for (int i = 0; i < digits; i++) {
        char byte = at[i] == ' ' && i == 0 ? '0' : at[i]; /* asctime pads the day with a space */
        if (byte < '0' || byte > '9')
            return -EINVAL;
        value = value * 10 + (byte - '0');
    }
    *out = value;
    return 0;
}

static int take_month(const char *at, int64_t *out)
{
    for (int i = 0; i < 12; i++) {
        if (memcmp(at, months + 3 * i, 3) == 0) {
            *out = i + 1;
            return 0;
        }
    }
    return -EINVAL;
}

static int take(char what, const char *at, struct moment *moment)
{
    switch (what) {
    case 'd':
        return take_number(at, 2, &moment->day);
    case 'm':
        return take_month(at, &moment->month);
    case 'y':
    case 'Y':
        moment->year_digits = what == 'Y' ? 4 : 2;
        return take_number(at, moment->year_digits, &moment->year);
    case 'h':
        return take_number(at, 2, &moment->hour);
    case 'n':
        return take_number(at, 2, &moment->minute);
    default:
        return take_number(at, 2, &moment->second);
    }
}

static size_t width_of(char what)
{
    return what == 'm' ? 3 : what == 'Y' ? 4 : strchr("dyhns", what) != NULL ? 2 : 0;
}

static int match(struct gw_str text, const char *pattern, struct moment *moment)
{
    size_t at = 0;

    for (; *pattern != '\0'; pattern++) {
        size_t width = width_of(*pattern);
        size_t needed = width == 0 ? 1 : width;
        if (text.len - at < needed)
            return -EINVAL;
        if (width == 0 && text.ptr[at] != *pattern)
            return -EINVAL;
        if (width > 0 && take(*pattern, text.ptr + at, moment) != 0)
            return -EINVAL;
        at += needed;
    }
    return at == text.len ? 0 : -EINVAL;
}

static bool is_moment(const struct moment *moment)
{
    static const int64_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return moment->month >= 1 && moment->day >= 1 && moment->day <= lengths[moment->month - 1] &&
           moment->hour < 24 && moment->minute < 60 && moment->second <= 60 && moment->year >= 1900;
}

int http_date_parse(struct gw_str text, int64_t now_s, int64_t *out_s)
{
    struct moment moment = {0};
    size_t comma = gw_str_find(text, ',');
    int rc;

    if (comma == 3) /* Sun, 06 Nov 1994 08:49:37 GMT */
        rc = match(gw_str_tail(text, 3), ", d m Y h:n:s GMT", &moment);
    else if (comma < text.len) /* Sunday, 06-Nov-94 08:49:37 GMT */
        rc = match(gw_str_tail(text, comma), ", d-m-y h:n:s GMT", &moment);
    else /* Sun Nov  6 08:49:37 1994 */
        rc = match(gw_str_tail(text, text.len < 3 ? text.len : 3), " m d h:n:s Y", &moment);
    if (rc != 0)
        return rc;
    if (moment.year_digits == 2) {
        int64_t this_year = 1970 + now_s / (DAY_S * 36525 / 100);
        moment.year += this_year - this_year % 100;
        if (moment.year > this_year + 50) /* RFC 9110: the most recent year with these digits */
            moment.year -= 100;
    }
    if (!is_moment(&moment))
        return -EINVAL;
    *out_s = days_of(moment.year, moment.month, moment.day) * DAY_S + moment.hour * 3600 +
             moment.minute * 60 + moment.second;
    return 0;
}

void http_date_print(int64_t unix_s, char out[HTTP_DATE_BYTES])
{
    int64_t day = unix_s / DAY_S;
    int64_t second = unix_s % DAY_S;
    int64_t z = day + 719468;
    int64_t era = z / 146097;
    int64_t in_era = z - era * 146097;
    int64_t year_in_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t day_of_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    int64_t month = m < 10 ? m + 3 : m - 9;
    int64_t year = year_in_era + era * 400 + (month <= 2);

    snprintf(out, HTTP_DATE_BYTES, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             days + 3 * ((day + 4) % 7), (unsigned)(day_of_year - (153 * m + 2) / 5 + 1) % 100,
             months + 3 * (month - 1), (unsigned)year % 10000, (unsigned)(second / 3600) % 100,
             (unsigned)(second / 60) % 60, (unsigned)second % 60);
}
