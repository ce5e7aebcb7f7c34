/* Operations that the gateway itself fulfils: neither a backend nor a flow, but a function of ours
 * at the end of the chain, named by the contract (`x-millgate: {builtin: events.publish}`). All
 * policies apply to them as to any other. */
#pragma once

#include "server/core/str.h"
#include "server/http/exchange.h"

struct gw_builtin {
    const char *name; /* "events.publish" */
    /* Whether it writes: GW_EFFECT_KEYED, as its own rules keep it from happening twice. */
    bool is_write;
    size_t max_body_bytes; /* it gets the whole body, up to this; 0: it has none */
    /* Ends in gw_chain_response_set(); cancellation by ex->cancel. */
    void (*start)(struct gw_exchange *ex);
};

/* NULL: there is none of that name. */
const struct gw_builtin *gw_builtin_find(struct gw_str name);
