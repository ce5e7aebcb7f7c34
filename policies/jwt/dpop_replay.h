/* No proof twice (RFC 9449, section 11.1): each is remembered for as long as its age would pass.
 *
 * Strict: in Redis, for all gateways; while Redis is away nothing can be said. Local: in the
 * worker, which holds against who replays on the same connection, and not against who tries all
 * workers and gateways. On the worker's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policies/jwt/dpop.h"
#include "policies/jwt/dpop_memory.h"
#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_redis_call;
struct gw_worker;

struct dpop_replay {
    struct dpop_memory *memory; /* NULL: strict */
    uint64_t timeout_ns;        /* of the question to Redis */
};

enum dpop_replay_verdict {
    DPOP_REPLAY_FRESH,
    DPOP_REPLAY_SEEN,
    DPOP_REPLAY_WAIT, /* on_answer follows with one of the others */
    DPOP_REPLAY_AWAY, /* it cannot be told */
};

/* One question, in the exchange's arena; zero it and set on_answer. */
struct dpop_replay_question {
    void (*on_answer)(struct dpop_replay_question *question, enum dpop_replay_verdict verdict);

    struct gw_redis_call *call;
    char key[128], life_ms[24];
};

/* `now_s` since 1970. */
enum dpop_replay_verdict dpop_replay_ask(struct dpop_replay *replay, struct gw_worker *worker,
                                         const struct dpop_proof *proof, int64_t now_s,
                                         struct dpop_replay_question *question);

/* on_answer is not called any more. */
void dpop_replay_cancel(struct dpop_replay_question *question);
