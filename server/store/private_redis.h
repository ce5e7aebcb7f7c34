/* The gateway's own Redis: what it runs on when the configuration names none.
 *
 * A redis-server as a child process, durable (append-only file, synced before each answer), reached
 * only through a unix socket and a random password. It is watched and started again when it dies.
 * One that a killed gateway left behind is adopted. Main thread only. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/store/redis.h"

struct gw_loop;
struct gw_private_redis;

struct gw_private_redis_config {
    const char *state_folder; /* made if it is missing */
    const char *program;      /* NULL: "redis-server", as found in PATH */
    uint64_t start_ns;        /* 0: 10 s */
    uint64_t stop_ns;         /* 0: 10 s */
};

/* Starts it, or adopts the one that lives, and waits until it answers (blocking, up to start_ns).
 * 0; -EBUSY when another gateway has the folder; -ENOENT or -ENOTSUP when redis-server is missing
 * or too old; -ETIMEDOUT or -ECHILD with the end of Redis' log. */
GW_MUST_CHECK
int gw_private_redis_start(struct gw_loop *loop, const struct gw_private_redis_config *config,
                           struct gw_private_redis **out_private, struct gw_error *error);

/* Stops it: SIGTERM, then after stop_ns SIGKILL (blocking). NULL is safe. */
void gw_private_redis_stop(struct gw_private_redis *own);

/* How a client reaches it: socket, user, password. The strings live as long as it does. */
void gw_private_redis_get_config(const struct gw_private_redis *own,
                                 struct gw_redis_config *out_config);

pid_t gw_private_redis_get_pid(const struct gw_private_redis *own); /* 0: not running */
bool gw_private_redis_is_adopted(const struct gw_private_redis *own);
unsigned gw_private_redis_get_restarts(const struct gw_private_redis *own);
