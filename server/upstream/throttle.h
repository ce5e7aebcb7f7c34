/* What a backend that throttles asks for (Retry-After), obeyed by the whole fleet: a worker that
 * hears it writes it to Redis, and all workers look there each second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"
#include "server/net/loop.h"
#include "server/store/script.h"

struct gw_backend_state;
struct gw_redis_call;
struct gw_upstreams;

struct gw_throttle_rule {
    bool obeys_429, obeys_503;
    uint64_t max_ns; /* a wrong backend cannot shut itself away for longer */
};

/* One backend's, in one worker; zeroed at first. */
struct gw_throttle {
    uint64_t until_ns; /* on the loop's clock */
    uint64_t max_ns;
    bool is_obeyed;
    struct gw_redis_call *call; /* telling the others */
    struct gw_redis_eval eval;
    struct gw_str args[2];
    char wait_ms[24];
};

/* The worker's look at what others heard; zeroed at first. */
struct gw_throttle_poll {
    struct gw_timer timer;
    struct gw_redis_call *call;
};

/* The backend's answer of that status had this Retry-After: waits for it, and tells the others. */
void gw_throttle_note(struct gw_backend_state *state, const struct gw_throttle_rule *rule,
                      int status, struct gw_str retry_after, uint64_t now_s);

/* The first backend that obeys starts it. */
void gw_throttle_poll_start(struct gw_upstreams *upstreams);
void gw_throttle_poll_stop(struct gw_upstreams *upstreams);
void gw_throttle_finish(struct gw_throttle *throttle);
