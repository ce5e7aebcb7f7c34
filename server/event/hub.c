/* The blocking reads, and who is handed what they give. Readers that are behind: reader.c. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/event/event_metrics.h"
#include "server/event/hub_private.h"
#include "server/event/log_keys.h"
#include "server/observe/metrics.h"
#include "server/store/redis.h"

#define AGAIN_NS (200 * GW_NS_PER_MS)   /* after a failure */
#define CLUSTER_NS (100 * GW_NS_PER_MS) /* between two questions to a cluster */
#define ANSWER_NS ((GW_EVENT_HUB_BLOCK_MS + UINT64_C(2000)) * GW_NS_PER_MS)
#define SCRATCH_BYTES (64 * 1024)
#define MAX_SCRATCH_BYTES (16 * 1024 * 1024)
#define READ_BYTES (8 * 1024 * 1024) /* of one reply at most: half of what the client takes */

struct gw_event_hub *gw_event_hub_create(struct gw_loop *loop, struct gw_redis *redis,
                                         struct gw_redis *blocking, unsigned partitions,
                                         struct gw_metrics_shard *metrics)
{
    struct gw_event_hub *hub = calloc(1, sizeof(*hub));

    assert(partitions > 0 && partitions <= GW_EVENT_MAX_PARTITIONS);
    if (hub == NULL)
        return NULL;
    hub->loop = loop;
    hub->redis = redis;
    hub->blocking = blocking;
    hub->partitions = partitions;
    hub->metrics = metrics;
    gw_list_init(&hub->readers);
    gw_arena_init(&hub->scratch, SCRATCH_BYTES, MAX_SCRATCH_BYTES);
    for (unsigned i = 0; i < partitions; i++)
        hub->keys[i] = gw_event_key(i, "stream", hub->key_texts[i]);
    size_t count = READ_BYTES / ((size_t)partitions * GW_EVENT_MAX_BYTES);
    snprintf(hub->count, sizeof(hub->count), "%zu", count > 0 ? count : 1);
    snprintf(hub->block_ms, sizeof(hub->block_ms), "%d", GW_EVENT_HUB_BLOCK_MS);
    return hub;
}

void gw_event_hub_destroy(struct gw_event_hub *hub)
{
    if (hub == NULL)
        return;
    gw_timer_stop(&hub->again);
    for (size_t i = 0; i < GW_COUNT_OF(hub->lanes); i++) {
        if (hub->lanes[i].call != NULL)
            gw_redis_cancel(hub->lanes[i].call);
    }
    for (unsigned i = 0; i < hub->partitions; i++) {
        if (hub->tail_calls[i].call != NULL)
            gw_redis_cancel(hub->tail_calls[i].call);
    }
    gw_arena_finish(&hub->scratch);
    free(hub);
}

size_t gw_event_hub_count(const struct gw_event_hub *hub)
{
    return hub->reader_count;
}

bool gw_event_hub_is_live(const struct gw_event_hub *hub)
{
    return hub->is_known && !hub->is_deaf;
}

bool gw_event_hub_is_deaf(const struct gw_event_hub *hub)
{
    return hub->is_deaf;
}

unsigned gw_event_hub_partitions(const struct gw_event_hub *hub)
{
    return hub->partitions;
}

uint64_t gw_event_hub_lag_ms(const struct gw_event_hub *hub)
{
    uint64_t most_ms = 0;

    for (struct gw_list *node = hub->readers.next; hub->is_known && node != &hub->readers;
         node = node->next) {
        const struct gw_event_reader *reader = GW_LIST_ITEM(node, struct gw_event_reader, node);
        for (unsigned i = 0; i < hub->partitions; i++) {
            uint64_t tail_ms = hub->tails[i].ms, at_ms = reader->positions[i].ms;
            if (!reader->begins_now && tail_ms > at_ms && at_ms > 0 && tail_ms - at_ms > most_ms)
                most_ms = tail_ms - at_ms;
        }
    }
    return most_ms;
}

/* --- what is read --- */

bool gw_event_entry_read(const struct gw_reply *entry, struct gw_event_position *out_at,
                         struct gw_str *out_json)
{
    if (entry->count != 2 || entry->items[1].count < 2 ||
        gw_event_position_parse(entry->items[0].text, out_at) != 0)
        return false;
    *out_json = entry->items[1].items[1].text;
    return true;
}

/* To those that have read all before it. */
static void hand_out(struct gw_event_hub *hub, unsigned partition, const struct gw_reply *entry)
{
    struct gw_event_place place = {.partition = partition};
    struct gw_event event;
    struct gw_error error;
    struct gw_str json;

    if (!gw_event_entry_read(entry, &place.at, &json) ||
        gw_event_position_compare(place.at, hub->tails[partition]) <= 0)
        return;
    bool is_event = gw_event_parse(json, &hub->scratch, &event, &error) == 0;
    for (struct gw_list *node = hub->readers.next; node != &hub->readers; node = node->next) {
        struct gw_event_reader *reader = GW_LIST_ITEM(node, struct gw_event_reader, node);
        bool is_behind =
            reader->begins_now ||
            gw_event_position_compare(reader->positions[partition], hub->tails[partition]) < 0;
        if (!is_behind)
            gw_event_reader_offer(reader, &place, is_event ? &event : NULL, json);
    }
    hub->tails[partition] = place.at;
    gw_arena_reset(&hub->scratch);
}

/* The number in "{millgate:events:3}:stream". */
static unsigned partition_of(struct gw_str key)
{
    struct gw_str prefix = GW_STR("{millgate:events:");
    uint64_t number = GW_EVENT_MAX_PARTITIONS;

    if (gw_str_has_prefix(key, prefix)) {
        key = gw_str_tail(key, prefix.len);
        if (gw_str_to_u64(gw_str_from(key.ptr, gw_str_find(key, '}')), &number) != 0)
            return GW_EVENT_MAX_PARTITIONS;
    }
    return number < GW_EVENT_MAX_PARTITIONS ? (unsigned)number : GW_EVENT_MAX_PARTITIONS;
}

static void take_entries(struct gw_event_hub *hub, unsigned partition,
                         const struct gw_reply *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        hand_out(hub, partition, &entries->items[i]);
}

static void take_streams(struct gw_event_hub *hub, const struct gw_reply *reply)
{
    for (size_t i = 0; i < reply->count; i++) {
        const struct gw_reply *stream = &reply->items[i];
        unsigned partition =
            stream->count == 2 ? partition_of(stream->items[0].text) : GW_EVENT_MAX_PARTITIONS;
        if (partition < hub->partitions)
            take_entries(hub, partition, &stream->items[1]);
    }
}

static void pump_all(struct gw_event_hub *hub)
{
    for (struct gw_list *node = hub->readers.next; node != &hub->readers; node = node->next)
        gw_event_reader_pump(GW_LIST_ITEM(node, struct gw_event_reader, node));
}

/* --- the reads --- */

static void ask_all(struct gw_event_hub *hub);

static void on_again(struct gw_timer *timer)
{
    struct gw_event_hub *hub = GW_CONTAINER_OF(timer, struct gw_event_hub, again);

    if (hub->is_known)
        ask_all(hub);
    else
        gw_event_hub_wake(hub);
}

static void ask_later(struct gw_event_hub *hub, uint64_t after_ns)
{
    gw_timer_start(hub->loop, &hub->again, after_ns, on_again);
}

/* All that was asked is answered. */
static void end_read(struct gw_event_hub *hub)
{
    hub->is_deaf = hub->has_failed;
    if (gw_list_is_empty(&hub->readers)) {
        hub->is_deaf = hub->is_known = false; /* nobody hears of new ones any more */
        return;
    }
    pump_all(hub);
    if (hub->is_deaf)
        ask_later(hub, AGAIN_NS);
    else if (gw_redis_is_cluster(hub->redis))
        ask_later(hub, CLUSTER_NS);
    else
        ask_all(hub);
}

static void on_read(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_event_lane *lane = self;
    struct gw_event_hub *hub = lane->hub;
    bool is_read = rc == 0 && (reply->type == GW_REPLY_ARRAY || reply->type == GW_REPLY_NIL);

    lane->call = NULL;
    hub->has_failed |= !is_read;
    if (is_read && gw_redis_is_cluster(hub->redis))
        take_entries(hub, (unsigned)(lane - hub->lanes), reply);
    else if (is_read)
        take_streams(hub, reply);
    if (--hub->asked == 0)
        end_read(hub);
}

static void send_read(struct gw_event_hub *hub, unsigned index, struct gw_redis *redis,
                      const struct gw_redis_command *command)
{
    struct gw_event_lane *lane = &hub->lanes[index];

    lane->hub = hub;
    if (gw_redis_send(redis, command, on_read, lane, &lane->call) == 0) {
        hub->asked++;
    } else {
        lane->call = NULL;
        hub->has_failed = hub->is_deaf = true;
    }
}

static void ask_partition(struct gw_event_hub *hub, unsigned partition)
{
    struct gw_event_position at = hub->tails[partition];
    char after[GW_EVENT_PLACE_BYTES + 1];
    int len = snprintf(after, sizeof(after), "(%" PRIu64 "-%" PRIu64, at.ms, at.seq);
    const struct gw_str words[] = {
        GW_STR("XRANGE"), hub->keys[partition], gw_str_from(after, (size_t)len),
        GW_STR("+"),      GW_STR("COUNT"),      gw_str_of(hub->count)};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), GW_EVENT_ANSWER_NS};

    send_read(hub, partition, hub->redis, &command);
}

static void ask_blocking(struct gw_event_hub *hub)
{
    char texts[GW_EVENT_MAX_PARTITIONS][GW_EVENT_PLACE_BYTES];
    struct gw_str words[6 + 2 * GW_EVENT_MAX_PARTITIONS] = {
        GW_STR("XREAD"), GW_STR("COUNT"),          gw_str_of(hub->count),
        GW_STR("BLOCK"), gw_str_of(hub->block_ms), GW_STR("STREAMS")};
    const struct gw_redis_command command = {words, 6 + 2 * (size_t)hub->partitions, ANSWER_NS};

    for (unsigned i = 0; i < hub->partitions; i++) {
        words[6 + i] = hub->keys[i];
        words[6 + hub->partitions + i] = gw_event_position_print(hub->tails[i], texts[i]);
    }
    send_read(hub, 0, hub->blocking, &command);
}

static void ask_all(struct gw_event_hub *hub)
{
    if (hub->asked > 0)
        return;
    hub->has_failed = false;
    if (!gw_redis_is_cluster(hub->redis))
        ask_blocking(hub);
    for (unsigned i = 0; gw_redis_is_cluster(hub->redis) && i < hub->partitions; i++)
        ask_partition(hub, i);
    if (hub->asked == 0)
        ask_later(hub, AGAIN_NS);
}

/* --- the newest events, when somebody begins to read --- */

static void end_search(struct gw_event_hub *hub)
{
    if (hub->has_missed) {
        ask_later(hub, AGAIN_NS);
        return;
    }
    hub->is_known = true;
    ask_all(hub);
    pump_all(hub);
}

static void on_tail(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_event_tail_call *tail = self;
    struct gw_event_hub *hub = tail->hub;
    unsigned partition = (unsigned)(tail - hub->tail_calls);
    struct gw_event_position at = {0, 0};
    struct gw_str json;

    tail->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY ||
        (reply->count > 0 && !gw_event_entry_read(&reply->items[0], &at, &json)))
        hub->has_missed = true;
    else
        hub->tails[partition] = at;
    if (--hub->searches == 0)
        end_search(hub);
}

void gw_event_hub_wake(struct gw_event_hub *hub)
{
    if (hub->is_known || hub->searches > 0 || gw_list_is_empty(&hub->readers))
        return;
    gw_timer_stop(&hub->again);
    hub->has_missed = false;
    for (unsigned i = 0; i < hub->partitions; i++) {
        const struct gw_str words[] = {GW_STR("XREVRANGE"), hub->keys[i],    GW_STR("+"),
                                       GW_STR("-"),         GW_STR("COUNT"), GW_STR("1")};
        const struct gw_redis_command command = {words, GW_COUNT_OF(words), GW_EVENT_ANSWER_NS};
        hub->tail_calls[i].hub = hub;
        if (gw_redis_send(hub->redis, &command, on_tail, &hub->tail_calls[i],
                          &hub->tail_calls[i].call) != 0) {
            hub->tail_calls[i].call = NULL;
            hub->has_missed = true;
        } else {
            hub->searches++;
        }
    }
    if (hub->searches == 0)
        ask_later(hub, AGAIN_NS);
}
