/* A loop, a Redis server and a client of ours on it, for tests. */
#pragma once

#include "redis_server.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

struct redis_rig {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct redis_server server;
};

/* What one command came to. */
struct redis_outcome {
    unsigned calls; /* of the callback */
    int rc;
    enum gw_reply_type type;
    int64_t integer;
    size_t count;
    char text[256];
};

/* `options` as in redis_server_start(). */
void redis_rig_start(struct redis_rig *rig, const char *const *options);
void redis_rig_stop(struct redis_rig *rig);
/* A client; its socket is the server's if config has none, its times are 5 s where
 * config has 0. Replaces the one there is. */
void redis_rig_connect(struct redis_rig *rig, const struct gw_redis_config *config);
void redis_rig_wait_up(struct redis_rig *rig); /* fails the test after 10 s */

gw_redis_fn redis_rig_on_reply; /* self: a struct redis_outcome */
/* Sends the words of `line` (separated by spaces); the result of gw_redis_send(). */
int redis_rig_send(struct redis_rig *rig, const char *line, struct redis_outcome *outcome);
/* Turns the loop until outcome->calls is not 0; fails the test after 10 s. */
void redis_rig_await(struct redis_rig *rig, const struct redis_outcome *outcome);
/* Both. */
void redis_rig_ask(struct redis_rig *rig, const char *line, struct redis_outcome *outcome);
void redis_rig_turn_for(struct redis_rig *rig, unsigned ms);
