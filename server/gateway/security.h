/* Does the chain of policies keep what the contracts' security promises?
 *
 * A contract says which credentials an operation needs. Policies that bring a section of such
 * credentials prove them, and the policy `authorise`, behind them, decides: where one is missing
 * or misplaced, the configuration is refused. */
#pragma once

#include "server/core/diagnostic.h"
#include "server/gateway/config.h"

struct gw_contract;

#define GW_AUTHORISE_POLICY "authorise"

/* Adds what is wrong to `diagnostics`, at its place in the configuration. A faulty configuration
 * is passed over: its chain is not known. */
void gw_gateway_check_security(struct gw_config *config, struct gw_contract *const *contracts,
                               size_t contract_count, struct gw_diagnostics *diagnostics);
