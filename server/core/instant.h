/* Moments from RFC 3339 texts; the other way is gw_clock_text(). Pure. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_INSTANT_MAX_MS INT64_C(253402300799999) /* the last one of the year 9999 */

/* A date-time of section 5.6, from 1970 on, in milliseconds since then; what is behind the third
 * digit of a second is dropped, a leap second is the one before. 0, or -EINVAL. */
GW_MUST_CHECK
int gw_instant_read(struct gw_str text, int64_t *out_time_ms);
