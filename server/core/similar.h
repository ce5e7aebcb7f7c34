/* Which known word did somebody mean? For messages about a misspelt one. Pure. */
#pragma once

#include <stddef.h>

#include "server/core/str.h"

#define GW_SIMILAR_MAX_BYTES 64 /* longer words are similar to nothing */

/* How many letters must be added, dropped, changed or swapped with their neighbour to make one of
 * the other (optimal string alignment); SIZE_MAX if either is too long. */
size_t gw_similar_distance(struct gw_str a, struct gw_str b);

/* Looks for the word nearest to `wanted`: offer each word that there is, then see `best`. */
struct gw_similar {
    struct gw_str wanted;
    struct gw_str best; /* ptr NULL: none is near enough (a third of its letters) */
    size_t distance;
};

void gw_similar_init(struct gw_similar *similar, struct gw_str wanted);
void gw_similar_offer(struct gw_similar *similar, struct gw_str word); /* is borrowed */
