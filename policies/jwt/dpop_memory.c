#include "policies/jwt/dpop_memory.h"

#include <stdlib.h>
#include <string.h>

#define NOWHERE UINT32_MAX

struct entry {
    uint8_t digest[GW_SHA256_BYTES];
    uint64_t until_ns;
    uint32_t next; /* in the bucket's chain */
};

/* A ring in the order of adding, and chains over it. */
struct dpop_memory {
    struct entry *entries;
    uint32_t *buckets;
    uint32_t max_entries, bucket_count; /* the latter a power of two */
    uint32_t oldest, count;
};

struct dpop_memory *dpop_memory_create(uint32_t max_entries)
{
    struct dpop_memory *memory = calloc(1, sizeof(*memory));

    if (memory == NULL)
        return NULL;
    memory->max_entries = max_entries;
    memory->bucket_count = 16;
    while (memory->bucket_count < max_entries)
        memory->bucket_count *= 2;
    memory->entries = malloc(max_entries * sizeof(*memory->entries));
    memory->buckets = malloc(memory->bucket_count * sizeof(*memory->buckets));
    if (memory->entries == NULL || memory->buckets == NULL) {
        dpop_memory_destroy(memory);
        return NULL;
    }
    memset(memory->buckets, 0xff, memory->bucket_count * sizeof(*memory->buckets));
    return memory;
}

void dpop_memory_destroy(struct dpop_memory *memory)
{
    if (memory == NULL)
        return;
    free(memory->entries);
    free(memory->buckets);
    free(memory);
}

/* A digest is spread evenly by itself, and nobody chooses it but by trying. */
static uint32_t *bucket_of(const struct dpop_memory *memory, const uint8_t *digest)
{
    uint32_t hash;

    memcpy(&hash, digest, sizeof(hash));
    return &memory->buckets[hash & (memory->bucket_count - 1)];
}

static void forget_oldest(struct dpop_memory *memory)
{
    uint32_t *link = bucket_of(memory, memory->entries[memory->oldest].digest);

    while (*link != memory->oldest)
        link = &memory->entries[*link].next;
    *link = memory->entries[memory->oldest].next;
    memory->oldest = (memory->oldest + 1) % memory->max_entries;
    memory->count--;
}

enum dpop_seen dpop_memory_add(struct dpop_memory *memory, const uint8_t digest[GW_SHA256_BYTES],
                               uint64_t for_ns, uint64_t now_ns)
{
    while (memory->count > 0 && memory->entries[memory->oldest].until_ns <= now_ns)
        forget_oldest(memory);

    uint32_t *bucket = bucket_of(memory, digest);
    for (uint32_t at = *bucket; at != NOWHERE; at = memory->entries[at].next) {
        if (memcmp(memory->entries[at].digest, digest, GW_SHA256_BYTES) == 0)
            return DPOP_SEEN;
    }
    if (memory->count == memory->max_entries)
        return DPOP_FULL;
    uint32_t place = (memory->oldest + memory->count++) % memory->max_entries;
    struct entry *entry = &memory->entries[place];
    memcpy(entry->digest, digest, GW_SHA256_BYTES);
    entry->until_ns = now_ns + for_ns;
    entry->next = *bucket;
    *bucket = place;
    return DPOP_NEW;
}
