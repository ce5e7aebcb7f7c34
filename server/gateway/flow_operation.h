/* Operations of the gateway that flows call in-process: each with its own policies, span and line
 * in the access log, for the caller of the flow. */
#pragma once

#include "server/flow/flow.h"

/* As in struct gw_flow_host; `self` is the worker's struct gw_request_owner. */
void gw_flow_operation_call(void *self, struct gw_flow_operation_call *call);
void gw_flow_operation_cancel(void *self, struct gw_flow_operation_call *call);
