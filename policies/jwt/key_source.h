/* An issuer's keys, fetched and kept fresh off the request path; and those who wait for them.
 *
 * Fetched when first asked for, then again whenever they are due (Cache-Control within bounds),
 * after a failure (1 s, doubling to 10 s), and when a token names a key that is not there (by
 * key_budget.h). One fetch at a time. The last good set serves while fetches fail, up to
 * max_age_ns.
 *
 * One for each configuration of an issuer on a worker: who opens an equal one shares it, and it
 * lives on for a minute when the last has closed it, so that a reload loses no keys. On the
 * worker's thread; once that has ended (the source is told), only close may be called. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "policies/jwt/key_fetch.h"
#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/crypto/jwk.h"
#include "server/net/loop.h"

#define KEY_SOURCE_MIN_REFRESH_NS UINT64_C(10000000000)
#define KEY_SOURCE_WAIT_NS UINT64_C(1000000000)
#define KEY_SOURCE_MAX_WAITERS 256
#define KEY_SOURCE_MAX_WAITERS_PER_PEER 4
#define KEY_SOURCE_MAX_WAITERS_PER_PEER_AT_FIRST 64 /* without a set, whoever is good waits too */

/* The strings lie in `options`, but for the name. */
struct key_source_config {
    struct gw_str name;    /* of the issuer */
    const json_t *options; /* all of the issuer's: what makes two equal */
    uint64_t generation;   /* the same, as a number; shown to the administrator */
    struct key_fetch_place place;
    struct gw_jwk_rules rules;
    uint64_t refresh_ns; /* the longest time between fetches */
    uint64_t max_age_ns; /* how long the last good set serves */
};

struct key_source;

/* NULL without memory. */
GW_MUST_CHECK
struct key_source *key_source_open(const struct key_source_config *config,
                                   struct gw_worker *worker);
/* Nobody of the caller's may wait any more. NULL is safe. */
void key_source_close(struct key_source *source);

/* The set that counts now, until control goes back to the loop; NULL: there is none. */
const struct gw_jwk_set *key_source_get(const struct key_source *source);

/* Tells one set from another; meaningless without one. */
uint64_t key_source_set_id(const struct key_source *source);

/* Drops the set and fetches it anew, at once; whoever comes meanwhile waits. How often that was
 * done. */
void key_source_flush(struct key_source *source);
unsigned key_source_flushes(const struct key_source *source);

/* When a set may be there again, for Retry-After; at least 1 s. */
uint64_t key_source_retry_ns(const struct key_source *source);

/* One who waits. Zero it, and set the first two. */
struct key_waiter {
    struct gw_str peer;                         /* the client's address */
    void (*on_news)(struct key_waiter *waiter); /* look again; it no longer waits */

    struct key_source *source;
    struct gw_list node;
    struct gw_timer timer;
    bool is_late;    /* the time is over: no further wait */
    bool has_joined; /* a fetch that ran already: what it brings may be older than the request */
    bool is_timed;
};

enum key_wish {
    KEY_WISH_WAIT,    /* on_news will be called, within KEY_SOURCE_WAIT_NS of the first wish */
    KEY_WISH_DENIED,  /* what there is must do */
    KEY_WISH_CROWDED, /* too many wait, of this peer or at all */
};

/* The keys that there are do not suffice: has them fetched, if that is allowed. A waiter may wish
 * again from within on_news. */
enum key_wish key_source_wish(struct key_source *source, struct key_waiter *waiter);

/* It waits no longer, and on_news will not be called. Safe on one that does not wait. */
void key_waiter_stop(struct key_waiter *waiter);
