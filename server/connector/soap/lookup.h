/* Finding what an earlier attempt has made: `lookup` of `soap.call`. Private to connector/soap.
 * Pure but for the arena. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/value.h"

struct gw_arena;

/* Checks {list: "path", result: {name: "path"}}. 0 or -EINVAL. */
GW_MUST_CHECK
int soap_lookup_check(const struct gw_value *lookup, struct gw_error *error);

/* What stands at `list` in the answer, as an array (what is not there is none, and one thing is one
 * item), each item as `result` says, or as it is. 0, -EINVAL (an item lacks what `result` names) or
 * -ENOMEM. */
GW_MUST_CHECK
int soap_lookup_read(struct gw_arena *arena, const struct gw_value *lookup,
                     const struct gw_value *answer, struct gw_value *out_found,
                     struct gw_error *error);
