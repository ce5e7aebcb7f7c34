/* Moments as RFC 3339 texts and as milliseconds since 1970-01-01 UTC. Pure. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_INSTANT_BYTES 32
#define GW_INSTANT_MAX_MS INT64_C(253402300799999) /* the last one of the year 9999 */

/* "2026-11-23T06:30:00.250Z"; ".000" is left out. Beyond 1970 to 9999: the nearest that there is.
 * Returns the text in `out`. */
struct gw_str gw_instant_write(int64_t time_ms, char out[GW_INSTANT_BYTES]);

/* A date-time of section 5.6 from 1970 on; what is behind the third digit is dropped, a leap second
 * is the one before. 0, or -EINVAL. */
GW_MUST_CHECK
int gw_instant_read(struct gw_str text, int64_t *out_time_ms);
