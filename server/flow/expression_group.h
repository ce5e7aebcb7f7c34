/* Which program each set belongs to. Private to server/flow. */
#pragma once

#include <stddef.h>

#include "server/core/map.h"

struct gw_expressions;
struct gw_jq_program;

struct gw_jq_groups {
    struct gw_map families; /* programs of the same definitions, by these */
    struct gw_jq_program **fresh;
    size_t fresh_count, fresh_capacity;
};

void gw_jq_groups_init(struct gw_jq_groups *groups);
void gw_jq_groups_finish(struct gw_jq_groups *groups); /* what is fresh is released */

/* A program that sets had before: others may join it where it has all of theirs. */
int gw_jq_groups_know(struct gw_jq_groups *groups, struct gw_jq_program *program);
/* Has the set join a program that is known, one that is fresh, or a new one, which is listed in
 * `fresh` then. 0 or -ENOMEM. */
int gw_jq_groups_place(struct gw_jq_groups *groups, struct gw_expressions *set);

/* A program of its own for one set, without asking libjq whether it is right. 0 or -ENOMEM. */
int gw_jq_make_program(struct gw_expressions *set);
