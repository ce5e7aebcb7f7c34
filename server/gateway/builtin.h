/* Operations that the gateway itself fulfils: neither a backend nor a flow, but a function of ours
 * at the end of the chain, named by the contract (`x-millgate: {builtin: events.publish}`). All
 * policies apply to them as to any other, and flows call them like any other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/str.h"
#include "server/http/exchange.h"

struct gw_builtin {
    const char *name;    /* "events.publish" */
    const char *section; /* of the configuration, without which it is not offered */
    /* Whether it writes: GW_EFFECT_KEYED, as its own rules keep it from happening twice. */
    bool is_write;
    size_t max_body_bytes; /* it gets the whole body, up to this; 0: it has none */
    /* Ends in gw_builtin_end(), perhaps at once. When the exchange goes before that, what was
     * deferred to its arena takes off what is under way. */
    void (*start)(struct gw_exchange *ex);
};

/* All that there are; NULL at its end. */
extern const struct gw_builtin *const gw_builtins[];
/* NULL: there is none of that name. */
const struct gw_builtin *gw_builtin_find(struct gw_str name);

/* The end of the chain. The exchange's service has a builtin. */
void gw_builtin_start(struct gw_exchange *ex);
/* For its function: the response is set; whether it has, or may have, changed something. */
void gw_builtin_end(struct gw_exchange *ex, bool has_effect);
