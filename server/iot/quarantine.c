#include "server/iot/quarantine.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/map.h"
#include "server/iot/board_write.h"
#include "server/net/loop.h"

#define TICK_NS GW_NS_PER_SECOND
#define MAX_GATHERED 1000 /* names of one second */
#define MAX_NAME_BYTES 512
#define MAX_DETAIL_BYTES 200

static const struct gw_script add_script = {
    "iot.quarantine",
    GW_STR_INIT("local room = tonumber(ARGV[1]) - redis.call('HLEN', KEYS[1])\n"
                "for i = 2, #ARGV, 5 do\n"
                "  local field, first, last, count, detail = unpack(ARGV, i, i + 4)\n"
                "  local old = redis.call('HGET', KEYS[1], field)\n"
                "  if old then\n"
                "    local was, times = string.match(old, '^(%d+) %d+ (%d+)')\n"
                "    first = was or first\n"
                "    count = string.format('%.0f', count + (times or 0))\n"
                "  else\n"
                "    room = room - 1\n"
                "  end\n"
                "  if old or room >= 0 then\n"
                "    redis.call('HSET', KEYS[1], field, first .. ' ' .. last .. ' ' .. count ..\n"
                "               ' ' .. detail)\n"
                "  end\n"
                "end\n"
                "return 1\n")};

struct entry {
    struct gw_list node;
    struct gw_str field; /* allocated with it */
    int64_t first_ms, last_ms;
    uint64_t count;
    char detail[MAX_DETAIL_BYTES];
    size_t detail_len;
};

struct gw_iot_quarantine {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_timer tick;
    struct gw_map by_field;
    struct gw_list entries, writes;
    uint64_t counts[GW_QUARANTINE_REASON_COUNT];
};

static void forget_all(struct gw_iot_quarantine *quarantine)
{
    struct gw_list *node;

    while ((node = gw_list_take(&quarantine->entries)) != NULL) {
        struct entry *entry = GW_LIST_ITEM(node, struct entry, node);
        gw_map_remove(&quarantine->by_field, entry->field);
        free(entry);
    }
}

/* What Redis does not take now waits for the next second. */
static void write_all(struct gw_iot_quarantine *quarantine)
{
    if (gw_list_is_empty(&quarantine->entries))
        return;
    struct gw_board_write *write = gw_board_write_create(&quarantine->writes, &add_script, 1,
                                                         5 * quarantine->by_field.count + 1);
    if (write == NULL)
        return;
    write->keys[0] = GW_STR(GW_QUARANTINE_KEY);
    write->eval.key_count = 1;
    gw_board_write_number(write, GW_QUARANTINE_MAX);
    for (struct gw_list *at = quarantine->entries.next; at != &quarantine->entries; at = at->next) {
        struct entry *entry = GW_LIST_ITEM(at, struct entry, node);
        gw_board_write_arg(write, entry->field);
        gw_board_write_number(write, entry->first_ms);
        gw_board_write_number(write, entry->last_ms);
        gw_board_write_number(write, (int64_t)entry->count);
        gw_board_write_arg(write, gw_str_from(entry->detail, entry->detail_len));
    }
    if (gw_board_write_send(write, quarantine->redis) == 0)
        forget_all(quarantine);
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_iot_quarantine *quarantine = GW_CONTAINER_OF(timer, struct gw_iot_quarantine, tick);

    gw_timer_start(quarantine->loop, timer, TICK_NS, on_tick);
    write_all(quarantine);
}

static struct entry *make_entry(struct gw_iot_quarantine *quarantine,
                                enum gw_quarantine_reason reason, struct gw_str name)
{
    const char *word = gw_quarantine_reason_name(reason);
    size_t len = strlen(word) + 1 + name.len;
    struct entry *entry = malloc(sizeof(*entry) + len + 1);

    if (entry == NULL)
        return NULL;
    char *text = (char *)(entry + 1);
    *entry = (struct entry){.field = gw_str_from(text, len)};
    memcpy(text, word, strlen(word));
    text[strlen(word)] = ' ';
    if (name.len > 0)
        memcpy(text + strlen(word) + 1, name.ptr, name.len);
    const struct entry *known = gw_map_get(&quarantine->by_field, entry->field);
    if (known != NULL) {
        free(entry);
        return (struct entry *)known;
    }
    if (gw_map_add(&quarantine->by_field, entry->field, entry) != 0) {
        free(entry);
        return NULL;
    }
    gw_list_append(&quarantine->entries, &entry->node);
    return entry;
}

void gw_iot_quarantine_add(struct gw_iot_quarantine *quarantine, enum gw_quarantine_reason reason,
                           struct gw_str name, struct gw_str detail, int64_t now_ms)
{
    quarantine->counts[reason]++;
    if (name.len > MAX_NAME_BYTES)
        name.len = MAX_NAME_BYTES;
    struct entry *entry = make_entry(quarantine, reason, name);
    if (entry == NULL)
        return;
    if (entry->count++ == 0)
        entry->first_ms = now_ms;
    entry->last_ms = now_ms;
    entry->detail_len = detail.len < MAX_DETAIL_BYTES ? detail.len : MAX_DETAIL_BYTES;
    if (entry->detail_len > 0)
        memcpy(entry->detail, detail.ptr, entry->detail_len);
}

const uint64_t *gw_iot_quarantine_counts(const struct gw_iot_quarantine *quarantine)
{
    return quarantine->counts;
}

struct gw_iot_quarantine *gw_iot_quarantine_create(struct gw_loop *loop, struct gw_redis *redis)
{
    struct gw_iot_quarantine *quarantine = calloc(1, sizeof(*quarantine));

    if (quarantine == NULL)
        return NULL;
    quarantine->loop = loop;
    quarantine->redis = redis;
    gw_list_init(&quarantine->entries);
    gw_list_init(&quarantine->writes);
    gw_map_init(&quarantine->by_field, MAX_GATHERED);
    gw_timer_start(loop, &quarantine->tick, TICK_NS, on_tick);
    return quarantine;
}

void gw_iot_quarantine_destroy(struct gw_iot_quarantine *quarantine)
{
    if (quarantine == NULL)
        return;
    gw_timer_stop(&quarantine->tick);
    write_all(quarantine);
    gw_redis_flush(quarantine->redis);
    gw_board_write_destroy_all(&quarantine->writes);
    forget_all(quarantine);
    gw_map_finish(&quarantine->by_field);
    free(quarantine);
}
