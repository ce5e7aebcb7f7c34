/* One kept response: one piece of memory with all in it, shared by reference by those who send it.
 *
 * Immutable once made, but for what the store keeps of it. One worker's. */
#pragma once

#include <stdint.h>

#include "policies/cache/freshness.h"
#include "policies/cache/key.h"
#include "server/core/attr.h"
#include "server/core/list.h"

#define CACHE_MAX_TAGS 32 /* of one response, with its path */

/* A response as it is described to be kept. All is borrowed. */
struct cache_draft {
    struct cache_key key, variant;
    struct gw_str vary; /* the values joined; empty: none */
    int status;
    const struct gw_field *fields;
    size_t field_count;
    struct gw_str body;
    struct cache_terms terms;
    int64_t came_ns; /* CLOCK_MONOTONIC */
    uint64_t known;  /* the store's mark when it was asked for, see store.h */
    unsigned epoch;  /* the store's, likewise */
    uint16_t tags[CACHE_MAX_TAGS];
    size_t tag_count;
};

struct cache_entry {
    unsigned references;
    struct gw_list used;              /* the store's: most recently used first */
    struct cache_entry *next_variant; /* the store's: of the same key */
    size_t bytes;                     /* of all of it */
    struct cache_key key, variant;
    struct gw_str vary;
    int status;
    struct gw_field *fields; /* names and values are followed by a NUL */
    size_t field_count;
    struct gw_str body;
    struct gw_str etag, modified; /* empty: none */
    struct cache_terms terms;
    int64_t born_ns; /* CLOCK_MONOTONIC when its age was 0 */
    uint64_t known;
    unsigned epoch;
    uint16_t tags[CACHE_MAX_TAGS];
    size_t tag_count;
};

/* With one reference; NULL without memory. */
GW_MUST_CHECK
struct cache_entry *cache_entry_create(const struct cache_draft *draft);
struct cache_entry *cache_entry_retain(struct cache_entry *entry);
void cache_entry_release(void *self); /* NULL is safe; for gw_arena_defer(), too */

int64_t cache_entry_age_s(const struct cache_entry *entry, int64_t now_ns);

/* Whether a response field is kept: not Age (it is counted anew), nor what is said to caches only.
 */
bool cache_field_is_kept(struct gw_str name);
