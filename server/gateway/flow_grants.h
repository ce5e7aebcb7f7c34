/* Whose backends a flow may use: those that are granted to the contract that it serves.
 *
 * A flow is nobody's by itself; a backend's `grants` say for which namespaces it works. */
#pragma once

#include <stdbool.h>

#include "server/core/diagnostic.h"
#include "server/core/str.h"

struct gw_api;
struct gw_flow;
struct gw_snapshot;

/* An unknown backend is nobody's. */
bool gw_flow_grants_allow(const struct gw_snapshot *snapshot, struct gw_str backend,
                          struct gw_str namespace);

/* Tells of each backend that the flow names in writing and may not use for that API; of others it
 * is asked when they are called. 0 or -EINVAL. */
int gw_flow_grants_check(const struct gw_snapshot *snapshot, const struct gw_flow *flow,
                         const struct gw_api *api, struct gw_diagnostics *diagnostics);

/* The same of `backend`, where calls of the flow name none. */
int gw_flow_grants_check_backend(const struct gw_snapshot *snapshot, const struct gw_flow *flow,
                                 const struct gw_api *api, struct gw_str backend,
                                 struct gw_diagnostics *diagnostics);
