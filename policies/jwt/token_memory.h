/* What a worker knows of tokens: those it has verified, and those it found bad.
 *
 * One for each size on a worker, shared and kept over a reload (see filter/worker_share.h): what is
 * held is told apart by its issuer's configuration, so another issuer's change costs nothing. */
#pragma once

#include <stddef.h>

#include "policies/jwt/denied.h"
#include "policies/jwt/token_cache.h"
#include "server/core/attr.h"
#include "server/filter/worker_share.h"

struct token_memory_config {
    size_t cache_bytes, cache_entries;
};

struct token_memory {
    struct gw_worker_share share;
    struct token_memory_config config;
    struct token_cache *cache;
    struct denied_table *denied;
};

/* `worker` NULL: one that is not shared. NULL without memory. */
GW_MUST_CHECK
struct token_memory *token_memory_open(const struct token_memory_config *config,
                                       struct gw_worker *worker);
void token_memory_close(struct token_memory *memory); /* NULL is safe */
