#include "policies/jwt/token_cache.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>

#define UNIT 8                /* offsets and sizes are counted in these */
#define NOWHERE UINT32_MAX    /* no entry: a chain's end */
#define DEAD (UINT32_MAX - 1) /* as `next`: in no chain */
#define BYTES_PER_BUCKET 512  /* about the size of an entry: short chains */
#define LARGEST_PART 16       /* of the ring that one entry may take: 1/16 */

struct entry {
    uint32_t units; /* of this entry, claims and all */
    uint32_t next;  /* in the bucket's chain; DEAD: was removed, or fills the ring's end */
    int64_t expires_s;
    struct token_key key;
    uint8_t thumbprint[GW_SHA256_BYTES];
    alignas(UNIT) struct claims claims;
};

/* The ring is [tail, head), both ever growing; a place is its remainder by `units`. An entry never
 * wraps: what is left at the end is filled by a dead one. */
struct token_cache {
    char *ring;
    uint64_t head, tail;
    uint32_t units;
    uint32_t *buckets;
    size_t bucket_count; /* a power of two */
    size_t max_entries;
    struct gw_digester *digester;
    struct token_cache_stats stats;
};

struct token_key token_key_of(struct token_cache *cache, struct gw_str token, uint64_t generation)
{
    struct token_key key = {.generation = generation};

    gw_digester_compute(cache->digester, GW_SHA256, token, key.digest);
    return key;
}

static struct entry *entry_at(const struct token_cache *cache, uint32_t place)
{
    return (struct entry *)(void *)(cache->ring + (size_t)place * UNIT);
}

/* Only tokens of a trusted issuer get this far, so the digest needs no further key. */
static uint32_t *bucket_of(const struct token_cache *cache, const struct token_key *key)
{
    uint64_t hash;

    memcpy(&hash, key->digest, sizeof(hash));
    return &cache->buckets[(hash ^ key->generation) & (cache->bucket_count - 1)];
}

bool token_key_is_equal(const struct token_key *a, const struct token_key *b)
{
    return a->generation == b->generation && memcmp(a->digest, b->digest, sizeof(a->digest)) == 0;
}

/* Where the chain says that the entry is, or where it says NOWHERE. */
static uint32_t *find_link(const struct token_cache *cache, const struct token_key *key)
{
    uint32_t *link = bucket_of(cache, key);

    while (*link != NOWHERE && !token_key_is_equal(&entry_at(cache, *link)->key, key))
        link = &entry_at(cache, *link)->next;
    return link;
}

static void unlink_entry(struct token_cache *cache, uint32_t *link)
{
    struct entry *entry = entry_at(cache, *link);

    *link = entry->next;
    entry->next = DEAD;
    cache->stats.entries--;
}

struct token_cache *token_cache_create(size_t max_bytes, size_t max_entries)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));

    if (cache == NULL)
        return NULL;
    cache->units = (uint32_t)(max_bytes / UNIT);
    cache->max_entries = max_entries;
    cache->bucket_count = 64;
    while (cache->bucket_count < max_bytes / BYTES_PER_BUCKET)
        cache->bucket_count *= 2;
    cache->ring = malloc((size_t)cache->units * UNIT);
    cache->buckets = malloc(cache->bucket_count * sizeof(*cache->buckets));
    cache->digester = gw_digester_create();
    if (cache->ring == NULL || cache->buckets == NULL || cache->digester == NULL) {
        token_cache_destroy(cache);
        return NULL;
    }
    token_cache_clear(cache);
    return cache;
}

void token_cache_destroy(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    free(cache->ring);
    free(cache->buckets);
    gw_digester_destroy(cache->digester);
    free(cache);
}

void token_cache_clear(struct token_cache *cache)
{
    for (size_t i = 0; i < cache->bucket_count; i++)
        cache->buckets[i] = NOWHERE;
    cache->head = cache->tail = 0;
    cache->stats.entries = 0;
}

static void drop_oldest(struct token_cache *cache)
{
    struct entry *entry = entry_at(cache, (uint32_t)(cache->tail % cache->units));

    if (entry->next != DEAD) {
        unlink_entry(cache, find_link(cache, &entry->key));
        cache->stats.evictions++;
    }
    cache->tail += entry->units;
}

/* The filler may have no more than one unit: only the two members that fill it are written. */
static void fill_end(struct token_cache *cache, uint32_t units)
{
    struct entry *filler = entry_at(cache, (uint32_t)(cache->head % cache->units));

    filler->units = units;
    filler->next = DEAD;
    cache->head += units;
}

/* A place for `units`, at the head; older entries make room. */
static uint32_t make_room(struct token_cache *cache, uint32_t units)
{
    uint32_t left = cache->units - (uint32_t)(cache->head % cache->units);
    uint32_t needed = left < units ? left + units : units;

    while (cache->head > cache->tail && cache->head + needed - cache->tail > cache->units)
        drop_oldest(cache);
    if (cache->head == cache->tail) { /* empty: begin where the ring begins */
        cache->head = cache->tail = 0;
    } else if (left < units) {
        fill_end(cache, left);
    }
    while (cache->stats.entries >= cache->max_entries)
        drop_oldest(cache);
    return (uint32_t)(cache->head % cache->units);
}

void token_cache_add(struct token_cache *cache, const struct token_key *key,
                     const uint8_t thumbprint[GW_SHA256_BYTES], const struct claims *claims,
                     int64_t expires_s)
{
    size_t bytes = offsetof(struct entry, claims) + claims->size;
    uint32_t units = (uint32_t)((bytes + UNIT - 1) / UNIT);

    if (bytes > (size_t)cache->units * UNIT / LARGEST_PART || cache->max_entries == 0)
        return;
    token_cache_remove(cache, key);

    uint32_t place = make_room(cache, units);
    struct entry *entry = entry_at(cache, place);
    entry->units = units;
    entry->expires_s = expires_s;
    entry->key = *key;
    memcpy(entry->thumbprint, thumbprint, sizeof(entry->thumbprint));
    memcpy((char *)entry + offsetof(struct entry, claims), claims, claims->size);
    uint32_t *bucket = bucket_of(cache, key);
    entry->next = *bucket;
    *bucket = place;
    cache->head += units;
    cache->stats.entries++;
}

static bool is_in_older_half(const struct token_cache *cache, uint32_t place)
{
    uint32_t head = (uint32_t)(cache->head % cache->units);
    uint32_t age = place < head ? head - place : cache->units - place + head;

    return age > cache->units / 2;
}

const struct claims *token_cache_find(struct token_cache *cache, const struct token_key *key,
                                      int64_t now_s, struct gw_arena *arena,
                                      uint8_t out_thumbprint[GW_SHA256_BYTES])
{
    uint32_t *link = find_link(cache, key);
    struct claims *copy = NULL;

    if (*link != NOWHERE && now_s >= entry_at(cache, *link)->expires_s)
        unlink_entry(cache, link);
    else if (*link != NOWHERE)
        copy = gw_arena_alloc(arena, entry_at(cache, *link)->claims.size);
    if (copy == NULL) {
        cache->stats.misses++;
        return NULL;
    }

    const struct entry *entry = entry_at(cache, *link);
    int64_t expires_s = entry->expires_s;
    memcpy(copy, (const char *)entry + offsetof(struct entry, claims), entry->claims.size);
    memcpy(out_thumbprint, entry->thumbprint, sizeof(entry->thumbprint));
    if (is_in_older_half(cache, *link))
        token_cache_add(cache, key, out_thumbprint, copy, expires_s);
    cache->stats.hits++;
    return copy;
}

void token_cache_remove(struct token_cache *cache, const struct token_key *key)
{
    uint32_t *link = find_link(cache, key);

    if (*link != NOWHERE)
        unlink_entry(cache, link);
}

void token_cache_get_stats(const struct token_cache *cache, struct token_cache_stats *out_stats)
{
    *out_stats = cache->stats;
    out_stats->bytes = (size_t)(cache->head - cache->tail) * UNIT;
}
