#include "policies/jwt/token_memory.h"

#include <stdlib.h>

static bool is_equal(const struct gw_worker_share *share, const void *config)
{
    const struct token_memory_config *have =
        &GW_CONTAINER_OF(share, const struct token_memory, share)->config;
    const struct token_memory_config *wanted = config;

    return have->cache_bytes == wanted->cache_bytes && have->cache_entries == wanted->cache_entries;
}

static void destroy(struct gw_worker_share *share)
{
    struct token_memory *memory = GW_CONTAINER_OF(share, struct token_memory, share);

    token_cache_destroy(memory->cache);
    denied_table_destroy(memory->denied);
    free(memory);
}

static struct gw_worker_share *create(const void *wanted, struct gw_worker *worker)
{
    struct token_memory *memory = calloc(1, sizeof(*memory));

    (void)worker;
    if (memory == NULL)
        return NULL;
    memory->config = *(const struct token_memory_config *)wanted;
    memory->cache = token_cache_create(memory->config.cache_bytes, memory->config.cache_entries);
    memory->denied = denied_table_create();
    if (memory->cache != NULL && memory->denied != NULL)
        return &memory->share;
    destroy(&memory->share);
    return NULL;
}

static const struct gw_worker_share_type share_type = {
    .is_equal = is_equal,
    .create = create,
    .destroy = destroy,
};

struct token_memory *token_memory_open(const struct token_memory_config *config,
                                       struct gw_worker *worker)
{
    struct gw_worker_share *share =
        worker == NULL ? create(config, NULL) : gw_worker_share_open(&share_type, config, worker);

    return share == NULL ? NULL : GW_CONTAINER_OF(share, struct token_memory, share);
}

void token_memory_close(struct token_memory *memory)
{
    if (memory == NULL)
        return;
    if (memory->share.type == NULL) /* of no worker */
        destroy(&memory->share);
    else
        gw_worker_share_close(&memory->share);
}
