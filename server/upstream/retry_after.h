/* The field Retry-After (RFC 9110, section 10.2.3): seconds, or a date. Pure. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

/* For how many seconds from `now_s` (since 1970) on; 0 for a date that is past. Returns 0, or
 * -EINVAL. The two obsolete forms of a date are not read. */
GW_MUST_CHECK
int gw_retry_after_parse(struct gw_str value, uint64_t now_s, uint64_t *out_s);
