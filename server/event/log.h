/* The event log: CloudEvents on Redis Streams, partitioned by subject.
 *
 * Order holds within a subject. An event whose id (with its source) was appended within the guard's
 * time is not appended again: whoever computes it once more gets the place of the first. Nothing is
 * dropped to make room: what is old is archived and trimmed (event/trim.h), and a partition that is
 * full in spite of it takes no more. One per worker or lane, on its loop's thread; who reads has
 * event/hub.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/event/event.h"
#include "server/event/place.h"

struct gw_event_log;
struct gw_metrics_shard;
struct gw_record_writer;
struct gw_redis;

struct gw_event_log_config {
    unsigned partitions; /* 8; never changed while there are events */
    uint64_t keep_s;     /* 7 days */
    uint64_t guard_s;    /* 7 days: for how long an id is remembered */
    uint64_t max_events; /* of one partition, whatever their age; 1,000,000 */
    const char *archive; /* folder; NULL: what is trimmed is gone */
};

/* Beyond max_events a partition is trimmed below its age; at this it takes no more. */
static inline uint64_t gw_event_log_full(const struct gw_event_log_config *config)
{
    return config->max_events + config->max_events / 4;
}

/* Redis and the writer (which may be NULL: then nothing waits for replicas) are borrowed; so are
 * the metrics (NULL: nothing is counted). */
GW_MUST_CHECK
struct gw_event_log *gw_event_log_create(struct gw_redis *redis, struct gw_record_writer *writer,
                                         const struct gw_event_log_config *config,
                                         struct gw_metrics_shard *metrics);
void gw_event_log_destroy(struct gw_event_log *log); /* NULL is safe; no `done` is called */

/* For what is appended from now on; of as many partitions. */
void gw_event_log_change(struct gw_event_log *log, const struct gw_event_log_config *config);

struct gw_event_append {
    const struct gw_event *event; /* needed during the call only */
    /* Once, from the loop: 0: it is in the log (is_repeated: it was already); else it may or may
     * not be there: append it again, the guard keeps it from standing twice. -ENOSPC: the partition
     * is full; -EEXIST: the log has another number of partitions; else as of gw_record_write. */
    void (*done)(struct gw_event_append *append, int rc, struct gw_str place, bool is_repeated);
    void *owner;
    void *state; /* the log's; NULL: not under way */
};

/* -EINVAL (it is no event that may be written), -ENOTCONN, -ENOBUFS, -ENOMEM at once: nothing was
 * sent, `done` is not called. Those of one subject stand in the order of the calls. */
GW_MUST_CHECK
int gw_event_log_append(struct gw_event_log *log, struct gw_event_append *append);
/* `done` is not called any more; it may yet be written. Safe on one that is not under way. */
void gw_event_log_cancel(struct gw_event_append *append);

const struct gw_event_log_config *gw_event_log_get_config(const struct gw_event_log *log);
