/* A bounded map from strings to pointers.
 *
 * Open addressing, keyed hash (see hash.h). Keys are borrowed: the caller keeps them valid while
 * they are in the map (usually they lie in the value). One owner; not thread-safe. */
#pragma once

#include <stddef.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_map_entry {
    struct gw_str key;
    void *value; /* NULL marks a free place */
    uint64_t hash;
};

struct gw_map {
    struct gw_map_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    size_t max_count;
};

void gw_map_init(struct gw_map *map, size_t max_count);
void gw_map_finish(struct gw_map *map); /* frees the table, not keys or values */

/* The value, or NULL. */
void *gw_map_get(const struct gw_map *map, struct gw_str key);

/* `value` is not NULL. Returns 0, -EEXIST if the key is there (nothing is changed), -ENOSPC at the
 * maximum, or -ENOMEM. */
GW_MUST_CHECK
int gw_map_add(struct gw_map *map, struct gw_str key, void *value);

/* Takes the entry out; returns its value, or NULL. */
void *gw_map_remove(struct gw_map *map, struct gw_str key);

/* For walking: the first occupied place at or behind *position, or NULL at the end; *position is
 * moved behind it. Start with 0. The map must not be changed meanwhile. */
const struct gw_map_entry *gw_map_next(const struct gw_map *map, size_t *position);
