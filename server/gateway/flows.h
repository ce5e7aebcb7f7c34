/* The flows of a snapshot: found, loaded, compiled, and checked against what they name. Main thread
 * or a tool. */
#pragma once

#include "server/gateway/snapshot.h"

/* Loads all that the configuration names into snapshot->flows. Those that have not changed are
 * shared with `previous` (may be NULL). What is wrong is told; 0 then, too: -ENOMEM and the like
 * only. After make_backends. */
GW_MUST_CHECK
int gw_flows_load(struct gw_snapshot *snapshot, const struct gw_snapshot *previous,
                  struct gw_diagnostics *diagnostics);

/* Knows the operations of the contracts by their ids. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_flows_index_operations(struct gw_snapshot *snapshot);

/* Tells the backends and operations that flows name and that are not there. After the contracts; of
 * operations only where those are `whole`, so that none is missed that a refused contract has. */
void gw_flows_check_names(const struct gw_snapshot *snapshot, bool is_whole,
                          struct gw_diagnostics *diagnostics);

/* By "namespace/name"; NULL: there is none. */
struct gw_snapshot_flow *gw_flows_find(const struct gw_snapshot *snapshot, struct gw_str name);

/* The operation of that id, or "base#id" ("/system/erp/v1#readOrder") where several contracts have
 * one. NULL: there is none, or several; *out_several says which. */
const struct gw_operation *gw_flows_find_operation(const struct gw_snapshot *snapshot,
                                                   struct gw_str id, bool *out_several);

/* Tells the calls of the flow that name no backend where `backend`, the run's, does not fit; with
 * an empty one, all of them. 0 or -EINVAL. */
GW_MUST_CHECK
int gw_flows_check_backend(const struct gw_snapshot *snapshot, const struct gw_flow *flow,
                           struct gw_str backend, struct gw_diagnostics *diagnostics);
void gw_flows_release(struct gw_snapshot *snapshot);
