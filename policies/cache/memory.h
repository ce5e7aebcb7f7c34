/* What one worker keeps, for all instances of the policy with an equal configuration; over reloads,
 * too (see filter/worker_share.h). */
#pragma once

#include "policies/cache/collapse.h"
#include "policies/cache/second.h"
#include "policies/cache/spread.h"
#include "server/filter/worker_share.h"

struct cache_memory_config {
    size_t max_bytes;
    struct cache_second_config second;
};

struct cache_memory {
    struct gw_worker_share share;
    struct cache_memory_config config;
    struct cache_store store;
    struct cache_keyer keyer;
    struct cache_collapse collapse;
    struct cache_spread spread;
    struct cache_second second;
};

/* NULL without memory. */
GW_MUST_CHECK
struct cache_memory *cache_memory_open(const struct cache_memory_config *config,
                                       struct gw_worker *worker);
void cache_memory_close(struct cache_memory *memory); /* NULL is safe */
