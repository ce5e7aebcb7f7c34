/* What the configuration grants, in the form that contracts are checked against. */
#pragma once

#include "server/contract/rules.h"
#include "server/core/arena.h"
#include "server/gateway/config.h"

/* Fills *out_rules from backends, the sections whose names contracts use, and the floor; everything
 * in it points into the configuration or the arena. Of a faulty configuration what was written
 * counts, so that a contract is not blamed for it. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_gateway_rules(const struct gw_config *config, struct gw_arena *arena,
                     struct gw_contract_rules *out_rules);
