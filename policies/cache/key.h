/* What an answer may depend on: the key under which it is kept.
 *
 * A key covers the operation, the target as it goes to the backend, the host and scheme that the
 * backend is told of, and every request field that reaches the backend and is not known to be
 * harmless: a field that nobody thought of gives a caller an answer of its own instead of poisoning
 * another's. Unless the contract shares answers, it covers who is asking, too: consumer, scopes and
 * claims. Fields that a response varies by (Vary) are compared beside the key. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/buf.h"
#include "server/crypto/digest.h"
#include "server/http/exchange.h"

#define CACHE_KEY_BYTES GW_SHA256_BYTES

struct gw_cache_rule;

struct cache_key {
    uint8_t bytes[CACHE_KEY_BYTES];
};

/* Makes keys; one per worker. */
struct cache_keyer {
    struct gw_digester *digester;
    struct gw_buf text; /* what is digested */
};

GW_MUST_CHECK
int cache_keyer_init(struct cache_keyer *keyer); /* 0, or -ENOMEM */
void cache_keyer_finish(struct cache_keyer *keyer);

/* 0, or -ENOMEM: too much stands in the request. */
GW_MUST_CHECK
int cache_key_make(struct cache_keyer *keyer, struct gw_exchange *ex,
                   const struct gw_cache_rule *rule, struct cache_key *out_key);

/* The request's values of the fields that `vary` names (the field's values, joined by commas). */
GW_MUST_CHECK
int cache_variant_make(struct cache_keyer *keyer, const struct gw_exchange *ex, struct gw_str vary,
                       struct cache_key *out_variant);

/* Whether responses with this Vary can be told apart by what a caller sends: not "*", and none of
 * the fields that the gateway writes for each request anew. */
bool cache_vary_is_usable(struct gw_str vary);

static inline bool cache_key_is_equal(const struct cache_key *a, const struct cache_key *b)
{
    return memcmp(a->bytes, b->bytes, CACHE_KEY_BYTES) == 0;
}

static inline struct gw_str cache_key_str(const struct cache_key *key)
{
    return gw_str_from((const char *)key->bytes, CACHE_KEY_BYTES);
}
