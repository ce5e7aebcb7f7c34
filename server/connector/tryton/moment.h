/* Dates and times: RFC 3339 to numbers, and back. Pure. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct tryton_moment {
    int year, month, day;
    int hour, minute, second, microsecond;
};

/* "2026-11-23". 0, or -EINVAL. */
GW_MUST_CHECK
int tryton_moment_read_date(struct gw_str text, struct tryton_moment *out_moment);
/* "10:00:00" or "10:00:00.5"; what is behind the sixth digit is dropped. 0, or -EINVAL. */
GW_MUST_CHECK
int tryton_moment_read_time(struct gw_str text, struct tryton_moment *out_moment);
/* "2026-11-23T10:00:00+01:00", in UTC afterwards. 0, or -EINVAL: also for a leap second, and for
 * what UTC moves out of the years 1 to 9999. */
GW_MUST_CHECK
int tryton_moment_read(struct gw_str text, struct tryton_moment *out_moment);
