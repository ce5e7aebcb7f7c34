/* The edge's store: journal, checkpoint and epoch of a node in SQLite, events in the spool. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/store.h"

struct gw_database;
struct gw_spool;

extern const char gw_iot_sqlite_schema[]; /* for gw_database_config */

struct gw_iot_sqlite_config {
    struct gw_database *database; /* both borrowed */
    struct gw_spool *spool;
    uint64_t max_journal_bytes; /* of all nodes; beyond, appends fail with -ENOSPC */
};

/* NULL without memory. */
GW_MUST_CHECK
struct gw_iot_store *gw_iot_sqlite_create(const struct gw_iot_sqlite_config *config);
/* From now on. */
void gw_iot_sqlite_set_max(struct gw_iot_store *self, uint64_t max_journal_bytes);
