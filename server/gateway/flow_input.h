/* The input of a flow that serves a request. All in the arena that is given, or the exchange's. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/http/exchange.h"
#include "server/json/value.h"

/* 0, -EINVAL (the body is no JSON, though its media type says so, or no text), or -ENOMEM. */
GW_MUST_CHECK
int gw_flow_input_make(struct gw_exchange *ex, struct gw_arena *arena, struct gw_value *out_input);

/* Who is calling: {consumer, subject, issuer, scopes, claims}, or null. */
GW_MUST_CHECK
int gw_flow_input_identity(const struct gw_exchange *ex, struct gw_arena *arena,
                           struct gw_value *out_identity);

/* The key of the run's effects, in the exchange's arena: the same for the same Idempotency-Key of
 * the same caller at the same operation, else of this request alone. ptr NULL without memory. */
GW_MUST_CHECK
struct gw_str gw_flow_input_key(struct gw_exchange *ex);
