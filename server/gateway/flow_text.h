/* The body of a large answer as JSON, written on a thread of the pool while the loop goes on with
 * others. */
#pragma once

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/http/exchange.h"
#include "server/json/value.h"

struct gw_flow_text;

typedef void gw_flow_text_done_fn(void *self, const struct gw_value *output, struct gw_buf *text);

/* Takes over `memory`, in which the output lies, but for what is literal in the exchange's flow.
 * `done` is called from the loop, unless it is abandoned; output and text go when it returns. NULL:
 * nothing is taken over, as the body is small, or no more can be under way. */
struct gw_flow_text *gw_flow_text_start(struct gw_exchange *ex, struct gw_arena *memory,
                                        const struct gw_value *output, gw_flow_text_done_fn *done,
                                        void *self);
void gw_flow_text_abandon(struct gw_flow_text *text);
