/* The plans of the operator's configuration: how much a consumer may ask for. */
#pragma once

#include <jansson.h>

#include "gcra.h"
#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/core/map.h"
#include "server/json/option.h"

struct plan {
    struct gw_str name;
    uint64_t limit, window_ns, burst;
    struct gcra_rate rate;
    struct gw_str step, room;     /* of rate, as the script's arguments */
    struct gw_str policy;         /* the value of RateLimit-Policy */
    struct gw_str current_prefix; /* of RateLimit: `"standard";r=` */
};

struct plan_table {
    struct gw_map by_name;
    struct gw_arena memory;
};

/* The keys of one plan. */
extern const struct gw_option plan_options[];

/* `section` is the configuration's `plans`, checked against plan_options; it may be NULL. */
GW_MUST_CHECK
int plan_table_init(struct plan_table *table, const json_t *section, struct gw_error *error);
void plan_table_finish(struct plan_table *table); /* safe on a zeroed one */

/* NULL if there is none. */
const struct plan *plan_table_find(const struct plan_table *table, struct gw_str name);

/* The rate that one worker grants by itself while Redis is away: limit and burst divided among all
 * instances' workers, rounded down, at least 1. */
struct gcra_rate plan_share(const struct plan *plan, uint64_t sharers);
