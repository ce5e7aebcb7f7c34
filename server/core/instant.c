#include "server/core/instant.h"

#include <errno.h>
#include <stdbool.h>

#define MS_PER_DAY INT64_C(86400000)

/* Days since 1970-01-01 of the proleptic Gregorian calendar: years that begin in March end with the
 * day that comes and goes. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t from_march = (month + 9) % 12;
    int64_t years = month <= 2 ? year - 1 : year; /* 0 or more: dates begin in 1970 */

    return 365 * years + years / 4 - years / 100 + years / 400 + (153 * from_march + 2) / 5 + day -
           1 - 719468;
}

struct scan {
    struct gw_str rest;
    bool is_wrong;
};

static int64_t take_digits(struct scan *scan, size_t count, int64_t least, int64_t most)
{
    int64_t number = 0;

    for (size_t i = 0; i < count; i++) {
        if (i >= scan->rest.len || scan->rest.ptr[i] < '0' || scan->rest.ptr[i] > '9') {
            scan->is_wrong = true;
            return least;
        }
        number = number * 10 + (scan->rest.ptr[i] - '0');
    }
    scan->rest = gw_str_tail(scan->rest, count);
    if (number < least || number > most)
        scan->is_wrong = true;
    return scan->is_wrong ? least : number;
}

static bool take_byte(struct scan *scan, const char *allowed)
{
    if (scan->rest.len == 0 || scan->rest.ptr[0] == '\0' ||
        strchr(allowed, scan->rest.ptr[0]) == NULL)
        return false;
    scan->rest = gw_str_tail(scan->rest, 1);
    return true;
}

static void need_byte(struct scan *scan, const char *allowed)
{
    if (!take_byte(scan, allowed))
        scan->is_wrong = true;
}

static int64_t take_fraction_ms(struct scan *scan)
{
    int64_t ms = 0, weight = 100;

    if (!take_byte(scan, "."))
        return 0;
    if (scan->rest.len == 0 || scan->rest.ptr[0] < '0' || scan->rest.ptr[0] > '9')
        scan->is_wrong = true;
    while (scan->rest.len > 0 && scan->rest.ptr[0] >= '0' && scan->rest.ptr[0] <= '9') {
        ms += weight * (scan->rest.ptr[0] - '0');
        weight /= 10;
        scan->rest = gw_str_tail(scan->rest, 1);
    }
    return ms;
}

static int64_t take_offset_ms(struct scan *scan)
{
    if (take_byte(scan, "Zz"))
        return 0;
    int64_t sign = scan->rest.len > 0 && scan->rest.ptr[0] == '-' ? -1 : 1;
    need_byte(scan, "+-");
    int64_t hours = take_digits(scan, 2, 0, 23);
    need_byte(scan, ":");
    return sign * (hours * 60 + take_digits(scan, 2, 0, 59)) * 60000;
}

static int64_t days_in(int64_t year, int64_t month)
{
    return days_of(month == 12 ? year + 1 : year, month % 12 + 1, 1) - days_of(year, month, 1);
}

int gw_instant_read(struct gw_str text, int64_t *out_time_ms)
{
    struct scan scan = {.rest = text};

    int64_t year = take_digits(&scan, 4, 1969, 9999); /* 1969 may be 1970 elsewhere */
    need_byte(&scan, "-");
    int64_t month = take_digits(&scan, 2, 1, 12);
    need_byte(&scan, "-");
    int64_t day = take_digits(&scan, 2, 1, days_in(year, month));
    need_byte(&scan, "Tt");
    int64_t hour = take_digits(&scan, 2, 0, 23);
    need_byte(&scan, ":");
    int64_t minute = take_digits(&scan, 2, 0, 59);
    need_byte(&scan, ":");
    int64_t second = take_digits(&scan, 2, 0, 60);
    int64_t ms = take_fraction_ms(&scan);
    ms += (hour * 3600 + minute * 60 + (second == 60 ? 59 : second)) * 1000;
    ms -= take_offset_ms(&scan);
    ms += days_of(year, month, day) * MS_PER_DAY;
    if (scan.is_wrong || scan.rest.len > 0 || ms < 0 || ms > GW_INSTANT_MAX_MS)
        return -EINVAL;
    *out_time_ms = ms;
    return 0;
}
