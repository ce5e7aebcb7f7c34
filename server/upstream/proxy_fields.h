/* Which fields pass through the proxy. Pure but for the exchange's arena. */
#pragma once

#include "server/http/exchange.h"
#include "server/upstream/backend.h"

#define GW_MAX_OWN_FIELDS \
    8 /* Via, Forwarded, X-Request-Id, traceparent, tracestate; Authorization; WebSocket's two */
#define GW_MAX_PROXY_FIELDS (GW_MAX_REQUEST_FIELDS + GW_MAX_BACKEND_FIELDS + GW_MAX_OWN_FIELDS)

/* How many fields the request to the backend has at the most, with an Authorization of ours. */
size_t gw_proxy_fields_room(const struct gw_exchange *ex, const struct gw_backend_config *backend);

/* Fills `out` (with that room, never more than GW_MAX_PROXY_FIELDS) with the fields of the request
 * to the backend. Returns 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_proxy_request_fields(struct gw_exchange *ex, const struct gw_backend_config *backend,
                            struct gw_field *out, size_t *out_count);

/* Copies an answer's fields to the response. Returns 0, -ENOMEM, -ENOSPC or -EINVAL. */
GW_MUST_CHECK
int gw_proxy_response_fields(struct gw_exchange *ex, const struct gw_field *fields, size_t count);

/* Whether a request field of that name does not reach a backend as the caller sent it
 * (Authorization is said to be one, also where a backend gets the caller's). */
bool gw_proxy_drops_field(struct gw_str name);
