/* How a refusal is told: the problem, and the challenges of RFC 9110 and RFC 6750. */
#pragma once

#include "policies/authorise/decide.h"
#include "server/filter/filter.h"

struct gw_rule;

/* 401 that names what the operation accepts, with one challenge for each kind of it. Returns
 * GW_STOP. */
enum gw_verdict refusal_unproved(struct gw_exchange *ex, struct gw_str realm);

/* 403 with the scopes that are needed in the challenge (RFC 6750, section 3) and those that are
 * missing in the detail. Returns GW_STOP. */
enum gw_verdict refusal_scope(struct gw_exchange *ex, struct gw_str realm,
                              const struct authorise_decision *decision);

/* 403 that says which rule of whose does not hold, and nothing of what it was compared with.
 * Returns GW_STOP. */
enum gw_verdict refusal_rule(struct gw_exchange *ex, const struct gw_rule *rule);
