/* Queries of the form "a=1&b=2", read and rewritten piece by piece: what is not named stays byte
 * for byte as it came. Names are compared decoded ("+" is a space). Pure but for the arena. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

/* The first value of that name, decoded. 0; -ENOENT; -EINVAL: it cannot be decoded; -ENOMEM. */
GW_MUST_CHECK
int query_get(struct gw_str query, struct gw_str name, struct gw_arena *arena,
              struct gw_str *out_value);

/* Each gives a new query in the arena, or -ENOMEM. A name that cannot be decoded is nobody's. */
GW_MUST_CHECK
int query_remove(struct gw_str query, struct gw_str name, struct gw_arena *arena,
                 struct gw_str *out_query);
GW_MUST_CHECK
int query_rename(struct gw_str query, struct gw_str name, struct gw_str new_name,
                 struct gw_arena *arena, struct gw_str *out_query);
GW_MUST_CHECK
int query_add(struct gw_str query, struct gw_str name, struct gw_str value, struct gw_arena *arena,
              struct gw_str *out_query);
