/* What signals name of the contracts. */
#pragma once

#include "server/gateway/snapshot.h"

/* Tells the operations that signals ask for and that are not there, are no reads of system APIs, or
 * have other parameters; nothing where the configuration lets no event ask. After
 * gw_flows_index_operations(), where the contracts are whole. */
void gw_iot_check_names(const struct gw_snapshot *snapshot, struct gw_diagnostics *diagnostics);
