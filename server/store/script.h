/* A Lua script that runs inside Redis, atomically.
 *
 * Scripts are constants: a policy declares its own, once, as `static const`, and their address is
 * their identity. What Redis calls them by (the SHA-1 of the source) it tells us itself. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

struct gw_script {
    const char *name; /* for logs */
    struct gw_str source;
};

/* One run of a script. */
struct gw_redis_eval {
    const struct gw_script *script;
    const struct gw_str *keys; /* all of one slot: they share a {tag} */
    size_t key_count;
    const struct gw_str *args;
    size_t arg_count;
    uint64_t timeout_ns; /* 0: the configuration's */
};
