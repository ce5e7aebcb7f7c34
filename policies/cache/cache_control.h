/* Cache-Control (RFC 9111, section 5.2), of requests and of responses.
 *
 * Whatever can be read in two ways is read in the one that keeps less: a repeated directive counts
 * with its strictest value, a lifetime that is no number is 0, no-cache and private with a list of
 * fields hold for the whole response. Pure; allocates nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/str.h"

/* RFC 9111, section 1.2.2: what is larger counts as this. */
#define CACHE_MAX_DELTA_S INT64_C(2147483648)
#define CACHE_NO_DELTA INT64_C(-1) /* the directive is not there */

struct cache_control {
    bool is_present;
    bool is_malformed; /* quotes that do not end, an empty name: what follows was not read */
    bool no_store, no_cache, is_private, is_public, must_revalidate, proxy_revalidate,
        only_if_cached;
    int64_t max_age_s, s_maxage_s, min_fresh_s, max_stale_s;
    int64_t stale_while_revalidate_s, stale_if_error_s; /* RFC 5861 */
};

void cache_control_init(struct cache_control *control);

/* Adds one field line's directives. */
void cache_control_read(struct cache_control *control, struct gw_str value);

/* delta-seconds, perhaps in quotes; -1 if it is none. */
int64_t cache_delta_parse(struct gw_str text);
