/* V2's dates in JSON, "/Date(1795132800000)/" and "/Date(1795132800000+0060)/" ([MS-ODATA],
 * section 2.2.7.1), and RFC 3339. Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena;
struct gw_buf;

/* Appends what the mark's text is in V2's JSON: `text` as gw_format_is_date() or
 * gw_format_is_date_time() has passed it; without a zone where `is_local`. */
void odata_date_write(struct gw_buf *out, struct gw_str text, bool is_local);

/* RFC 3339 in the arena. One without an offset that is at midnight is a date ("2026-11-23") where
 * `midnight_is_date`; else all are times, with Z or their offset, and with milliseconds only where
 * there are any. Returns 0, -ENOENT (not in this form, or out of the years 0001 to 9999), or
 * -ENOMEM. */
GW_MUST_CHECK
int odata_date_read(struct gw_arena *arena, struct gw_str text, bool midnight_is_date,
                    struct gw_str *out_text);
