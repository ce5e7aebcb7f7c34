/* Which of a backend's targets a request may go to: canaries, by what the request carries or by a
 * share of all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

struct gw_exchange;

#define GW_MAX_ROUTES 16 /* of one backend */

/* A header field, or a claim of the caller's token, has this value. */
struct gw_route_condition {
    struct gw_str name, value;
    bool is_claim;
};

/* All conditions must hold; of the requests for which they do, `percent` go this way. */
struct gw_route_rule {
    const struct gw_route_condition *conditions;
    size_t condition_count;
    uint32_t percent;
    bool is_sticky; /* a consumer always goes the same way */
};

/* The first route that takes the request: its place in the list, plus 1; 0: none does. */
uint32_t gw_route_choose(const struct gw_route_rule *routes, size_t count, struct gw_exchange *ex,
                         uint64_t *random);

/* Whether the request meets the route's conditions, drawn or not. */
bool gw_route_is_meant(const struct gw_route_rule *route, struct gw_exchange *ex);
