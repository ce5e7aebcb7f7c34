/* Concurrent misses of one key make one call: the first leads, the others wait for what it gets.
 *
 * What cannot be kept is not waited for: once that is known of a key, its requests go their own way
 * for a while. Waiters are woken from the loop, never inside a call to these functions. One
 * worker's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policies/cache/key.h"
#include "server/core/list.h"
#include "server/core/map.h"
#include "server/net/loop.h"

#define CACHE_MAX_FLIGHTS 256
#define CACHE_MAX_WAITERS 1024 /* of one flight */
#define CACHE_PASS_MARKS 1024

enum cache_wake {
    CACHE_WAKE_LOOK,  /* a response was kept: look again */
    CACHE_WAKE_LEAD,  /* the leader is gone: go in its place, the flight is yours */
    CACHE_WAKE_ALONE, /* nothing was kept, or it took too long: go alone */
};

struct cache_flight {
    struct cache_key key;
    struct cache_collapse *collapse;
    struct gw_list waiters;
    size_t waiter_count;
    struct gw_timer timer; /* wakes them */
    enum cache_wake wake;
    bool is_used;
};

/* Embedded in what waits. */
struct cache_waiter {
    struct gw_list node;
    struct gw_timer deadline;
    struct cache_flight *flight; /* NULL: it does not wait */
    void (*wake)(struct cache_waiter *waiter, enum cache_wake wake, struct cache_flight *flight);
};

struct cache_pass_mark {
    uint64_t key; /* a part of it */
    uint64_t until_ns;
};

struct cache_collapse {
    struct gw_loop *loop;
    struct gw_map by_key;
    struct cache_flight flights[CACHE_MAX_FLIGHTS];
    struct cache_pass_mark marks[CACHE_PASS_MARKS];
};

void cache_collapse_init(struct cache_collapse *collapse, struct gw_loop *loop);
/* The worker ends: off its loop. Nobody waits any more. */
void cache_collapse_leave(struct cache_collapse *collapse);
void cache_collapse_finish(struct cache_collapse *collapse);

struct cache_flight *cache_flight_find(struct cache_collapse *collapse,
                                       const struct cache_key *key);

/* The caller leads, until cache_flight_end(). NULL: there are too many. */
struct cache_flight *cache_flight_begin(struct cache_collapse *collapse,
                                        const struct cache_key *key);

/* waiter->wake is called once, at the latest after `max_ns`. False: too many wait. */
bool cache_flight_join(struct cache_flight *flight, struct cache_waiter *waiter, uint64_t max_ns);
void cache_waiter_leave(struct cache_waiter *waiter); /* safe on one that does not wait */

/* What has come of it. CACHE_WAKE_LEAD: nothing, the next waiter takes its place. */
void cache_flight_end(struct cache_flight *flight, enum cache_wake wake);

/* Its responses cannot be kept. */
void cache_collapse_mark(struct cache_collapse *collapse, const struct cache_key *key);
bool cache_collapse_is_marked(const struct cache_collapse *collapse, const struct cache_key *key);
