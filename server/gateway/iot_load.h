/* The registry and the signals of a snapshot. */
#pragma once

#include "server/gateway/snapshot.h"

/* Loads them, or shares those of `previous` (may be NULL) where no file has changed. Mistakes go to
 * `diagnostics`. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_iot_load(struct gw_snapshot *snapshot, const struct gw_snapshot *previous,
                struct gw_diagnostics *diagnostics);
void gw_iot_release(struct gw_snapshot *snapshot);

/* What a section `iot` names, for a program without snapshots. */
struct gw_iot_documents {
    struct gw_registry *registry; /* NULL: they were not loaded */
    struct gw_signals *signals;
    uint8_t digest[GW_SHA256_BYTES]; /* of all files */
};
/* As gw_iot_load(); the arena takes paths. */
GW_MUST_CHECK
int gw_iot_documents_load(const struct gw_config *config, struct gw_arena *arena,
                          const struct gw_iot_documents *previous,
                          struct gw_diagnostics *diagnostics,
                          struct gw_iot_documents *out_documents);
void gw_iot_documents_release(struct gw_iot_documents *documents);
