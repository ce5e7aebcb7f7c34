#include "policies/cache/memory.h"

#include <stdlib.h>

static struct cache_memory *memory_of(struct gw_worker_share *share)
{
    return GW_CONTAINER_OF(share, struct cache_memory, share);
}

static bool is_equal(const struct gw_worker_share *share, const void *config)
{
    const struct cache_memory_config *have =
        &GW_CONTAINER_OF(share, const struct cache_memory, share)->config;
    const struct cache_memory_config *wanted = config;

    return have->max_bytes == wanted->max_bytes &&
           have->second.max_bytes == wanted->second.max_bytes &&
           have->second.max_object_bytes == wanted->second.max_object_bytes &&
           have->second.timeout_ns == wanted->second.timeout_ns;
}

static void destroy(struct gw_worker_share *share)
{
    struct cache_memory *memory = memory_of(share);

    cache_store_finish(&memory->store);
    cache_keyer_finish(&memory->keyer);
    cache_collapse_finish(&memory->collapse);
    free(memory);
}

static void leave(struct gw_worker_share *share)
{
    struct cache_memory *memory = memory_of(share);

    cache_collapse_leave(&memory->collapse);
    cache_spread_leave(&memory->spread);
    cache_second_leave(&memory->second);
}

static struct gw_worker_share *create(const void *wanted, struct gw_worker *worker)
{
    struct cache_memory *memory = calloc(1, sizeof(*memory));

    if (memory == NULL)
        return NULL;
    memory->config = *(const struct cache_memory_config *)wanted;
    cache_store_init(&memory->store, memory->config.max_bytes);
    cache_collapse_init(&memory->collapse, worker->loop);
    if (cache_keyer_init(&memory->keyer) != 0) {
        destroy(&memory->share);
        return NULL;
    }
    cache_spread_init(&memory->spread, &memory->store, worker->loop, worker->redis);
    cache_second_init(&memory->second, &memory->config.second, worker->loop, worker->redis);
    return &memory->share;
}

static const struct gw_worker_share_type share_type = {
    .is_equal = is_equal,
    .create = create,
    .leave = leave,
    .destroy = destroy,
};

struct cache_memory *cache_memory_open(const struct cache_memory_config *config,
                                       struct gw_worker *worker)
{
    struct gw_worker_share *share = gw_worker_share_open(&share_type, config, worker);

    return share == NULL ? NULL : memory_of(share);
}

void cache_memory_close(struct cache_memory *memory)
{
    if (memory != NULL)
        gw_worker_share_close(&memory->share);
}
