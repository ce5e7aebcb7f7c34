#include "server/iot/shelved.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/list.h"
#include "server/core/map.h"
#include "server/iot/alarms.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define ROUND_NS GW_NS_PER_SECOND
#define MIN_TICK_NS (20 * GW_NS_PER_MS)
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)
#define MAX_ENTRIES 100000 /* of all plants */

struct entry {
    struct gw_list node;
    char id[GW_ALARM_ID_BYTES];
    int64_t until_ms;
    size_t plant;
    uint64_t turn; /* of the reading that last had it */
};

struct gw_iot_shelved {
    struct gw_loop *loop;
    struct gw_redis *redis;
    char **plants;             /* the registry's */
    size_t plant_count, plant; /* the one that is read, or is next */
    struct gw_timer tick;
    struct gw_redis_call *call;
    struct gw_map by_id;
    struct gw_list entries;
    uint64_t turn;
};

/* --- what Redis has --- */

static void forget(struct gw_iot_shelved *shelved, struct entry *entry)
{
    gw_map_remove(&shelved->by_id, gw_str_of(entry->id));
    gw_list_remove(&entry->node);
    free(entry);
}

static struct entry *add(struct gw_iot_shelved *shelved, struct gw_str id)
{
    struct entry *entry = id.len < GW_ALARM_ID_BYTES ? calloc(1, sizeof(*entry)) : NULL;

    if (entry == NULL)
        return NULL;
    snprintf(entry->id, sizeof(entry->id), "%.*s", GW_STR_ARG(id));
    entry->plant = shelved->plant;
    if (gw_map_add(&shelved->by_id, gw_str_of(entry->id), entry) != 0) {
        free(entry);
        return NULL;
    }
    gw_list_append(&shelved->entries, &entry->node);
    return entry;
}

static void take(struct gw_iot_shelved *shelved, struct gw_str id, struct gw_str text)
{
    struct entry *entry = gw_map_get(&shelved->by_id, id);
    struct gw_str since, until;
    uint64_t until_ms;

    if (!gw_str_split(&text, ' ', &since) || !gw_str_split(&text, ' ', &until) ||
        gw_str_to_u64(until, &until_ms) != 0 || until_ms > INT64_MAX)
        return;
    if (entry == NULL)
        entry = add(shelved, id);
    if (entry == NULL)
        return;
    entry->until_ms = (int64_t)until_ms;
    entry->turn = shelved->turn;
}

static void on_shelved(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_iot_shelved *shelved = self;

    shelved->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY)
        return; /* as it was, until Redis is back */
    shelved->turn++;
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        take(shelved, reply->items[i].text, reply->items[i + 1].text);
    for (struct gw_list *at = shelved->entries.next; at != &shelved->entries;) {
        struct entry *entry = GW_LIST_ITEM(at, struct entry, node);
        at = at->next;
        if (entry->plant == shelved->plant && entry->turn != shelved->turn)
            forget(shelved, entry);
    }
    shelved->plant = (shelved->plant + 1) % shelved->plant_count;
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_iot_shelved *shelved = GW_CONTAINER_OF(timer, struct gw_iot_shelved, tick);
    uint64_t tick_ns = ROUND_NS / shelved->plant_count;
    char key[GW_ALARM_KEY_BYTES];

    gw_timer_start(shelved->loop, timer, tick_ns > MIN_TICK_NS ? tick_ns : MIN_TICK_NS, on_tick);
    if (shelved->call != NULL)
        return;
    const struct gw_str words[] = {
        GW_STR("HGETALL"),
        gw_alarm_key(gw_str_of(shelved->plants[shelved->plant]), GW_STR("shelved"), key)};
    const struct gw_redis_command command = {words, 2, TIMEOUT_NS};
    if (gw_redis_send(shelved->redis, &command, on_shelved, shelved, &shelved->call) != 0)
        shelved->call = NULL;
}

/* --- for others --- */

bool gw_iot_shelved_has(const struct gw_iot_shelved *shelved, const struct gw_device_config *device,
                        struct gw_str signal, int64_t now_ms)
{
    char id[GW_ALARM_ID_BYTES];

    if (gw_list_is_empty(&shelved->entries))
        return false;
    gw_alarm_id(device, signal, id);
    const struct entry *entry = gw_map_get(&shelved->by_id, gw_str_of(id));
    return entry != NULL && entry->until_ms > now_ms;
}

static void free_plants(char **plants, size_t count)
{
    for (size_t i = 0; plants != NULL && i < count; i++)
        free(plants[i]);
    free(plants);
}

/* Where the plant stands among them; `count`: it does not. */
static size_t find_plant(char *const *plants, size_t count, struct gw_str plant)
{
    for (size_t i = count; i > 0; i--) /* mostly the one before */
        if (gw_str_equal(gw_str_of(plants[i - 1]), plant))
            return i - 1;
    return count;
}

/* NULL without memory. */
static char **list_plants(const struct gw_registry *registry, size_t *out_count)
{
    size_t node_count = gw_registry_node_count(registry), count = 0;
    char **plants = calloc(node_count + 1, sizeof(*plants));

    for (size_t i = 0; plants != NULL && i < node_count; i++) {
        struct gw_str plant = gw_registry_node(registry, i)->plant;
        if (find_plant(plants, count, plant) < count)
            continue;
        plants[count] = gw_str_duplicate(plant);
        if (plants[count++] == NULL) {
            free_plants(plants, count);
            return NULL;
        }
    }
    *out_count = count;
    return plants;
}

static void begin(struct gw_iot_shelved *shelved)
{
    gw_timer_stop(&shelved->tick);
    if (shelved->plant_count > 0)
        gw_timer_start(shelved->loop, &shelved->tick, GW_NS_PER_MS, on_tick); /* at once */
}

int gw_iot_shelved_set_registry(struct gw_iot_shelved *shelved, const struct gw_registry *registry)
{
    size_t count;
    char **plants = list_plants(registry, &count);

    if (plants == NULL)
        return -ENOMEM;
    if (shelved->call != NULL)
        gw_redis_cancel(shelved->call);
    shelved->call = NULL;
    for (struct gw_list *at = shelved->entries.next; at != &shelved->entries;) {
        struct entry *entry = GW_LIST_ITEM(at, struct entry, node);
        at = at->next;
        entry->plant = find_plant(plants, count, gw_str_of(shelved->plants[entry->plant]));
        if (entry->plant == count)
            forget(shelved, entry);
    }
    free_plants(shelved->plants, shelved->plant_count);
    shelved->plants = plants;
    shelved->plant_count = count;
    shelved->plant = 0;
    begin(shelved);
    return 0;
}

struct gw_iot_shelved *gw_iot_shelved_create(struct gw_loop *loop, struct gw_redis *redis,
                                             const struct gw_registry *registry)
{
    struct gw_iot_shelved *shelved = calloc(1, sizeof(*shelved));

    if (shelved == NULL)
        return NULL;
    shelved->loop = loop;
    shelved->redis = redis;
    gw_list_init(&shelved->entries);
    gw_map_init(&shelved->by_id, MAX_ENTRIES);
    shelved->plants = list_plants(registry, &shelved->plant_count);
    if (shelved->plants == NULL) {
        free(shelved);
        return NULL;
    }
    begin(shelved);
    return shelved;
}

void gw_iot_shelved_destroy(struct gw_iot_shelved *shelved)
{
    if (shelved == NULL)
        return;
    gw_timer_stop(&shelved->tick);
    if (shelved->call != NULL)
        gw_redis_cancel(shelved->call);
    while (!gw_list_is_empty(&shelved->entries))
        forget(shelved, GW_LIST_ITEM(shelved->entries.next, struct entry, node));
    gw_map_finish(&shelved->by_id);
    free_plants(shelved->plants, shelved->plant_count);
    free(shelved);
}
