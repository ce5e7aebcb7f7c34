/* Calendar periods: the day or month in which a quota counts, at a fixed offset from UTC.
 *
 * Proleptic Gregorian calendar, no leap seconds (as POSIX time). Pure. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

enum calendar_unit { CALENDAR_DAY, CALENDAR_MONTH };

struct calendar_period {
    int64_t number;         /* days since 1970-01-01, or months since 1970-01, in that zone */
    int64_t start_s, end_s; /* since 1970 UTC; end: the first second that is not in it */
};

struct calendar_period calendar_period_at(enum calendar_unit unit, int64_t offset_s, int64_t now_s);

/* "UTC", "Z", "+01:00", "-05:30": seconds east of UTC. 0, or -EINVAL: another text, or beyond
 * 14 hours (no zone is). */
GW_MUST_CHECK
int calendar_offset_parse(struct gw_str text, int64_t *out_offset_s);
