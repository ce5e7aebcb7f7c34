/* The spool: events of an edge that wait to be forwarded, in order, in a file of bounded size.
 *
 * Every event gets a sequence, contiguous within an *epoch*: one of each start, whose name is made
 * of the spool's own id, the count of its starts and a random part, so that a disk that was lost or
 * restored never gives two events one number. What is left of older epochs keeps its numbers and
 * goes first. An event whose id (with its source) stood here before is not spooled again. When the
 * bound is reached the oldest are dropped, or the newest are, or the spool refuses: as configured,
 * and counted. Of the oldest dropped, the gap is told with the next batch.
 *
 * A spool is what a database (event/database.h) holds of it; all on the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/event/log.h"

struct gw_database;
struct gw_spool;

extern const char gw_spool_schema[]; /* for gw_database_config */

#define GW_SPOOL_EPOCH_BYTES 64   /* of its name, with a NUL */
#define GW_SPOOL_KNOWN_MAX 100000 /* ids that are remembered */

enum gw_spool_drop { GW_SPOOL_DROP_OLDEST, GW_SPOOL_DROP_NEWEST, GW_SPOOL_REFUSE };

struct gw_spool_config {
    struct gw_database *database; /* borrowed */
    uint64_t max_bytes;           /* of the events as they are written */
    uint64_t max_events;
    enum gw_spool_drop drop;
};

/* Begins an epoch. */
GW_MUST_CHECK
int gw_spool_create(const struct gw_spool_config *config, struct gw_spool **out_spool,
                    struct gw_error *error);
/* No callback comes any more; what was appended is still written. NULL is safe. */
void gw_spool_destroy(struct gw_spool *spool);
/* From now on; what is there already stays. */
void gw_spool_set_bounds(struct gw_spool *spool, const struct gw_spool_config *config);

/* As gw_event_log_append(); the place is "<epoch>/<sequence>", empty of one that was dropped.
 * -ENOSPC: the spool, or the disk, is full. */
GW_MUST_CHECK
int gw_spool_append(struct gw_spool *spool, struct gw_event_append *append);
void gw_spool_cancel(struct gw_event_append *append);

/* The next events to go: of the oldest epoch, gzip of JSON lines {"sequence":n,"event":{...}}; the
 * first line {"sequence":n,"dropped":m} where the m before the next are gone. */
struct gw_spool_batch {
    void (*done)(struct gw_spool_batch *batch, int rc); /* once */
    void *owner;
    /* --- the answer, valid until the next gw_spool_read() with it --- */
    char epoch[GW_SPOOL_EPOCH_BYTES];
    uint64_t first, last; /* sequences; last 0: there is nothing */
    size_t count;
    struct gw_buf bytes;
    void *state;
};
void gw_spool_batch_init(struct gw_spool_batch *batch);
void gw_spool_batch_finish(struct gw_spool_batch *batch); /* cancels */
GW_MUST_CHECK
int gw_spool_read(struct gw_spool *spool, struct gw_spool_batch *batch, size_t max_count,
                  size_t max_bytes);

/* The centre has all up to `sequence` of the epoch (or never will); they are deleted. `is_loss`:
 * the centre has lost what it had acknowledged. `done` may be NULL. */
GW_MUST_CHECK
int gw_spool_acknowledge(struct gw_spool *spool, struct gw_str epoch, uint64_t sequence,
                         bool is_loss, void (*done)(void *self, int rc), void *self);

struct gw_spool_state {
    char epoch[GW_SPOOL_EPOCH_BYTES]; /* of this start */
    uint64_t events, bytes;           /* that wait */
    int64_t oldest_ms;                /* when it was spooled, since 1970; 0: nothing waits */
    uint64_t spooled, repeated;       /* since the file was made: as all below */
    uint64_t dropped, refused;
    uint64_t acknowledged, lost_at_centre;
    int64_t acknowledged_ms; /* the last one; 0: never */
};
/* As of the last change. */
void gw_spool_get_state(const struct gw_spool *spool, struct gw_spool_state *out_state);
