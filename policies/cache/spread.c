#include "policies/cache/spread.h"

#include "server/core/clock.h"

#define RETRY_NS GW_NS_PER_SECOND

static void tell(struct cache_spread *spread);

static void on_all(void *self, uint64_t mark)
{
    struct cache_spread *spread = self;
    cache_store_purge_all(spread->store, mark);
}

static void on_tag(void *self, uint64_t hash, uint64_t mark)
{
    struct cache_spread *spread = self;
    cache_store_purge_tag(spread->store, hash, mark);
}

static const struct gw_purge_events events = {.on_all = on_all, .on_tag = on_tag};

static void on_retry(struct gw_timer *timer)
{
    tell(GW_CONTAINER_OF(timer, struct cache_spread, retry));
}

static void fail(struct cache_spread *spread)
{
    spread->is_writing = false;
    spread->owes_all = true;
    spread->waiting_count = 0;
    gw_timer_start(spread->loop, &spread->retry, RETRY_NS, on_retry);
}

static void on_told(struct gw_purge_write *write, int rc)
{
    struct cache_spread *spread = GW_CONTAINER_OF(write, struct cache_spread, write);

    if (rc != 0) {
        fail(spread);
        return;
    }
    spread->is_writing = false;
    tell(spread);
}

static void tell(struct cache_spread *spread)
{
    size_t count = spread->owes_all ? 0 : spread->waiting_count;

    if (spread->redis == NULL || spread->is_writing || (count == 0 && !spread->owes_all))
        return;
    gw_timer_stop(&spread->retry);
    spread->write.on_done = on_told;
    spread->is_writing = true;
    if (gw_purge_write_start(spread->redis, &spread->write, spread->waiting, count) != 0) {
        fail(spread);
        return;
    }
    spread->owes_all = false;
    spread->waiting_count = 0;
}

void cache_spread_init(struct cache_spread *spread, struct cache_store *store, struct gw_loop *loop,
                       struct gw_redis *redis)
{
    *spread = (struct cache_spread){.store = store, .redis = redis, .loop = loop};
    if (redis != NULL)
        spread->reader = gw_purge_reader_create(loop, redis, &events, spread);
}

void cache_spread_leave(struct cache_spread *spread)
{
    gw_timer_stop(&spread->retry);
    gw_purge_write_cancel(&spread->write);
    gw_purge_reader_destroy(spread->reader);
    spread->reader = NULL;
    spread->redis = NULL;
}

void cache_spread_purge(struct cache_spread *spread, struct gw_str tag)
{
    uint64_t hash = gw_purge_hash(tag);

    cache_store_purge_tag(spread->store, hash, cache_store_next_mark(spread->store));
    if (spread->redis == NULL)
        return;
    if (spread->waiting_count == GW_PURGE_MAX_TAGS)
        spread->owes_all = true;
    else
        spread->waiting[spread->waiting_count++] = hash;
    if (!gw_list_is_empty(&spread->retry.node) && spread->owes_all)
        return; /* Redis is away: the retry will tell */
    tell(spread);
}

bool cache_spread_is_current(const struct cache_spread *spread)
{
    return spread->reader != NULL && gw_purge_reader_is_current(spread->reader);
}
