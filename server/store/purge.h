/* The log of purges: which kept answers, in whatever gateway, must not be given any more.
 *
 * A purge names tags, or all. It is an entry of a stream in Redis; who keeps answers follows it by
 * polling (each 250 ms), so a purge is known everywhere within half a second. Tags stand there as
 * hashes of 64 bits: two of them may fall together and be purged together, none is missed. Whoever
 * cannot follow without a gap (the stream was trimmed, Redis lost it) is told to forget all.
 *
 * Marks order purges: later ones are larger. All functions belong to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define GW_PURGE_MAX_TAGS 64 /* of one entry */

uint64_t gw_purge_hash(struct gw_str tag);

/* "1700000000000-3" as a mark; 0 if it is no stream id. The lowest four bits are 0: room for marks
 * of one's own in between. */
uint64_t gw_purge_mark(struct gw_str id);

/* --- purging --- */

/* One write, embedded in what it belongs to; must stay until on_done or the cancellation. */
struct gw_purge_write {
    void (*on_done)(struct gw_purge_write *write, int rc); /* 0: it stands in the log */

    /* --- private --- */
    struct gw_redis_call *call; /* NULL: not under way */
    struct gw_redis_eval eval;
    struct gw_str args[2];
    char text[GW_PURGE_MAX_TAGS * 16 + 1];
};

/* `count` hashes, at most GW_PURGE_MAX_TAGS; 0: all that is kept. As gw_redis_eval(): 0, and
 * on_done will be called later; or a negative errno, and it will not. */
GW_MUST_CHECK
int gw_purge_write_start(struct gw_redis *redis, struct gw_purge_write *write,
                         const uint64_t *hashes, size_t count);
void gw_purge_write_cancel(struct gw_purge_write *write); /* safe on one that is not under way */

/* --- following --- */

struct gw_purge_events {
    void (*on_all)(void *self, uint64_t mark); /* also first of all, and after a gap */
    void (*on_tag)(void *self, uint64_t hash, uint64_t mark);
};

struct gw_purge_reader;

/* Begins by polling. `redis` is borrowed. NULL without memory. */
GW_MUST_CHECK
struct gw_purge_reader *gw_purge_reader_create(struct gw_loop *loop, struct gw_redis *redis,
                                               const struct gw_purge_events *events, void *self);
void gw_purge_reader_destroy(struct gw_purge_reader *reader); /* NULL is safe */

/* Whether the last look was answered. */
bool gw_purge_reader_is_current(const struct gw_purge_reader *reader);
