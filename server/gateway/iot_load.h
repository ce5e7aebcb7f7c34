/* The registry and the signals of a snapshot. */
#pragma once

#include "server/gateway/snapshot.h"

/* Loads them, or shares those of `previous` (may be NULL) where neither the section nor a file has
 * changed. Mistakes go to `diagnostics`. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_iot_load(struct gw_snapshot *snapshot, const struct gw_snapshot *previous,
                struct gw_diagnostics *diagnostics);
void gw_iot_release(struct gw_snapshot *snapshot);
