/* The sliding window: at most `limit` in any stretch of one window's length, however it is laid.
 *
 * What was admitted is kept in cells of a fraction of the limit. A cell bears the time of its
 * newest admission and leaves the count exactly one window after that. So there are never too many;
 * and at any moment at most cell - 1 are still counted that should not be. The script (script.c)
 * does the same with 200 cells. Pure; the caller serialises; times are µs on one clock. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "answer.h"

struct window_rule {
    uint64_t limit, length_us;
    uint64_t cell; /* how many fill one; none of the three is 0 */
};

struct window_cell {
    uint64_t newest_us;
    uint64_t count;
};

/* All zeroes but `cells` and `capacity` is an empty window. */
struct window {
    uint64_t total; /* of all cells */
    uint32_t first, used;
    uint32_t capacity;         /* of the ring: at least limit / cell + 2 */
    struct window_cell *cells; /* the caller's */
};

/* Takes `weight` at `now_us`; the window is unchanged but for what left it if they are refused. */
struct limit_answer window_take(struct window *window, const struct window_rule *rule,
                                uint64_t weight, uint64_t now_us);

/* How many were admitted within the last window. */
uint64_t window_total(struct window *window, const struct window_rule *rule, uint64_t now_us);
