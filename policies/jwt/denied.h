/* Tokens whose signature was found bad, and where they come from; so that neither sending one
 * forged token again and again, nor ever new ones, buys verifications without bound.
 *
 * A fixed table of clients' addresses (of IPv6, the first 64 bits). Each holds the last few bad
 * tokens for a short time, and a budget of verifications that fail. One address cannot push out
 * what is held of another, unless it has more addresses than the table has places; then those who
 * sent nothing bad for longest are forgotten. Times are CLOCK_MONOTONIC. One worker's; not
 * thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/jwt/token_cache.h"
#include "server/core/attr.h"
#include "server/core/str.h"

#define DENIED_MAX_SOURCES 1024
#define DENIED_TOKENS_PER_SOURCE 8
#define DENIED_DELAY_NS UINT64_C(250000000)

struct denied_rules {
    uint64_t memory_ns; /* how long a bad token is known; 0: not at all */
    uint64_t regain_ns; /* the time to regain one failure of the budget; 0: there is no budget */
    uint64_t burst;     /* how many at once */
};

struct denied_table;

/* Some 500 KiB, touched as they fill. NULL without memory. */
GW_MUST_CHECK
struct denied_table *denied_table_create(void);
void denied_table_destroy(struct denied_table *table); /* NULL is safe */

/* The address as a number under a secret key: the `id` below. */
uint64_t denied_source_of(struct gw_str peer);

/* Whether that token from there was found bad under these keys. `key_set` tells one set of keys of
 * the issuer from another. */
bool denied_table_has(const struct denied_table *table, uint64_t id, const struct token_key *token,
                      uint64_t key_set, uint64_t now_ns);

/* 0: a token from there may be verified; else the time until one may. */
uint64_t denied_table_wait_ns(const struct denied_table *table, uint64_t id,
                              const struct denied_rules *rules, uint64_t now_ns);

/* It was verified, and is bad under these keys. */
void denied_table_add(struct denied_table *table, uint64_t id, const struct token_key *token,
                      uint64_t key_set, const struct denied_rules *rules, uint64_t now_ns);

/* A token from there is refused, for whatever reason. How long the answer should be held back: 0,
 * or, of an address whose tokens are refused faster than the budget regains, a fixed while. Who
 * waits for one answer before he sends the next then sends little. */
uint64_t denied_table_delay_ns(struct denied_table *table, uint64_t id,
                               const struct denied_rules *rules, uint64_t now_ns);

/* Takes `count` verifications, which came to nothing, off the budget. */
void denied_table_charge(struct denied_table *table, uint64_t id, unsigned count,
                         const struct denied_rules *rules, uint64_t now_ns);
