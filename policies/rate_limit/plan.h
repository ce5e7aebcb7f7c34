/* The plans of the operator's configuration: how much a consumer may ask for. */
#pragma once

#include "limit.h"
#include "server/core/map.h"

#define PLAN_MAX_LIMITS 8

/* The limits of a plan that count for one subject: asked for in one script. */
struct plan_group {
    const struct plan *plan;
    struct scope scope;
    const struct limit *limits[PLAN_MAX_LIMITS];
    size_t limit_count;
    const struct limit *slots; /* the one that counts what is under way, or NULL */
    bool is_leased;            /* all of them are */
    uint64_t lease_max;        /* units of one lease */
    struct gw_str leases_max;  /* units of all leases, as the script's argument */
};

struct plan {
    struct gw_str name;
    struct limit limits[PLAN_MAX_LIMITS];
    size_t limit_count;
    struct plan_group groups[PLAN_MAX_LIMITS];
    size_t group_count;
    struct gw_str policy; /* the value of RateLimit-Policy */
    size_t texts_bytes;   /* of all that stands before a number in RateLimit */
};

struct plan_table {
    struct gw_map by_name;
    struct gw_arena memory;
    size_t max_limits; /* of one group */
};

/* The keys of one plan. */
extern const struct gw_option plan_options[];

/* `section` is the configuration's `plans`, checked against plan_options; it may be NULL. */
GW_MUST_CHECK
int plan_table_init(struct plan_table *table, const json_t *section, struct gw_error *error);
void plan_table_finish(struct plan_table *table); /* safe on a zeroed one */

/* NULL if there is none. */
const struct plan *plan_table_find(const struct plan_table *table, struct gw_str name);
