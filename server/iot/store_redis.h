/* The centre's store: journal, checkpoint and epoch of a node in Redis, events in the log.
 *
 * Keys `millgate:iot:{<node>}:owner`, `:journal` (a stream) and `:checkpoint`, all of one slot;
 * each write is one script that looks at the epoch first. */
#pragma once

#include "server/core/attr.h"
#include "server/iot/store.h"

struct gw_record_writer;
struct gw_redis;

struct gw_iot_redis_config {
    struct gw_redis *redis;          /* all borrowed */
    struct gw_record_writer *writer; /* for what must be durable */
    struct gw_event_log *log;
    struct gw_str instance; /* as the members know it; copied */
};

/* NULL without memory. */
GW_MUST_CHECK
struct gw_iot_store *gw_iot_redis_create(const struct gw_iot_redis_config *config);
