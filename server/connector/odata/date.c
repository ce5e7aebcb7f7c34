#include "server/connector/odata/date.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "server/core/arena.h"
#include "server/core/buf.h"

#define MS_PER_DAY INT64_C(86400000)
#define MS_PER_MINUTE INT64_C(60000)
#define FIRST_MS (-INT64_C(62135596800000)) /* 0001-01-01 */
#define LAST_MS INT64_C(253402300799999)    /* 9999-12-31T23:59:59.999 */
#define MAX_OFFSET_MINUTES (14 * 60)

/* --- days of the proleptic Gregorian calendar, 0 is 1970-01-01 ---------------------------------
 * Years begin in March here, so that the day that may be missing is the last one. */

static int64_t days_of(int64_t year, int month, int day)
{
    int64_t shifted = year - (month <= 2);
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

struct day {
    int year, month, day;
};

static struct day day_of(int64_t days)
{
    int64_t shifted = days + 719468; /* not negative from the year 0 on */
    int64_t era = shifted / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;

    return (struct day){
        .year = (int)(year_of_era + era * 400 + (month >= 10)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
    };
}

/* --- writing ---------------------------------------------------------------------------------- */

static int number_at(struct gw_str text, size_t at, size_t digits)
{
    int value = 0;

    for (size_t i = at; i < at + digits && i < text.len; i++)
        value = value * 10 + (text.ptr[i] - '0');
    return value;
}

/* Milliseconds of the fraction behind the seconds; *at is moved behind it. */
static int fraction_ms(struct gw_str text, size_t *at)
{
    int ms = 0;
    int weight = 100;

    if (*at >= text.len || text.ptr[*at] != '.')
        return 0;
    for (++*at; *at < text.len && text.ptr[*at] >= '0' && text.ptr[*at] <= '9'; ++*at) {
        ms += (text.ptr[*at] - '0') * weight;
        weight /= 10;
    }
    return ms;
}

void odata_date_write(struct gw_buf *out, struct gw_str text, bool is_local)
{
    int64_t ms =
        days_of(number_at(text, 0, 4), number_at(text, 5, 2), number_at(text, 8, 2)) * MS_PER_DAY;
    int offset = 0;

    if (text.len > 10) {
        size_t at = 19;
        ms += (number_at(text, 11, 2) * INT64_C(60) + number_at(text, 14, 2)) * MS_PER_MINUTE +
              number_at(text, 17, 2) * INT64_C(1000) + fraction_ms(text, &at);
        if (at + 5 < text.len)
            offset = number_at(text, at + 1, 2) * 60 + number_at(text, at + 4, 2);
        if (at < text.len && text.ptr[at] == '-')
            offset = -offset;
    }
    gw_buf_printf(out, "/Date(%" PRId64, ms - offset * MS_PER_MINUTE);
    if (text.len > 10 && !is_local)
        gw_buf_printf(out, "%c%04d", offset < 0 ? '-' : '+', offset < 0 ? -offset : offset);
    gw_buf_append_text(out, ")/");
}

/* --- reading ---------------------------------------------------------------------------------- */

struct stamp {
    int64_t ms; /* since 1970 UTC */
    int offset; /* minutes */
    bool has_offset;
};

/* Digits up to one that is none; false for none, or too many. */
static bool take_digits(struct gw_str *rest, size_t max, int64_t *out_value)
{
    int64_t value = 0;
    size_t len = 0;

    while (len < rest->len && len <= max && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        value = value * 10 + (rest->ptr[len++] - '0');
    if (len == 0 || len > max)
        return false;
    *rest = gw_str_tail(*rest, len);
    *out_value = value;
    return true;
}

static bool read_stamp(struct gw_str text, struct stamp *out_stamp)
{
    struct gw_str rest;
    int64_t minutes = 0;
    bool is_negative;

    if (!gw_str_has_prefix(text, GW_STR("/Date(")) || !gw_str_has_suffix(text, GW_STR(")/")) ||
        text.len < sizeof("/Date(0)/") - 1)
        return false;
    *out_stamp = (struct stamp){0};
    rest = gw_str_from(text.ptr + 6, text.len - 8);
    is_negative = rest.ptr[0] == '-';
    rest = gw_str_tail(rest, is_negative);
    if (!take_digits(&rest, 15, &out_stamp->ms))
        return false;
    if (is_negative)
        out_stamp->ms = -out_stamp->ms;
    if (rest.len == 0)
        return true;
    is_negative = rest.ptr[0] == '-';
    if (!is_negative && rest.ptr[0] != '+')
        return false;
    rest = gw_str_tail(rest, 1);
    if (!take_digits(&rest, 4, &minutes) || rest.len != 0 || minutes > MAX_OFFSET_MINUTES)
        return false;
    out_stamp->has_offset = true;
    out_stamp->offset = (int)(is_negative ? -minutes : minutes);
    return true;
}

int odata_date_read(struct gw_arena *arena, struct gw_str text, bool midnight_is_date,
                    struct gw_str *out_text)
{
    struct stamp stamp;
    char tail[16] = "Z";
    char fraction[8] = "";

    if (!read_stamp(text, &stamp))
        return -ENOENT;
    int64_t local = stamp.ms + stamp.offset * MS_PER_MINUTE;
    if (local < FIRST_MS || local > LAST_MS)
        return -ENOENT;
    int64_t of_year_0 = local - FIRST_MS; /* not negative: division rounds down */
    int64_t of_day = of_year_0 % MS_PER_DAY;
    struct day day = day_of(of_year_0 / MS_PER_DAY + FIRST_MS / MS_PER_DAY);
    int ms = (int)(of_day % 1000);
    int second = (int)(of_day / 1000);
    int ahead = stamp.offset < 0 ? -stamp.offset : stamp.offset;

    if (midnight_is_date && !stamp.has_offset && of_day == 0) {
        *out_text = gw_arena_printf(arena, "%04d-%02d-%02d", day.year, day.month, day.day);
        return out_text->ptr != NULL ? 0 : -ENOMEM;
    }
    if (stamp.offset != 0)
        snprintf(tail, sizeof(tail), "%c%02d:%02d", stamp.offset < 0 ? '-' : '+', ahead / 60 % 24,
                 ahead % 60);
    if (ms != 0)
        snprintf(fraction, sizeof(fraction), ".%03d", ms);
    *out_text =
        gw_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", day.year, day.month, day.day,
                        second / 3600, second / 60 % 60, second % 60, fraction, tail);
    return out_text->ptr != NULL ? 0 : -ENOMEM;
}
