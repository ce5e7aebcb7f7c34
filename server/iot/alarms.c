#include "server/iot/alarms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/arena.h"
#include "server/core/clock.h"
#include "server/core/list.h"
#include "server/core/log.h"
#include "server/crypto/digest.h"
#include "server/net/loop.h"
#include "server/store/record.h"

#define RETRY_NS (GW_NS_PER_SECOND / 2)
#define MAX_PENDING 20000
#define MAX_DATA_BYTES 4096
#define ARG_COUNT 11
#define NOBODYS UINT32_MAX

/* KEYS: the plant's set, the alarm. ARGV: id, state, time, event, device, equipment, signal,
 * severity, data, the greatest number of a plant's alarms, the set's name. */
static const struct gw_script tell_script = {
    "iot.alarm",
    GW_STR_INIT(
        "local old = redis.call('HMGET', KEYS[2], 'event', 'changed', 'version', 'times', "
        "'before')\n"
        "if old[1] == ARGV[4] or old[5] == ARGV[4] or\n"
        "   (old[2] and tonumber(old[2]) > tonumber(ARGV[3])) then\n"
        "  return 0\n"
        "end\n"
        "redis.call('HSET', KEYS[2], 'state', ARGV[2], 'changed', ARGV[3], 'event', ARGV[4],\n"
        "  'device', ARGV[5], 'equipment', ARGV[6], 'signal', ARGV[7], 'severity', ARGV[8],\n"
        "  'data', ARGV[9], ARGV[2], ARGV[3], 'version', (old[3] or 0) + 1,\n"
        "  'before', old[1] or '')\n"
        "if ARGV[2] == 'raised' then\n"
        "  redis.call('HSET', KEYS[2], 'times', (old[4] or 0) + 1)\n"
        "  redis.call('HDEL', KEYS[2], 'cleared', 'acknowledged', 'by', 'comment')\n"
        "end\n"
        "redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])\n"
        "if redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[10]) then\n"
        "  for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, 99)) do\n"
        "    local key = ARGV[11] .. ':' .. id\n"
        "    if redis.call('HGET', key, 'state') ~= 'raised' then\n"
        "      redis.call('DEL', key)\n"
        "      redis.call('ZREM', KEYS[1], id)\n"
        "      break\n"
        "    end\n"
        "  end\n"
        "end\n"
        "return 1\n")};

struct telling {
    struct gw_list node;
    struct gw_arena arena;
    struct gw_str keys[2], args[ARG_COUNT];
    uint32_t edge_node; /* in the registry; NOBODYS: it is there no more */
};

struct gw_iot_alarms {
    struct gw_loop *loop;
    struct gw_record_writer *writer;
    struct gw_list pending; /* the first is under way */
    size_t count;
    uint32_t *node_counts; /* of these, by edge node */
    struct gw_record_write write;
    struct gw_redis_eval eval;
    bool is_writing;
    struct gw_timer retry;
};

void gw_alarm_id(const struct gw_device_config *device, struct gw_str signal,
                 char out[GW_ALARM_ID_BYTES])
{
    uint8_t digest[GW_SHA256_BYTES];
    char text[3 * GW_MAX_DEVICE_NAME + 300];
    int len = snprintf(text, sizeof(text), "%.*s\n%.*s", GW_STR_ARG(device->id),
                       (int)(signal.len < 256 ? signal.len : 256), signal.ptr);

    gw_digest_compute(GW_SHA256, gw_str_from(text, (size_t)len), digest);
    for (size_t i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

struct gw_str gw_alarm_key(struct gw_str plant, struct gw_str id, char out[GW_ALARM_KEY_BYTES])
{
    int len = snprintf(out, GW_ALARM_KEY_BYTES, "millgate:iot:{alarms:%.*s}%s%.*s",
                       (int)(plant.len < 64 ? plant.len : 64), plant.ptr, id.len > 0 ? ":" : "",
                       (int)(id.len < 64 ? id.len : 64), id.ptr);

    return gw_str_from(out, (size_t)len);
}

static void destroy(struct telling *telling)
{
    gw_list_remove(&telling->node);
    gw_arena_finish(&telling->arena);
    free(telling);
}

static void tell_next(struct gw_iot_alarms *alarms);

static bool on_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    (void)write;
    return reply->integer == 1;
}

static void on_retry(struct gw_timer *timer)
{
    tell_next(GW_CONTAINER_OF(timer, struct gw_iot_alarms, retry));
}

static void on_done(struct gw_record_write *write, int rc)
{
    struct gw_iot_alarms *alarms = GW_CONTAINER_OF(write, struct gw_iot_alarms, write);

    alarms->is_writing = false;
    if (rc != 0) {
        gw_timer_start(alarms->loop, &alarms->retry, RETRY_NS, on_retry);
        return;
    }
    struct telling *told = GW_LIST_ITEM(alarms->pending.next, struct telling, node);
    alarms->count--;
    if (told->edge_node != NOBODYS)
        alarms->node_counts[told->edge_node]--;
    destroy(told);
    tell_next(alarms);
}

static void tell_next(struct gw_iot_alarms *alarms)
{
    if (alarms->is_writing || gw_list_is_empty(&alarms->pending))
        return;
    struct telling *telling = GW_LIST_ITEM(alarms->pending.next, struct telling, node);
    alarms->eval = (struct gw_redis_eval){&tell_script,  telling->keys, 2,
                                          telling->args, ARG_COUNT,     2 * GW_NS_PER_SECOND};
    alarms->write.on_reply = on_reply;
    alarms->write.on_done = on_done;
    alarms->is_writing = gw_record_write_start(alarms->writer, &alarms->write, &alarms->eval) == 0;
    if (!alarms->is_writing)
        gw_timer_start(alarms->loop, &alarms->retry, RETRY_NS, on_retry);
}

static bool fill(struct telling *telling, const struct gw_alarm_news *news)
{
    struct gw_arena *arena = &telling->arena;
    const struct gw_device_config *device = news->device;
    char id[GW_ALARM_ID_BYTES], set[GW_ALARM_KEY_BYTES], key[GW_ALARM_KEY_BYTES], time[24], max[24];
    bool is_raised = news->change == GW_ALARM_RAISED;

    gw_alarm_id(device, news->signal, id);
    snprintf(time, sizeof(time), "%lld", (long long)news->time_ms);
    snprintf(max, sizeof(max), "%d", GW_ALARMS_MAX);
    telling->keys[0] = gw_arena_copy(arena, gw_alarm_key(device->plant, GW_STR(""), set));
    telling->keys[1] = gw_arena_copy(arena, gw_alarm_key(device->plant, gw_str_of(id), key));
    const struct gw_str args[ARG_COUNT] = {
        gw_str_of(id),
        is_raised ? GW_STR("raised") : GW_STR("cleared"),
        gw_str_of(time),
        news->event_id,
        device->id,
        device->equipment,
        news->signal,
        gw_str_of(news->severity != NULL ? news->severity : ""),
        news->data.len <= MAX_DATA_BYTES ? news->data : GW_STR("{}"),
        gw_str_of(max),
        telling->keys[0],
    };
    for (size_t i = 0; i < ARG_COUNT; i++) {
        telling->args[i] = gw_arena_copy(arena, args[i]);
        if (telling->args[i].ptr == NULL)
            return false;
    }
    return telling->keys[0].ptr != NULL && telling->keys[1].ptr != NULL;
}

bool gw_iot_alarms_tell(struct gw_iot_alarms *alarms, const struct gw_alarm_news *news)
{
    struct telling *telling = alarms->count < MAX_PENDING ? calloc(1, sizeof(*telling)) : NULL;

    if (telling == NULL)
        return false;
    gw_arena_init(&telling->arena, 1024, 64u << 10);
    telling->edge_node = news->device->node;
    gw_list_init(&telling->node);
    if (!fill(telling, news)) {
        destroy(telling);
        return false;
    }
    gw_list_append(&alarms->pending, &telling->node);
    alarms->count++;
    alarms->node_counts[telling->edge_node]++;
    tell_next(alarms);
    return true;
}

size_t gw_iot_alarms_pending(const struct gw_iot_alarms *alarms)
{
    return alarms->count;
}

bool gw_iot_alarms_has_all(const struct gw_iot_alarms *alarms,
                           const struct gw_edge_node_config *node)
{
    return alarms->node_counts[node->index] == 0;
}

struct gw_iot_alarms *gw_iot_alarms_create(struct gw_loop *loop, struct gw_record_writer *writer,
                                           const struct gw_registry *registry)
{
    struct gw_iot_alarms *alarms = calloc(1, sizeof(*alarms));

    if (alarms == NULL)
        return NULL;
    alarms->node_counts = calloc(gw_registry_node_count(registry) + 1, sizeof(uint32_t));
    if (alarms->node_counts == NULL) {
        free(alarms);
        return NULL;
    }
    alarms->loop = loop;
    alarms->writer = writer;
    gw_list_init(&alarms->pending);
    return alarms;
}

void gw_iot_alarms_change(struct gw_iot_alarms *alarms, const struct gw_registry *before,
                          const struct gw_registry *registry, uint32_t *counts)
{
    for (struct gw_list *item = alarms->pending.next; item != &alarms->pending; item = item->next) {
        struct telling *telling = GW_LIST_ITEM(item, struct telling, node);
        const struct gw_edge_node_config *next = NULL;
        if (telling->edge_node != NOBODYS) {
            const struct gw_edge_node_config *node = gw_registry_node(before, telling->edge_node);
            next = gw_registry_find_node(registry, node->group, node->edge_node);
        }
        telling->edge_node = next != NULL ? next->index : NOBODYS;
        if (next != NULL)
            counts[next->index]++;
    }
    free(alarms->node_counts);
    alarms->node_counts = counts;
}

void gw_iot_alarms_destroy(struct gw_iot_alarms *alarms)
{
    if (alarms == NULL)
        return;
    gw_timer_stop(&alarms->retry);
    gw_record_writer_flush(alarms->writer);
    gw_record_write_stop(&alarms->write);
    while (!gw_list_is_empty(&alarms->pending))
        destroy(GW_LIST_ITEM(alarms->pending.next, struct telling, node));
    free(alarms->node_counts);
    free(alarms);
}
