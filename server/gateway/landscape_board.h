/* How many writes are under way of each key of each landscape, over all workers of the process.
 *
 * Workers count without a lock; anybody reads. Keys are told apart by a hash; those for which there
 * is no room are counted together, and then as being under way of every key. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/str.h"

#define GW_LANDSCAPE_SLOTS 4096

struct gw_landscape_slot {
    atomic_ullong hash; /* 0: free; never freed again */
    atomic_uint writes;
};

/* All zeroes is an empty one. */
struct gw_landscape_board {
    struct gw_landscape_slot slots[GW_LANDSCAPE_SLOTS];
    struct gw_landscape_slot others;
};

/* A write begins; give the slot back to end it. */
struct gw_landscape_slot *gw_landscape_write_begin(struct gw_landscape_board *board,
                                                   struct gw_str landscape, struct gw_str key);
void gw_landscape_write_end(struct gw_landscape_slot *slot); /* NULL is safe */
unsigned gw_landscape_writes(struct gw_landscape_board *board, struct gw_str landscape,
                             struct gw_str key);
