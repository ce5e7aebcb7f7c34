/* A chain of filters, and an exchange's way through it.
 *
 * A chain belongs to one worker and is built with its view of a snapshot. Requests go forward;
 * then the chain's end (the proxy, say) is asked for the response, which goes backward through the
 * filters that ran, and out. */
#pragma once

#include "server/core/attr.h"
#include "server/filter/filter.h"

#define GW_MAX_FILTERS 16

struct gw_chain_link {
    const struct gw_filter_type *type;
    void *self;
};

struct gw_chain {
    struct gw_chain_link links[GW_MAX_FILTERS];
    size_t count;
    /* Behind the last filter: sees to it that the response is set, then calls
     * gw_chain_response_set(), perhaps at once. */
    void (*end)(struct gw_exchange *ex);
};

/* Starts the exchange on its way. The chain must outlive the exchange. */
void gw_chain_run(const struct gw_chain *chain, struct gw_exchange *ex);

/* The end has set the response: on_response of the filters that ran, then gw_exchange_respond(). */
void gw_chain_response_set(struct gw_exchange *ex);

/* The taps of a streamed body; called by who moves it. len 0: the end. A response that is not
 * streamed is tapped by the chain. */
void gw_chain_tap_request(struct gw_exchange *ex, struct gw_str bytes);
void gw_chain_tap_response(struct gw_exchange *ex, struct gw_str bytes);
/* Is there one that is still to be called? */
bool gw_chain_is_tapped(const struct gw_exchange *ex);
