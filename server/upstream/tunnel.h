/* WebSocket (RFC 6455) through the proxy: the handshake with the backend is written anew, and once
 * both sides have switched, bytes pass as they are.
 *
 * The caller's handshake is checked first, after all policies have let the request pass. With the
 * backend's 101 its call leaves the proxy and becomes the exchange's tunnel, which needs nothing of
 * the snapshot any more; any other answer is an answer like others. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/http/exchange.h"
#include "server/net/http_client.h"

/* The caller's side. False: the response is set (400 or 426) and the chain is to be told. */
bool gw_tunnel_is_asked_well(struct gw_exchange *ex);

/* Makes `request` a handshake: drops the caller's from its fields and adds ours. `fields` is what
 * request->fields points at, with room for two more. Returns 0, or -ENOMEM. *out_key must be kept
 * for the answer. */
GW_MUST_CHECK
int gw_tunnel_ask(struct gw_exchange *ex, struct gw_http_request *request, struct gw_field *fields,
                  struct gw_str *out_key);

#define GW_TUNNEL_FIELDS 2

struct gw_tunnel_limits {
    uint64_t idle_ns, total_ns;
};

/* The backend has answered 101: sets the response to the caller, from the call's head, with the
 * tunnel; the call is the tunnel's from now on. Returns 0; -EBADMSG (the handshake does not fit our
 * key), -ENOMEM, -ENOSPC or -EINVAL, and the call is the caller's still. */
GW_MUST_CHECK
int gw_tunnel_open(struct gw_exchange *ex, struct gw_http_call *call, struct gw_str key,
                   const struct gw_http_answer_head *head, struct gw_tunnel_limits limits);
