/* The URI that a DPoP proof names (RFC 9449, section 4.3, 9.) against the one that was asked for.
 * Pure but for the arena. */
#pragma once

#include <stdbool.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

/* The normal form of an http or https URI without its query and fragment (RFC 3986, sections 6.2.2
 * and 6.2.3): scheme and host in lower case, no default port, an empty path as "/", no dot
 * segments, percent-encoding only where it is needed, with upper-case digits. -EINVAL for anything
 * else, also for one with a user; -ENOMEM. */
GW_MUST_CHECK
int htu_normalize(struct gw_arena *arena, struct gw_str uri, struct gw_str *out_normal);
