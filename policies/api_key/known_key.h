/* From a key as it was sent to the record of it.
 *
 * Pure but for the arena; the time is given. */
#pragma once

#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/store/record_set.h"

/* The strings lie in the arena. */
struct known_key {
    struct gw_str consumer;
    struct gw_str scopes; /* separated by single spaces */
    struct gw_str plan;   /* empty: none */
    uint64_t not_after_s; /* since 1970; 0: never */
};

/* NULL, or why the key is not valid for that scheme: a text for the operator. */
GW_MUST_CHECK
const char *known_key_find(const struct gw_record_set *records, struct gw_arena *arena,
                           struct gw_str scheme, struct gw_str key, uint64_t now_s,
                           struct known_key *out_known);
