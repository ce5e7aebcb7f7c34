/* How often keys may be fetched because a token names one that we do not have.
 *
 * A bucket of 5 with one more per 10 s: whoever sends random kids buys no more than that from the
 * issuer. Pure; times are CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KEY_BUDGET_BURST 5
#define KEY_BUDGET_REGAIN_NS UINT64_C(10000000000)

/* All zeroes is a full one. */
struct key_budget {
    uint64_t full_at_ns; /* when it will be full again; in the past if it is */
};

/* Takes one; false, and nothing changes, when there is none. */
bool key_budget_take(struct key_budget *budget, uint64_t now_ns);

/* How many may be taken now. */
unsigned key_budget_left(const struct key_budget *budget, uint64_t now_ns);
