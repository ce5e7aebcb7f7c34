/* A metric's description: static const, one per name and set of labels; its address is its key.
 *
 * Stands here so that every floor can describe what it counts; observe/metrics.h counts. */
#pragma once

#include <stdbool.h>

struct gw_metric {
    const char *name;   /* "millgate_jwt_cache_hits_total" */
    const char *help;   /* a sentence; the same for all of one name */
    const char *labels; /* `result="denied"`, or NULL */
    bool is_gauge;      /* shards are summed here too */
};
