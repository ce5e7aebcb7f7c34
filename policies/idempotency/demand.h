/* Whether a request must carry a key: what the contract says of the operation, and what the
 * operator's plans ask for on top. A plan makes an optional key a required one, and does no more:
 * it never lifts what a contract requires, nor gives keys a meaning where a contract has none. */
#pragma once

#include <jansson.h>

#include "server/contract/operation.h"
#include "server/core/arena.h"
#include "server/core/error.h"
#include "server/core/map.h"

struct gw_exchange;

/* The plans under which a key is required. All zeroes: none. */
struct demand {
    struct gw_map plans;
    struct gw_arena memory; /* of their names */
};

/* `section` is the configuration's `plans`, checked; it may be NULL. */
GW_MUST_CHECK
int demand_init(struct demand *demand, const json_t *section, struct gw_error *error);
void demand_finish(struct demand *demand); /* safe on a zeroed one */

/* OFF, OPTIONAL or REQUIRED, never UNSAID. */
enum gw_keying demand_ask(const struct demand *demand, const struct gw_exchange *ex);
