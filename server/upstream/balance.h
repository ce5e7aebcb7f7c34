/* Choosing among targets: the better of two drawn at random ("power of two choices"), which spreads
 * load nearly as well as asking all and never sends everybody to the same newcomer. Pure but for
 * the random state, which the caller owns. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One that may be chosen. */
struct gw_balance_choice {
    uint32_t weight;      /* its share of the draws; 0: never */
    uint32_t outstanding; /* requests that it has not answered yet */
};

/* SplitMix64; any start value will do. */
uint64_t gw_balance_random(uint64_t *state);

/* A number below `bound`, which is not 0. */
uint32_t gw_balance_below(uint64_t *state, uint32_t bound);

/* The index of the chosen one: two are drawn by weight, and the one with fewer outstanding requests
 * for its weight wins (the first drawn on a tie, so that idle targets share by weight). `count`, if
 * there is none with a weight. */
size_t gw_balance_pick(const struct gw_balance_choice *choices, size_t count, uint64_t *random);

/* The weight of a target that came back `since_ns` ago: it grows from a tenth to the whole over
 * `slow_start_ns` (0: it is whole at once), and is at least 1 unless `weight` is 0. */
uint32_t gw_balance_ramp(uint32_t weight, uint64_t since_ns, uint64_t slow_start_ns);
