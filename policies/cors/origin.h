/* Origins as browsers write them (RFC 6454, section 6.2) and as operators name them. Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/str.h"

/* May it stand in a list of allowed origins? An origin ("https://portal.example:8443"), one whose
 * host begins with "*." (any name below it, not itself), or "*". Lower case, without a path; the
 * opaque origin "null" is anybody's, so it cannot be named. */
bool cors_origin_pattern_is_valid(struct gw_str pattern);

/* Byte for byte: browsers send origins in lower case, without a default port. */
bool cors_origin_matches(struct gw_str pattern, struct gw_str origin);
