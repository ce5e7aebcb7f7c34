/* Which system a request of a landscape is for. On the worker's thread. */
#pragma once

#include "server/gateway/landscape.h"
#include "server/gateway/snapshot.h"
#include "server/http/exchange.h"
#include "server/json/value.h"

enum gw_landscape_verdict {
    GW_LANDSCAPE_ONE,     /* `service` is that of the system */
    GW_LANDSCAPE_ALL,     /* all of them are asked */
    GW_LANDSCAPE_REFUSED, /* the problem is set */
};

struct gw_landscape_choice {
    struct gw_str key; /* empty with ALL; in the input or the arena */
    size_t system;
    const struct gw_service *service;
    const struct gw_service *shadow; /* that a read is compared with; NULL: none */
};

/* `input` is that of the flow. The exchange's service is of a landscape. */
enum gw_landscape_verdict gw_landscape_choose(struct gw_exchange *ex, const struct gw_value *input,
                                              struct gw_landscape_choice *out_choice);

/* A request that may change something. */
bool gw_landscape_is_write(const struct gw_exchange *ex);

/* The system that keeps the key's record now: the configuration's, or the one that it has moved to.
 * SIZE_MAX: none does. */
size_t gw_landscape_system_of(const struct gw_exchange *ex, const struct gw_landscape *landscape,
                              struct gw_str key);

/* `$runtime.metadata` of a run at that system: {landscape, system, backend, key}; key null with an
 * empty one. 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_landscape_metadata(struct gw_arena *arena, const struct gw_landscape *landscape,
                          const struct gw_landscape_system *system, struct gw_str key,
                          struct gw_value *out_value);
