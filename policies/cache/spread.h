/* Purges between workers and instances: those of others are followed, our own are told.
 *
 * What this worker changed is purged here at once, and elsewhere by the log (see store/purge.h).
 * What could not be told while Redis was away is made good by a purge of all when it is back. */
#pragma once

#include "policies/cache/store.h"
#include "server/store/purge.h"

struct cache_spread {
    struct cache_store *store;
    struct gw_redis *redis; /* NULL: none, or the worker has ended */
    struct gw_purge_reader *reader;
    struct gw_purge_write write;
    bool is_writing;
    uint64_t waiting[GW_PURGE_MAX_TAGS]; /* to be told next */
    size_t waiting_count;
    bool owes_all;
    struct gw_timer retry;
    struct gw_loop *loop;
};

/* `redis` may be NULL: then there is nobody else. */
void cache_spread_init(struct cache_spread *spread, struct cache_store *store, struct gw_loop *loop,
                       struct gw_redis *redis);
void cache_spread_leave(struct cache_spread *spread); /* off the loop */

/* Purges here and tells the others. */
void cache_spread_purge(struct cache_spread *spread, struct gw_str tag);

/* Whether all that others have purged until now is known, but for the last half second. */
bool cache_spread_is_current(const struct cache_spread *spread);
