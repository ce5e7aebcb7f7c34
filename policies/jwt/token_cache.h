/* Tokens whose signature was verified, so that the next request with the same one costs a hash.
 *
 * An entry says one thing: "these exact bytes carry a valid signature under that key, by this
 * configuration of their issuer", and holds what the claims say. Whether the token serves now, here
 * and for this is asked again on every request; an entry is not found once it has expired.
 *
 * The memory is one ring, taken at the start and touched as it fills. A new entry overwrites the
 * oldest; one that is found in the older half is moved to the front, so what is in use stays. An
 * entry takes 168 bytes and about 1.5 times the payload: some 570 bytes for a token of 730. One
 * worker's; not thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/jwt/claims.h"
#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"

struct token_cache;

/* What is looked for, compared in full. */
struct token_key {
    uint8_t digest[GW_SHA256_BYTES]; /* of the token's exact bytes */
    uint64_t generation;             /* of its issuer's configuration */
};

struct token_key token_key_of(struct token_cache *cache, struct gw_str token, uint64_t generation);
bool token_key_is_equal(const struct token_key *a, const struct token_key *b);

struct token_cache_stats {
    uint64_t hits, misses;
    uint64_t evictions; /* entries overwritten by newer ones */
    size_t entries;
    size_t bytes; /* of the ring, in use */
};

/* `max_bytes`: 64 KiB to 1 GiB. NULL without memory. */
GW_MUST_CHECK
struct token_cache *token_cache_create(size_t max_bytes, size_t max_entries);
void token_cache_destroy(struct token_cache *cache);

/* The claims, copied to the arena, and the thumbprint of the key; NULL if there is no such entry,
 * it has expired, or the arena is at its ceiling. */
const struct claims *token_cache_find(struct token_cache *cache, const struct token_key *key,
                                      int64_t now_s, struct gw_arena *arena,
                                      uint8_t out_thumbprint[GW_SHA256_BYTES]);

/* Keeps a copy until `expires_s`. What is too large for the ring is not kept. */
void token_cache_add(struct token_cache *cache, const struct token_key *key,
                     const uint8_t thumbprint[GW_SHA256_BYTES], const struct claims *claims,
                     int64_t expires_s);

/* Forgets one, or all. */
void token_cache_remove(struct token_cache *cache, const struct token_key *key);
void token_cache_clear(struct token_cache *cache);

void token_cache_get_stats(const struct token_cache *cache, struct token_cache_stats *out_stats);
