/* The second level: responses that all gateways keep in Redis.
 *
 * Redis does not evict (records live there), so the bound is ours: a fixed number of keys, each of
 * bounded size, and a response lies under the one that its key falls on, in place of what was
 * there. Redis away, slow or full: this level is as good as empty, and for a while not asked. One
 * worker's.
 */
#pragma once

#include "policies/cache/entry.h"
#include "server/core/breaker.h"
#include "server/core/list.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

struct cache_second_config {
    size_t max_bytes; /* 0: there is none */
    size_t max_object_bytes;
    uint64_t timeout_ns;
};

struct cache_second {
    struct cache_second_config config;
    struct gw_loop *loop;
    struct gw_redis *redis; /* NULL: there is none, or the worker has ended */
    struct gw_breaker breaker;
    struct gw_list puts; /* under way */
    size_t put_count;
};

void cache_second_init(struct cache_second *second, const struct cache_second_config *config,
                       struct gw_loop *loop, struct gw_redis *redis);
void cache_second_leave(struct cache_second *second); /* off the loop */

/* Asks for what lies there. False: it is not asked, and fn will not be called. */
bool cache_second_ask(struct cache_second *second, const struct cache_key *key, gw_redis_fn *fn,
                      void *self, struct gw_redis_call **out_call);
/* To be called with what came of it: true if there is something to read. */
bool cache_second_heard(struct cache_second *second, int rc, const struct gw_reply *reply);
void cache_second_cancel(struct cache_second *second, struct gw_redis_call *call);

/* Puts it there, if it is small enough. Not waited for. */
void cache_second_put(struct cache_second *second, const struct cache_entry *entry,
                      int64_t wall_ns);
