/* What may be kept, for how long it is fresh, and when it may be used all the same (RFC 9111,
 * sections 3 and 4.2; RFC 5861). No heuristics: what states no lifetime has the contract's, or
 * none. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/cache/cache_control.h"
#include "server/net/http_field.h"

/* What the contract says. */
struct cache_wish {
    bool is_shared; /* one consumer gets what another one asked for */
    int64_t ttl_s;  /* where the answer states no lifetime; 0: it has none */
    int64_t stale_while_revalidate_s, stale_if_error_s; /* where the answer states none */
};

/* A response, and when it was asked for and came. Times are CLOCK_REALTIME seconds. */
struct cache_subject {
    int status;
    const struct gw_field *fields;
    size_t field_count;
    bool is_authorised; /* the request showed a credential */
    int64_t asked_s, came_s;
};

/* What holds for a kept response. */
struct cache_terms {
    int64_t age_s;      /* when it came */
    int64_t lifetime_s; /* counted from age 0 */
    int64_t stale_while_revalidate_s, stale_if_error_s;
    bool must_revalidate; /* never used stale */
    bool no_cache;        /* never used without asking */
};

/* Whether it may be kept; its terms. */
bool cache_terms_of(const struct cache_subject *subject, const struct cache_wish *wish,
                    struct cache_terms *out_terms);

enum cache_use {
    CACHE_USE,           /* it is fresh, and the request takes it */
    CACHE_USE_MEANWHILE, /* stale; good enough while somebody asks the backend */
    CACHE_REVALIDATE,
};

/* `request` is the Cache-Control of the request at hand, `age_s` the response's age now. */
enum cache_use cache_use_of(const struct cache_terms *terms, int64_t age_s,
                            const struct cache_control *request);

/* Whether it may stand in for an error of the backend. */
bool cache_may_stand_in(const struct cache_terms *terms, int64_t age_s,
                        const struct cache_control *request);
