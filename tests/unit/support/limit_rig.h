/* Gateways' workers with the rate limit alone in their chain, on exchanges in memory and one real
 * Redis. */
#pragma once

#include "server/contract/operation.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "tests/unit/support/redis_rig.h"

struct limit_worker { /* one worker of one gateway */
    struct gw_worker worker;
    struct gw_chain chain;
    json_t *config;
    void *limit;
};

struct limit_rig {
    struct redis_rig redis; /* the loop, the server and the first worker's connection */
    struct gw_exchange_pool pool;
    struct gw_operation operation;
    const char *plans; /* JSON */
    struct limit_worker first;
};

/* The operation names `plan`. */
void limit_rig_start(struct limit_rig *rig, const char *plans, const char *plan);
void limit_rig_stop(struct limit_rig *rig);

/* 2 instances of 2 workers, at most 100 subjects, a breaker of 5 failures and 200 ms. */
void limit_worker_start(struct limit_rig *rig, struct limit_worker *worker, struct gw_redis *redis,
                        unsigned timeout_ms);
void limit_worker_stop(struct limit_worker *worker);

/* Begins a request; the caller may change it in `prepare` before the chain runs. */
struct gw_exchange *limit_rig_begin_with(struct limit_rig *rig, struct limit_worker *worker,
                                         const char *consumer, const char *peer,
                                         void (*prepare)(struct gw_exchange *ex));
struct gw_exchange *limit_rig_begin(struct limit_rig *rig, struct limit_worker *worker,
                                    const char *consumer, const char *peer);
/* Waits until it is decided. */
void limit_rig_await(struct limit_rig *rig, const struct gw_exchange *ex);
/* One request from beginning to end: its status. */
int limit_rig_ask(struct limit_rig *rig, struct limit_worker *worker, const char *consumer,
                  const char *peer);

/* A field of the response, or "none". */
const char *limit_rig_field(const struct gw_exchange *ex, const char *name, char out[256]);
