/* Maintenance windows: when a backend is not asked. Pure; times are seconds since 1970, UTC. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

/* One window: once, or on some days of each week. Its end is not part of it. */
struct gw_schedule_window {
    bool is_weekly;
    uint64_t from_s, to_s; /* once: since 1970; weekly: of the local day */
    uint8_t days;          /* weekly, on which it begins: bit 0 is Sunday */
    int32_t offset_s;      /* weekly: of the local time, east is positive */
};

/* "2026-12-01T22:00:00Z", "2026-12-01T23:00+01:00" (RFC 3339; seconds may be left out). 0, or
 * -EINVAL. */
GW_MUST_CHECK
int gw_schedule_parse_moment(struct gw_str text, uint64_t *out_s);
/* "22:00", "06:30:00", "24:00". 0, or -EINVAL. */
GW_MUST_CHECK
int gw_schedule_parse_time(struct gw_str text, uint64_t *out_s);
/* "+01:00", "-05:30", "Z". 0, or -EINVAL. */
GW_MUST_CHECK
int gw_schedule_parse_offset(struct gw_str text, int32_t *out_s);
/* "sun", "mon", ...: 0 to 6; -1: no day. */
int gw_schedule_parse_day(struct gw_str text);

/* When the last of the windows that hold at `now_s` ends; 0: none holds. */
uint64_t gw_schedule_end(const struct gw_schedule_window *windows, size_t count, uint64_t now_s);
