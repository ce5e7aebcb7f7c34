/* One subject's decision about one request: from memory, from Redis, or from the local share. */
#pragma once

#include "limiter.h"
#include "slot.h"
#include "take.h"

enum grant_source { GRANT_MEMORY, GRANT_REDIS, GRANT_LOCAL };

struct grant {
    struct limiter *limiter;
    const struct plan_group *group;
    struct gw_str key;
    uint64_t weight;
    struct account *account;    /* NULL where nothing has to be remembered */
    struct slot *slot;          /* NULL without a limit on what is under way */
    struct gw_redis_call *call; /* while it waits */
    struct take_args *args;
    void (*done)(struct grant *grant); /* the call is over: it is decided */
    void *self;                        /* the owner's */
    uint64_t asked_ns;
    uint64_t want;
    uint64_t debited_us; /* by Redis for this request, or with the lease; 0: by nobody */
    int refused_by;      /* the place of a limit, or -1: none */
    enum grant_source source;
    bool is_pinned;
    bool is_granted;
    struct limit_answer answers[]; /* of group->limit_count */
};

/* Decides from memory: false if that cannot be. Sees to it that there is an account where one is
 * needed; *out_is_full tells that there is no room for it. */
bool grant_from_memory(struct grant *grant, bool *out_is_full);

/* Asks Redis, and calls `done` later; or false: it cannot be asked. `args` is uninitialised. */
bool grant_ask(struct grant *grant, struct take_args *args);

/* Decides by the local share. */
void grant_locally(struct grant *grant, uint64_t wall_ns);

/* The question is decided: what was granted stays. */
void grant_close(struct grant *grant);

/* Another subject refused, or the client left: what this one took is given back. */
void grant_undo(struct grant *grant);
