#include "share.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/core/hash.h"
#include "server/core/list.h"
#include "server/core/map.h"

struct bucket {
    struct gw_list node; /* most recently used first */
    uint64_t full_at_ticks;
    size_t key_len;
    char key[SHARE_MAX_KEY_BYTES];
};

struct share {
    struct gw_map map;
    struct gw_list used;
    size_t count, max_count;
    struct bucket buckets[];
};

struct share *share_create(size_t max_subjects)
{
    struct share *share = calloc(1, sizeof(*share) + max_subjects * sizeof(struct bucket));

    if (share == NULL)
        return NULL;
    gw_map_init(&share->map, max_subjects);
    gw_list_init(&share->used);
    share->max_count = max_subjects;
    return share;
}

void share_destroy(struct share *share)
{
    if (share == NULL)
        return;
    gw_map_finish(&share->map);
    free(share);
}

static struct bucket *take_bucket(struct share *share)
{
    if (share->count < share->max_count)
        return &share->buckets[share->count++];

    struct bucket *oldest = GW_LIST_ITEM(share->used.previous, struct bucket, node);
    gw_list_remove(&oldest->node);
    gw_map_remove(&share->map, gw_str_from(oldest->key, oldest->key_len));
    return oldest;
}

static struct bucket *find_bucket(struct share *share, struct gw_str key)
{
    struct bucket *bucket = gw_map_get(&share->map, key);

    if (bucket != NULL) {
        gw_list_remove(&bucket->node);
    } else {
        bucket = take_bucket(share);
        bucket->full_at_ticks = 0;
        bucket->key_len = key.len;
        memcpy(bucket->key, key.ptr, key.len);
        int rc = gw_map_add(&share->map, gw_str_from(bucket->key, bucket->key_len), bucket);
        (void)rc; /* without memory for the table it is only not found again */
    }
    gw_list_prepend(&share->used, &bucket->node);
    return bucket;
}

struct gcra_decision share_take(struct share *share, struct gw_str key,
                                const struct gcra_rate *rate, uint64_t now_ns)
{
    char digest[24];

    if (key.len > SHARE_MAX_KEY_BYTES) {
        int len = snprintf(digest, sizeof(digest), "#%016llx",
                           (unsigned long long)gw_hash(gw_hash_process_key(), key));
        key = gw_str_from(digest, (size_t)len);
    }
    return gcra_take(&find_bucket(share, key)->full_at_ticks, rate, gcra_ticks(now_ns));
}

size_t share_get_count(const struct share *share)
{
    return share->count;
}
