/* What the files introspection*.c share. */
#pragma once

#include "policies/jwt/introspection.h"
#include "server/core/breaker.h"
#include "server/filter/worker_share.h"

struct introspection {
    struct gw_worker_share share;
    struct introspect_config config; /* of options that are held, and a copy of the name */
    struct gw_http_origin *origin;   /* keeps its connections */
    struct token_cache *active, *inactive;
    struct gw_breaker breaker;
    char reason[256]; /* of the last failure, as logged */
    struct gw_list questions;
    size_t waiter_count;
    unsigned flushes;
};

extern const struct gw_worker_exhibit introspection_exhibit;
