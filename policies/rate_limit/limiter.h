/* The rate limit of one worker: what its parts share. Private to the policy.
 *
 *   rate_limit.c  the filter: which plan, and what the caller is told
 *   question.c    one request: asks all its subjects, and goes on when all have said yes
 *   grant.c       one subject: from memory, from Redis, or from the local share
 *   errand.c      what Redis is told or asked without anybody waiting for it
 *   slot.c        what is under way
 */
#pragma once

#include "ledger.h"
#include "server/core/breaker.h"
#include "server/core/metric.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define LIMITER_HOLDER_BYTES 16

struct errand;

struct limiter {
    struct plan_table plans;
    struct ledger *ledger;
    struct gw_breaker breaker;
    uint64_t timeout_ns;
    uint64_t instances;       /* of the fleet, at least */
    struct gw_worker *worker; /* NULL before the first request and after the worker's end */
    struct gw_worker_tenant tenant;
    struct gw_timer tick;
    struct gw_list leased, owing; /* accounts */
    struct gw_list slots;         /* held */
    struct gw_arena memory;       /* of errands and slots, which are used again */
    struct gw_list free_errands, errands, free_slots;
    size_t errand_count, slot_count;
    uint64_t slot_serial;
    char
        holder[LIMITER_HOLDER_BYTES + 1]; /* whose leases: random, of this instance of the policy */
};

static inline uint64_t limiter_now_ns(const struct limiter *limiter)
{
    return gw_loop_now_ns(limiter->worker->loop);
}

void limiter_count(struct limiter *limiter, const struct gw_metric *metric, uint64_t by);

/* Workers that may admit by themselves: those of the largest fleet seen of late. */
uint64_t limiter_sharers(const struct limiter *limiter);
