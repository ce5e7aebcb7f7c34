#include "server/core/map.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/hash.h"

#define FIRST_CAPACITY 16

void gw_map_init(struct gw_map *map, size_t max_count)
{
    *map = (struct gw_map){.max_count = max_count};
}

void gw_map_finish(struct gw_map *map)
{
    free(map->entries);
    gw_map_init(map, map->max_count);
}

/* Where `key` stands, or the free place where it would; the table has one. */
static size_t find_place(const struct gw_map *map, struct gw_str key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    size_t place = (size_t)hash & mask;

    while (map->entries[place].value != NULL &&
           !(map->entries[place].hash == hash && gw_str_equal(map->entries[place].key, key)))
        place = (place + 1) & mask;
    return place;
}

void *gw_map_get(const struct gw_map *map, struct gw_str key)
{
    if (map->count == 0)
        return NULL;
    return map->entries[find_place(map, key, gw_hash(gw_hash_process_key(), key))].value;
}

static int grow(struct gw_map *map)
{
    struct gw_map larger = *map;

    larger.capacity = map->capacity == 0 ? FIRST_CAPACITY : map->capacity * 2;
    larger.entries = calloc(larger.capacity, sizeof(*larger.entries));
    if (larger.entries == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < map->capacity; i++) {
        const struct gw_map_entry *entry = &map->entries[i];
        if (entry->value != NULL)
            larger.entries[find_place(&larger, entry->key, entry->hash)] = *entry;
    }
    free(map->entries);
    *map = larger;
    return 0;
}

int gw_map_add(struct gw_map *map, struct gw_str key, void *value)
{
    if (gw_map_get(map, key) != NULL)
        return -EEXIST;
    if (map->count == map->max_count)
        return -ENOSPC;
    if (map->count >= map->capacity / 2) {
        int rc = grow(map);
        if (rc != 0)
            return rc;
    }

    uint64_t hash = gw_hash(gw_hash_process_key(), key);
    map->entries[find_place(map, key, hash)] =
        (struct gw_map_entry){.key = key, .value = value, .hash = hash};
    map->count++;
    return 0;
}

/* Entries behind the gap move up, so that no search ends early and no tombstones pile up. */
void *gw_map_remove(struct gw_map *map, struct gw_str key)
{
    if (map->count == 0)
        return NULL;

    size_t mask = map->capacity - 1;
    size_t gap = find_place(map, key, gw_hash(gw_hash_process_key(), key));
    void *value = map->entries[gap].value;
    if (value == NULL)
        return NULL;
    for (size_t at = (gap + 1) & mask; map->entries[at].value != NULL; at = (at + 1) & mask) {
        size_t home = (size_t)map->entries[at].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->entries[gap] = map->entries[at];
            gap = at;
        }
    }
    map->entries[gap] = (struct gw_map_entry){0};
    map->count--;
    return value;
}

const struct gw_map_entry *gw_map_next(const struct gw_map *map, size_t *position)
{
    while (*position < map->capacity) {
        const struct gw_map_entry *entry = &map->entries[(*position)++];
        if (entry->value != NULL)
            return entry;
    }
    return NULL;
}
