/* The responses that one worker keeps: at most so many bytes, the one unused for longest goes
 * first.
 *
 * Responses are forgotten by tag, too: what was purged is not found any more. Tags are counted in a
 * table of fixed size by their hash, so that two of them may fall together and be purged together,
 * but none is missed. Marks are the purge log's (see store/purge.h): a response is found only while
 * no tag of it was purged behind the mark that was known when it was asked for. */
#pragma once

#include "policies/cache/entry.h"
#include "server/core/map.h"

#define CACHE_TAG_SLOTS 8192
#define CACHE_MAX_VARIANTS 16 /* of one key */

struct cache_store {
    struct gw_map by_key; /* the first variant of each */
    struct gw_list used;
    size_t bytes, max_bytes;
    size_t count;
    uint64_t evictions;
    uint64_t known;                       /* the last mark */
    unsigned epoch;                       /* counts purges of all */
    uint64_t all_purged;                  /* the mark of the last purge of all */
    uint64_t tag_purged[CACHE_TAG_SLOTS]; /* of each tag's last */
};

void cache_store_init(struct cache_store *store, size_t max_bytes);
void cache_store_finish(struct cache_store *store);

/* The variant for this request, borrowed until the next change of the store; NULL if there is none.
 */
struct cache_entry *cache_store_find(struct cache_store *store, struct cache_keyer *keyer,
                                     const struct gw_exchange *ex, const struct cache_key *key);

/* Keeps it (with a reference of its own) in place of the same variant. False: it is too large, it
 * was purged meanwhile, or there is no memory. */
bool cache_store_add(struct cache_store *store, struct cache_entry *entry);

/* Safe if it is not in the store any more. */
void cache_store_remove(struct cache_store *store, struct cache_entry *entry);
void cache_store_clear(struct cache_store *store);

/* --- tags --- */

uint16_t cache_tag_slot(uint64_t hash); /* of gw_purge_hash() */

/* What has the tag and is kept, or under way, is not found any more. */
void cache_store_purge_tag(struct cache_store *store, uint64_t hash, uint64_t mark);
/* Nothing that is kept or under way is found any more; marks count from this one. */
void cache_store_purge_all(struct cache_store *store, uint64_t mark);

/* Here and now, by this worker alone: a mark of its own. */
uint64_t cache_store_next_mark(struct cache_store *store);
