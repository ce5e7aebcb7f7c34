/* The event log: CloudEvents on Redis Streams, partitioned by subject.
 *
 * Order holds within a subject. An event whose id (with its source) was appended within the guard's
 * time is not appended again: whoever computes it once more gets the place of the first. Trimmed by
 * age; what is trimmed has been archived first (event/archive.h). One per worker or lane, on its
 * loop's thread; blocking reads have a connection of their own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/event/event.h"

struct gw_event_log;
struct gw_loop;
struct gw_record_writer;
struct gw_redis;

#define GW_EVENT_MAX_PARTITIONS 64

struct gw_event_log_config {
    unsigned partitions; /* 8; never changed while there are events */
    uint64_t keep_s;     /* 7 days */
    uint64_t guard_s;    /* 7 days: for how long an id is remembered */
    uint64_t max_events; /* of one partition, whatever their age; 1,000,000 */
};

/* Redis and the writer (which may be NULL: then nothing waits for replicas) are borrowed. */
GW_MUST_CHECK
struct gw_event_log *gw_event_log_create(struct gw_loop *loop, struct gw_redis *redis,
                                         struct gw_record_writer *writer,
                                         const struct gw_event_log_config *config);
void gw_event_log_destroy(struct gw_event_log *log); /* NULL is safe */

/* Where an event stands: "<partition>-<ms>-<seq>". */
#define GW_EVENT_PLACE_BYTES 48

struct gw_event_append {
    const struct gw_event *event; /* needed during the call only */
    /* Once, from the loop: 0: it is in the log (is_repeated: it was already); else a negative
     * errno, and it may or may not be there: append it again, the guard keeps it from standing
     * twice. */
    void (*done)(struct gw_event_append *append, int rc, struct gw_str place, bool is_repeated);
    void *owner;
    void *state; /* the log's */
};

/* -ENOTCONN, -ENOBUFS, -ENOMEM at once: nothing was sent, `done` is not called. */
GW_MUST_CHECK
int gw_event_log_append(struct gw_event_log *log, struct gw_event_append *append);
void gw_event_log_cancel(struct gw_event_append *append); /* `done` is not called any more */

unsigned gw_event_log_partition(const struct gw_event_log *log, struct gw_str subject);
