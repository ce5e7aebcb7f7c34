/* The plain way to a response: the request goes on to a backend, the answer comes back, both
 * streamed.
 *
 * The request is written anew from what was understood of it: hop-by-hop fields (RFC 9110, section
 * 7.6.1) and what the client says about proxies before us are dropped, Via, Forwarded (RFC 7239),
 * traceparent and X-Request-Id are set. A refusal of the backend (4xx, 5xx) is its answer; where it
 * gives none, a problem is set: 502, 503 or 504. */
#pragma once

#include "server/core/str.h"
#include "server/http/exchange.h"
#include "server/upstream/backend.h"

/* Starts it. `target` is the path and query on the backend without its base path; borrowed for the
 * exchange's life, as the backend is. Ends in gw_chain_response_set(). */
void gw_proxy_start(struct gw_exchange *ex, const struct gw_backend *backend, struct gw_str target);
