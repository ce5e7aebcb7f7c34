/* Durations as documents write them: "PT1H30M", "P2D", "PT0.5S". Pure.
 *
 * ISO 8601 (RFC 3339, appendix A) without years and months, which have no length of their own. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_DURATION_MAX_DAYS 366

/* 0, -EINVAL (it is none), -ERANGE (more than GW_DURATION_MAX_DAYS). */
GW_MUST_CHECK
int gw_duration_parse(struct gw_str text, uint64_t *out_ns);
