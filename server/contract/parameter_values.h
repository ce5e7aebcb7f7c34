/* The parameters of a request as values: what a flow gets as its input. The reading is that of the
 * policy that validates them: types are told by the contract's schemas. Pure but for the arena. */
#pragma once

#include "server/core/attr.h"
#include "server/json/value.h"

struct gw_arena;
struct gw_exchange;

/* An object of all parameters that are there, by their names; of two of one name in different
 * places the later place counts (path, query, header, cookie). One that is not written as the
 * contract has it is left out: whoever must not miss it validates first. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_parameters_read(const struct gw_exchange *ex, struct gw_arena *arena,
                       struct gw_value *out_value);
