/* Records in Redis, mirrored into this process: looked up on every request, never asked for.
 *
 * All records are read once (HSCAN), then their change log is followed (XRANGE, each 300 ms). A gap
 * in the log (it was trimmed, Redis lost its data, or a fail-over lost the last changes) is seen by
 * the last known entry not being there, and all is read again. While Redis is away the last known
 * records serve, and their age tells.
 *
 * On the main thread; each worker has a gw_record_set that changes are handed to. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/store/record_set.h"

#define GW_MIRROR_MAX_READERS 64

struct gw_loop;
struct gw_mirror;
struct gw_redis;

/* `redis` is borrowed. NULL without memory. */
GW_MUST_CHECK
struct gw_mirror *gw_mirror_create(struct gw_loop *loop, struct gw_redis *redis);
void gw_mirror_destroy(struct gw_mirror *mirror); /* NULL is safe */

/* This thread's own set. */
struct gw_record_set *gw_mirror_get_set(struct gw_mirror *mirror);

/* Changes are handed to `set`, too; `wake` (may be NULL) is called behind that. Before the mirror
 * has followed anything, so that the set misses nothing. 0, or -ENOSPC. */
GW_MUST_CHECK
int gw_mirror_add_reader(struct gw_mirror *mirror, struct gw_record_set *set,
                         void (*wake)(void *self), void *self);

/* Looks for changes now. */
void gw_mirror_poll(struct gw_mirror *mirror);

struct gw_mirror_stats {
    uint64_t loads;    /* that read all */
    uint64_t changes;  /* followed in the log */
    uint64_t gaps;     /* found in the log */
    uint64_t failures; /* of questions to Redis */
};
void gw_mirror_get_stats(const struct gw_mirror *mirror, struct gw_mirror_stats *out_stats);
