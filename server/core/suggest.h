/* "Did you mean": the known name that is nearest to a mistyped one. Pure. */
#pragma once

#include <stddef.h>

#include "server/core/str.h"

struct gw_suggest {
    struct gw_str name; /* what was written */
    struct gw_str best; /* the nearest so far; ptr NULL: nothing is near */
    size_t distance;
};

/* Names of more than 64 bytes have no suggestion. */
void gw_suggest_init(struct gw_suggest *suggest, struct gw_str name);

/* Offers one known name. Case is free; a swap of neighbours counts as one error. */
void gw_suggest_offer(struct gw_suggest *suggest, struct gw_str candidate);

/* For "%s%.*s%s" in a message: ", did you mean "best"?" or nothing. */
#define GW_SUGGEST_ARG(suggest)                                                        \
    (suggest).best.ptr != NULL ? "; did you mean \"" : "", GW_STR_ARG((suggest).best), \
        (suggest).best.ptr != NULL ? "\"?" : ""
