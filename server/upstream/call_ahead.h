/* A large answer of a backend, read as JSON on a thread of the pool while the loop goes on with
 * others. */
#pragma once

#include "server/core/arena.h"
#include "server/json/value.h"
#include "server/upstream/call.h"

struct gw_loop;

#define GW_CALL_AHEAD_BYTES (size_t)(256 * 1024) /* smaller ones take less than a millisecond */

struct gw_call_ahead;

/* NULL: it is not worth it, or there is no memory. Else `done` is called from the loop with a copy
 * of the answer, unless it is abandoned. */
struct gw_call_ahead *gw_call_ahead_start(struct gw_loop *loop, const struct gw_call_answer *answer,
                                          uint32_t max_depth, gw_call_done_fn *done, void *self);
void gw_call_ahead_abandon(struct gw_call_ahead *ahead);
