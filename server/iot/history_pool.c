#include "server/iot/history_pool.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_RECORDS 4096u
#define NONE UINT32_MAX

/* A record is the number of the next one, then its bytes. */
struct gw_history_pool {
    size_t record_bytes, slot_bytes;
    uint32_t chain_max;
    size_t page_max, page_count;
    char **pages;
    uint32_t free; /* the first of those given back */
    uint32_t used, untouched;
};

struct gw_history_pool *gw_history_pool_create(size_t record_bytes, size_t max_bytes,
                                               uint32_t chain_max)
{
    struct gw_history_pool *pool = calloc(1, sizeof(*pool));

    if (pool == NULL)
        return NULL;
    pool->record_bytes = record_bytes;
    pool->slot_bytes = record_bytes + sizeof(uint32_t);
    pool->chain_max = chain_max;
    pool->page_max = max_bytes / (pool->slot_bytes * PAGE_RECORDS) + 1;
    pool->pages = calloc(pool->page_max, sizeof(*pool->pages));
    pool->free = NONE;
    if (pool->pages != NULL)
        return pool;
    free(pool);
    return NULL;
}

static void give_pages_back(struct gw_history_pool *pool)
{
    while (pool->page_count > 0)
        free(pool->pages[--pool->page_count]);
    pool->free = NONE;
    pool->untouched = 0;
}

void gw_history_pool_destroy(struct gw_history_pool *pool)
{
    if (pool == NULL)
        return;
    give_pages_back(pool);
    free(pool->pages);
    free(pool);
}

static char *slot_of(const struct gw_history_pool *pool, uint32_t number)
{
    return pool->pages[number / PAGE_RECORDS] + (size_t)(number % PAGE_RECORDS) * pool->slot_bytes;
}

static uint32_t next_of(const struct gw_history_pool *pool, uint32_t number)
{
    uint32_t next;

    memcpy(&next, slot_of(pool, number), sizeof(next));
    return next;
}

static void set_next(struct gw_history_pool *pool, uint32_t number, uint32_t next)
{
    memcpy(slot_of(pool, number), &next, sizeof(next));
}

static uint32_t take_free(struct gw_history_pool *pool)
{
    uint32_t number = pool->free;

    if (number != NONE) {
        pool->free = next_of(pool, number);
        return number;
    }
    if (pool->untouched == pool->page_count * PAGE_RECORDS) {
        char *page = NULL;
        if (pool->page_count < pool->page_max)
            page = malloc(pool->slot_bytes * PAGE_RECORDS);
        if (page == NULL)
            return NONE;
        pool->pages[pool->page_count++] = page;
    }
    return pool->untouched++;
}

char *gw_history_pool_put(struct gw_history_pool *pool, struct gw_history_chain *chain)
{
    if (chain->count == pool->chain_max)
        gw_history_pool_drop(pool, chain, 1);
    uint32_t number = take_free(pool);
    if (number == NONE)
        return NULL;
    pool->used++;
    if (chain->count++ == 0)
        chain->first = number;
    else
        set_next(pool, chain->last, number);
    chain->last = number;
    return slot_of(pool, number) + sizeof(uint32_t);
}

uint32_t gw_history_pool_copy(const struct gw_history_pool *pool,
                              const struct gw_history_chain *chain, uint32_t max_count,
                              struct gw_buf *out)
{
    uint32_t count = chain->count < max_count ? chain->count : max_count;
    uint32_t number = chain->first;

    for (uint32_t i = 0; i < count; i++) {
        gw_buf_append(out, slot_of(pool, number) + sizeof(uint32_t), pool->record_bytes);
        if (i + 1 < count)
            number = next_of(pool, number);
    }
    return count;
}

void gw_history_pool_drop(struct gw_history_pool *pool, struct gw_history_chain *chain,
                          uint32_t count)
{
    for (; count > 0 && chain->count > 0; count--) {
        uint32_t number = chain->first;
        if (--chain->count > 0)
            chain->first = next_of(pool, number);
        set_next(pool, number, pool->free);
        pool->free = number;
        if (--pool->used == 0)
            give_pages_back(pool);
    }
}

size_t gw_history_pool_bytes(const struct gw_history_pool *pool)
{
    return pool->page_count * PAGE_RECORDS * pool->slot_bytes + pool->page_max * sizeof(char *);
}

bool gw_history_pool_is_pressed(const struct gw_history_pool *pool)
{
    return pool->used > pool->page_max * PAGE_RECORDS / 2;
}
