/* What flows reach of the worker that they run on: connectors of their cause's view, and operations
 * of the gateway itself, called in-process with the caller's identity. */
#pragma once

#include "server/core/attr.h"

struct gw_request_owner;

#define GW_MAX_OPERATION_DEPTH 8 /* of operations that call operations */

/* Makes owner->flow_host, whose evaluator lives as long as the worker. The loop is there. 0 or
 * -ENOMEM. */
GW_MUST_CHECK
int gw_flow_host_init(struct gw_request_owner *owner);
void gw_flow_host_finish(struct gw_request_owner *owner); /* no run is left; safe on a zeroed one */
