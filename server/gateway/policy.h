/* Instances of policies, one set per worker, that survive a reload when their configuration did.
 *
 * Made on the main thread (so that a configuration is known to be good before any worker sees it),
 * used on their worker's thread, destroyed by whoever gives the last reference back. */
#pragma once

#include <stdatomic.h>

#include "server/core/diagnostic.h"
#include "server/filter/chain.h"
#include "server/gateway/config.h"

struct gw_policy {
    atomic_uint references;
    const struct gw_filter_type *type;
    void *self;
    json_t *options;
};

struct gw_policy_set {
    struct gw_policy *policies[GW_MAX_FILTERS];
    size_t count;
};

/* Fills a set for one worker: an instance of `previous` (may be NULL) is taken over where type and
 * options are equal. On failure all findings are in `diagnostics` and the set is empty. */
GW_MUST_CHECK
int gw_policy_set_make(struct gw_config *config, const struct gw_policy_set *previous,
                       struct gw_policy_set *out_set, struct gw_diagnostics *diagnostics);
/* The same instances once more. */
struct gw_policy_set gw_policy_set_retain(const struct gw_policy_set *set);
void gw_policy_set_release(struct gw_policy_set *set); /* safe on a zeroed one */
