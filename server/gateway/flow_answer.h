/* The response of an operation that a flow fulfils: of its output, or of its error. */
#pragma once

#include "server/flow/flow.h"
#include "server/http/exchange.h"

struct gw_buf;

#define GW_FLOW_MAX_BODY_BYTES ((size_t)32 * 1024 * 1024)

/* Sets the response. What is no output for an operation is the flow's mistake: a problem, 500, with
 * the reason in record.detail. `written` is the JSON text of the output's body where there is one
 * already (it is taken), else NULL. */
void gw_flow_answer_set(struct gw_exchange *ex, const struct gw_value *output,
                        struct gw_buf *written);

/* Sets the problem. What `raise` says is the caller's to see; all else is told by its kind alone,
 * with the task and the reason in record.detail. */
void gw_flow_answer_fail(struct gw_exchange *ex, const struct gw_flow_error *error);
