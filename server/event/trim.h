/* Trimming: what is too old, or too much, is archived and leaves the log.
 *
 * All gateways of a log look regularly; of each partition the one that holds its lock does it.
 * Without an archive it is taken out at once; with one, when it is on the disk, and not before: a
 * full disk means a growing log, which is told. On the main thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/event/log.h"

struct gw_event_trimmer;
struct gw_loop;
struct gw_metrics_shard;
struct gw_redis;

struct gw_event_trimmer_config {
    struct gw_event_log_config log;
    uint64_t every_ns;
    struct gw_str instance; /* who this is; the same as long as the process lives */
};

/* All are borrowed for life, and copied where they are text. NULL without memory. */
GW_MUST_CHECK
struct gw_event_trimmer *gw_event_trimmer_create(struct gw_loop *loop, struct gw_redis *redis,
                                                 const struct gw_event_trimmer_config *config,
                                                 struct gw_metrics_shard *metrics);
/* Waits for a write that is under way. NULL is safe. */
void gw_event_trimmer_destroy(struct gw_event_trimmer *trimmer);
