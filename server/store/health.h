/* Is this Redis fit to keep what we trust it with? For /readyz.
 *
 * Every server of it (each node of a cluster that keeps slots) is asked at start, when there is a
 * new connection, each minute, and each second while something is wrong; what INFO says, and of
 * the append-only file CONFIG, is judged by pure functions. Belongs to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_loop;
struct gw_redis;
struct gw_redis_health;

#define GW_REDIS_MAX_PROBLEMS 16

struct gw_redis_problem {
    const char *name; /* "redis-evicts": stable, for machines */
    char node[96];    /* whose; "127.0.0.1:6379" */
    char text[200];   /* for a human */
    bool is_minor;    /* to be told, and no reason to be given no traffic */
};

struct gw_redis_problems {
    size_t count;
    struct gw_redis_problem items[GW_REDIS_MAX_PROBLEMS];
};

struct gw_redis_needs {
    bool must_append; /* records are kept there: append-only file */
    bool must_sync;   /* which has on the disk what was acknowledged: CONFIG GET is asked, too */
    unsigned min_replicas; /* of them connected */
    bool wants_replica;    /* one is there to take over; having none is minor */
    uint64_t period_ns;    /* 0: a minute */
};

/* Adds what is wrong with a server; `info` is its reply to INFO. Pure. */
void gw_redis_health_judge(const struct gw_redis_needs *needs, const char *node, struct gw_str info,
                           struct gw_redis_problems *problems);

/* The same of its reply to CONFIG GET appendfsync; ptr NULL: it does not tell. With anything but
 * `always` Redis acknowledges a write that it has in its memory alone: while it waits for the disk
 * it holds back even what it would only have to hand to the kernel, for up to two seconds, and
 * whoever kills it then makes it forget claims and intents, so that a write is sent twice. Replicas
 * that confirm each record make that minor: one of them takes over, unless it is back at once. */
void gw_redis_health_judge_sync(const struct gw_redis_needs *needs, const char *node,
                                struct gw_str policy, struct gw_redis_problems *problems);

/* Whether what is wrong is minor, all of it. */
bool gw_redis_is_fit(const struct gw_redis_problems *problems);

/* Watches `redis` (borrowed; must outlive it). NULL without memory. */
GW_MUST_CHECK
struct gw_redis_health *gw_redis_health_create(struct gw_loop *loop, struct gw_redis *redis,
                                               const struct gw_redis_needs *needs);
void gw_redis_health_destroy(struct gw_redis_health *health); /* NULL is safe */

/* What is wrong now. Before the first answer, and without a connection,
 * that Redis is unreachable. Valid until the next turn. */
const struct gw_redis_problems *gw_redis_health_get(struct gw_redis_health *health);
