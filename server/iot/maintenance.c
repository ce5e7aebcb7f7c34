#include "server/iot/maintenance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/list.h"
#include "server/core/log.h"
#include "server/core/map.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define TICK_NS GW_NS_PER_SECOND
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)

struct window {
    struct gw_list node;
    struct gw_str field, text; /* as Redis has them; allocated with it */
    uint64_t turn;             /* of the reading that last had it */
    bool is_told;
};

struct gw_iot_maintenance {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_lane *lane;
    struct gw_timer tick;
    struct gw_redis_call *call;
    struct gw_map by_field;
    struct gw_list windows;
    uint64_t turn;
};

static struct gw_str equipment_of(struct gw_str field)
{
    struct gw_str plant;

    (void)gw_str_split(&field, '/', &plant);
    return field;
}

/* -ENOENT, that no device has the equipment, is no fault: it may be another fleet's, or be gone. */
static void tell(struct gw_iot_maintenance *maintenance, struct gw_str field, int64_t from_ms,
                 int64_t until_ms)
{
    int rc = gw_lane_suppress(maintenance->lane, equipment_of(field), from_ms, until_ms);

    if (rc != 0 && rc != -ENOENT)
        gw_log_error("iot: maintenance of %.*s is not observed: %s", GW_STR_ARG(field),
                     strerror(-rc));
}

static void forget(struct gw_iot_maintenance *maintenance, struct window *window)
{
    gw_map_remove(&maintenance->by_field, window->field);
    gw_list_remove(&window->node);
    free(window);
}

static void keep(struct gw_iot_maintenance *maintenance, struct gw_str field, struct gw_str text)
{
    struct window *window = malloc(sizeof(*window) + field.len + text.len);

    if (window == NULL)
        return; /* it is told again in a second */
    char *bytes = (char *)(window + 1);
    memcpy(bytes, field.ptr, field.len);
    memcpy(bytes + field.len, text.ptr, text.len);
    *window = (struct window){.field = gw_str_from(bytes, field.len),
                              .text = gw_str_from(bytes + field.len, text.len),
                              .turn = maintenance->turn,
                              .is_told = true};
    if (gw_map_add(&maintenance->by_field, window->field, window) == 0)
        gw_list_append(&maintenance->windows, &window->node);
    else
        free(window);
}

static void take(struct gw_iot_maintenance *maintenance, struct gw_str field, struct gw_str text)
{
    struct window *known = gw_map_get(&maintenance->by_field, field);
    struct gw_str rest = text, from, until;
    uint64_t from_ms, until_ms;

    if (known != NULL && known->is_told && gw_str_equal(known->text, text)) {
        known->turn = maintenance->turn;
        return;
    }
    if (field.len == 0 || !gw_str_split(&rest, ' ', &from) || !gw_str_split(&rest, ' ', &until) ||
        gw_str_to_u64(from, &from_ms) != 0 || gw_str_to_u64(until, &until_ms) != 0 ||
        until_ms > INT64_MAX || from_ms >= until_ms)
        return;
    if (known != NULL)
        forget(maintenance, known);
    tell(maintenance, field, 0, 0);
    tell(maintenance, field, (int64_t)from_ms, (int64_t)until_ms);
    keep(maintenance, field, text);
}

static void end_missing(struct gw_iot_maintenance *maintenance)
{
    struct gw_list *at = maintenance->windows.next;

    while (at != &maintenance->windows) {
        struct window *window = GW_LIST_ITEM(at, struct window, node);
        at = at->next;
        if (window->turn == maintenance->turn)
            continue;
        tell(maintenance, window->field, 0, 0);
        forget(maintenance, window);
    }
}

static void on_windows(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_iot_maintenance *maintenance = self;

    maintenance->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || maintenance->lane == NULL)
        return; /* as it was, until Redis is back */
    maintenance->turn++;
    for (size_t i = 0; i + 1 < reply->count; i += 2)
        take(maintenance, reply->items[i].text, reply->items[i + 1].text);
    end_missing(maintenance);
}

static void on_tick(struct gw_timer *timer)
{
    static const struct gw_str words[] = {GW_STR_INIT("HGETALL"), GW_STR_INIT(GW_MAINTENANCE_KEY)};
    struct gw_iot_maintenance *maintenance =
        GW_CONTAINER_OF(timer, struct gw_iot_maintenance, tick);
    const struct gw_redis_command command = {words, 2, TIMEOUT_NS};

    gw_timer_start(maintenance->loop, timer, TICK_NS, on_tick);
    if (maintenance->call == NULL && maintenance->lane != NULL &&
        gw_redis_send(maintenance->redis, &command, on_windows, maintenance, &maintenance->call) !=
            0)
        maintenance->call = NULL;
}

void gw_iot_maintenance_repeat(struct gw_iot_maintenance *maintenance)
{
    for (struct gw_list *node = maintenance->windows.next; node != &maintenance->windows;
         node = node->next)
        GW_LIST_ITEM(node, struct window, node)->is_told = false;
}

void gw_iot_maintenance_set_lane(struct gw_iot_maintenance *maintenance, struct gw_lane *lane)
{
    maintenance->lane = lane;
}

struct gw_iot_maintenance *gw_iot_maintenance_create(struct gw_loop *loop, struct gw_redis *redis)
{
    struct gw_iot_maintenance *maintenance = calloc(1, sizeof(*maintenance));

    if (maintenance == NULL)
        return NULL;
    maintenance->loop = loop;
    maintenance->redis = redis;
    gw_list_init(&maintenance->windows);
    gw_map_init(&maintenance->by_field, GW_MAINTENANCE_MAX + 1);
    gw_timer_start(loop, &maintenance->tick, GW_NS_PER_MS, on_tick); /* at once */
    return maintenance;
}

void gw_iot_maintenance_destroy(struct gw_iot_maintenance *maintenance)
{
    if (maintenance == NULL)
        return;
    gw_timer_stop(&maintenance->tick);
    if (maintenance->call != NULL)
        gw_redis_cancel(maintenance->call);
    while (!gw_list_is_empty(&maintenance->windows))
        forget(maintenance, GW_LIST_ITEM(maintenance->windows.next, struct window, node));
    gw_map_finish(&maintenance->by_field);
    free(maintenance);
}
