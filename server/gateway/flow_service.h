/* An operation that a flow fulfils: from the request to the flow's input, and from its output (or
 * its error) to the response.
 *
 * Input: {parameters, body, identity, key, request_id}. Output: {body, status?, headers?}. See
 * docs/flows.md. */
#pragma once

#include "server/http/exchange.h"

/* The end of the chain: ends in gw_chain_response_set(). The exchange's service has a flow. */
void gw_flow_service_start(struct gw_exchange *ex);

/* What the exchange's run does to the world: a write begins, and the client's leaving does not end
 * it any more; one has, or may have, had its effect. Nothing happens for an exchange that no flow
 * serves. */
void gw_flow_service_note_write(struct gw_exchange *ex);
void gw_flow_service_note_effect(struct gw_exchange *ex);
