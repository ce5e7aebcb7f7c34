/* Samples on their way into a history: a chain for each series, the records of all in one pool with
 * a bound.
 *
 * A record is taken from the pool and given back at a fixed cost, however many wait: nothing is
 * sorted, moved or grown in one piece. A chain holds at most as many as the pool was made with, and
 * drops its oldest beyond that. The pool gives its memory back once nothing waits. One thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/buf.h"

struct gw_history_pool;

struct gw_history_chain { /* zeroed: it is empty */
    uint32_t first, last; /* numbers of records */
    uint32_t count;
};

/* record_bytes: of each; max_bytes: of memory; chain_max: records of one chain, at least 1. */
GW_MUST_CHECK
struct gw_history_pool *gw_history_pool_create(size_t record_bytes, size_t max_bytes,
                                               uint32_t chain_max);
void gw_history_pool_destroy(struct gw_history_pool *pool); /* NULL is safe */

/* Where the chain's newest record is to be written; NULL: there is no room. */
char *gw_history_pool_put(struct gw_history_pool *pool, struct gw_history_chain *chain);
/* Appends the chain's oldest records to `out`, at most max_count. They stay. How many they are. */
uint32_t gw_history_pool_copy(const struct gw_history_pool *pool,
                              const struct gw_history_chain *chain, uint32_t max_count,
                              struct gw_buf *out);
/* Gives the oldest `count` back, or all there are. */
void gw_history_pool_drop(struct gw_history_pool *pool, struct gw_history_chain *chain,
                          uint32_t count);

size_t gw_history_pool_bytes(const struct gw_history_pool *pool); /* of memory, now */
/* More than half of what it may hold is waiting. */
bool gw_history_pool_is_pressed(const struct gw_history_pool *pool);
