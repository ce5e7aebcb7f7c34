/* The inside of a key source: for key_source.c and key_source_exhibit.c only. */
#pragma once

#include "policies/jwt/freshness.h"
#include "policies/jwt/key_budget.h"
#include "policies/jwt/key_metrics.h"
#include "policies/jwt/key_source.h"
#include "server/crypto/digest.h"
#include "server/filter/worker_share.h"

struct key_source {
    struct gw_worker_share share;
    struct key_source_config config; /* with the name copied, and a reference to the options */
    struct key_fetch fetch;
    struct key_budget budget;
    struct key_metrics metrics;
    struct gw_timer refresh; /* the next fetch */
    struct gw_timer expiry;  /* of the set */
    uint64_t refresh_at_ns;
    uint64_t retry_ns; /* after the next failure; 0: the last fetch was good, or there was none */
    uint64_t fetched_wall_ns;   /* when the last fetch ended, since 1970; 0: none has */
    uint64_t confirmed_wall_ns; /* the last good one */
    enum key_fetch_result_kind outcome;
    unsigned flushes;
    struct gw_jwk_set *set;
    uint8_t digest[GW_DIGEST_MAX_BYTES]; /* of the text that the set was read from */
    char reason[256];                    /* of the last failure, as logged; empty: none */
    struct gw_list waiters;
    size_t waiter_count;
};

extern const struct gw_worker_exhibit key_source_exhibit;
