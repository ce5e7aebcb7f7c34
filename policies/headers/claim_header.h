/* One claim as a field value. Pure but for the arena. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

/* Reads the claim `name` (a member of the object `claims`, JSON text that was verified) as text: a
 * string as it is, numbers and booleans as written, an array of strings joined by commas (RFC 9110,
 * section 5.6.1). Returns 0; -ENOENT if there is none; -EINVAL if it cannot stand in a field: an
 * object, a control byte, a comma inside an array's item, more than 4 KiB; or -ENOMEM. */
GW_MUST_CHECK
int claim_header_value(struct gw_arena *arena, struct gw_str claims, struct gw_str name,
                       struct gw_str *out_value);
