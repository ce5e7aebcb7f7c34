/* Exchanges that go on without their client.
 *
 * What must finish (a write that was sent, and whose answer is to be recorded) is taken off its
 * connection when the client leaves, ends as it would have, and its response is dropped. Inside
 * http/ only. */
#pragma once

#include "server/core/list.h"
#include "server/http/exchange.h"
#include "server/http/listener.h"

/* Whether it goes on without its client. */
static inline bool gw_detached_is_wanted(const struct gw_exchange *ex)
{
    return ex->must_finish && ex->state == GW_EXCHANGE_DECIDING;
}

/* Takes the exchange over from its connection; false (and nothing is changed) where it need not
 * finish or there is no memory. The exchange counts as the listener's until its end. */
bool gw_detached_take(struct gw_listener *listener, struct gw_exchange *ex);

/* Gives up all that are left. */
void gw_detached_finish(struct gw_listener *listener);
