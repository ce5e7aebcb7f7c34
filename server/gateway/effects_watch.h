/* How many effects are in doubt or dead (store/effect_index.h), for the metrics: asked of Redis
 * every ten seconds, and so the same on every gateway of a Redis. Main thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"

struct gw_effects_watch;
struct gw_worker;

/* On a worker with a loop, a Redis and metrics, which outlive it. */
GW_MUST_CHECK
int gw_effects_watch_create(struct gw_worker *worker, struct gw_effects_watch **out_watch,
                            struct gw_error *error);
void gw_effects_watch_destroy(struct gw_effects_watch *watch); /* NULL is safe */
