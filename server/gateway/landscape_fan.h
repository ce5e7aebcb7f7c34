/* A list asked of all systems of a landscape at once: their pages become one, and what failed is
 * named in it. On the worker's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/flow/flow.h"
#include "server/http/exchange.h"

struct gw_landscape_fan;

/* Begins. Of `base` flow, backend, metadata, done and self are each system's own; the rest is for
 * all of them, and borrowed until this returns. When all have answered, or their time is over, the
 * exchange's response is set and `done` called, once, perhaps before this returns. 0, or a negative
 * errno: -ENOMEM; -EINVAL: the response is set already (a cursor that is none), `done` is not
 * called. The exchange ends what is under way with itself. */
GW_MUST_CHECK
int gw_landscape_fan_start(struct gw_exchange *ex, const struct gw_flow_host *host,
                           const struct gw_flow_start *base, void (*done)(void *self), void *self);
