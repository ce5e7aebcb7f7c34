/* Is this Redis fit to keep what we trust it with? For /readyz.
 *
 * Asked at start, each minute, and each second while something is wrong; what INFO says is judged
 * by a pure function. Belongs to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_loop;
struct gw_redis;
struct gw_redis_health;

#define GW_REDIS_MAX_PROBLEMS 8

struct gw_redis_problem {
    const char *name; /* "redis-evicts": stable, for machines */
    char text[200];   /* for a human */
};

struct gw_redis_problems {
    size_t count;
    struct gw_redis_problem items[GW_REDIS_MAX_PROBLEMS];
};

struct gw_redis_needs {
    bool must_append;      /* records are kept there: append-only file */
    unsigned min_replicas; /* of them connected */
    uint64_t period_ns;    /* 0: a minute */
};

/* `info` is the reply to INFO. Pure. */
void gw_redis_health_judge(const struct gw_redis_needs *needs, struct gw_str info,
                           struct gw_redis_problems *out_problems);

/* Watches `redis` (borrowed; must outlive it). NULL without memory. */
GW_MUST_CHECK
struct gw_redis_health *gw_redis_health_create(struct gw_loop *loop, struct gw_redis *redis,
                                               const struct gw_redis_needs *needs);
void gw_redis_health_destroy(struct gw_redis_health *health); /* NULL is safe */

/* What is wrong now: nothing when count is 0. Before the first answer, and without a connection,
 * that Redis is unreachable. Valid until the next turn. */
const struct gw_redis_problems *gw_redis_health_get(struct gw_redis_health *health);
