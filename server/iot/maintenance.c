#include "server/iot/maintenance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/list.h"
#include "server/core/log.h"
#include "server/core/map.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define TICK_NS GW_NS_PER_SECOND
#define FIRST_TICK_NS (50 * GW_NS_PER_MS) /* until the first reading has come through */
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)
#define MAX_FIELD_BYTES 1024

struct window {
    struct gw_list node;
    struct gw_str field, text; /* as Redis has them; allocated with it */
    int64_t from_ms, until_ms;
    uint64_t turn; /* of the reading that last had it */
    int rc;        /* not 0: some device does not observe it, for which it is told again */
};

struct gw_iot_maintenance {
    struct gw_loop *loop;
    struct gw_redis *redis;
    const struct gw_registry *registry;
    struct gw_lane *lane;
    struct gw_timer tick;
    struct gw_redis_call *call;
    struct gw_map by_field;
    struct gw_list windows;
    uint64_t turn; /* 0: Redis has not been read yet */
};

/* --- telling --- */

/* In place of what was told of the device before; `window` NULL: nothing any more. */
static int tell_device(struct gw_iot_maintenance *maintenance,
                       const struct gw_device_config *device, const struct window *window)
{
    int rc = gw_lane_suppress(maintenance->lane, device, 0, 0);

    if (rc == 0 && window != NULL)
        rc = gw_lane_suppress(maintenance->lane, device, window->from_ms, window->until_ms);
    return rc;
}

static void note(struct window *window, int rc)
{
    if (rc != 0 && window->rc == 0)
        gw_log_error("iot: maintenance of %.*s is not observed yet: %s", GW_STR_ARG(window->field),
                     strerror(-rc));
    window->rc = rc;
}

/* There may be none: it may be another fleet's, or be gone. */
static int tell(struct gw_iot_maintenance *maintenance, struct gw_str field,
                const struct window *window)
{
    struct gw_str equipment = field, plant;
    int rc = 0;

    if (!gw_str_split(&equipment, '/', &plant))
        return 0;
    for (size_t i = 0; i < gw_registry_device_count(maintenance->registry); i++) {
        const struct gw_device_config *device = gw_registry_device(maintenance->registry, i);
        if (!gw_str_equal(device->equipment, equipment) || !gw_str_equal(device->plant, plant))
            continue;
        int one = tell_device(maintenance, device, window);
        rc = rc == 0 ? one : rc;
    }
    return rc;
}

static struct window *find(const struct gw_iot_maintenance *maintenance,
                           const struct gw_device_config *device)
{
    char field[MAX_FIELD_BYTES];
    int len = snprintf(field, sizeof(field), "%.*s/%.*s", GW_STR_ARG(device->plant),
                       GW_STR_ARG(device->equipment));

    if (len < 0 || (size_t)len >= sizeof(field))
        return NULL;
    return gw_map_get(&maintenance->by_field, gw_str_from(field, (size_t)len));
}

bool gw_iot_maintenance_apply(struct gw_iot_maintenance *maintenance,
                              const struct gw_edge_node_config *node)
{
    if (maintenance->turn == 0 || maintenance->lane == NULL)
        return false;
    for (size_t i = 0; i < node->device_count; i++) {
        struct window *window = find(maintenance, node->devices[i]);
        int rc = tell_device(maintenance, node->devices[i], window);
        if (window != NULL && rc != 0)
            note(window, rc);
    }
    return true;
}

/* --- what Redis has --- */

static void forget(struct gw_iot_maintenance *maintenance, struct window *window)
{
    gw_map_remove(&maintenance->by_field, window->field);
    gw_list_remove(&window->node);
    free(window);
}

/* NULL: no memory, or no room; it is tried again in a second. */
static struct window *keep(struct gw_iot_maintenance *maintenance, struct gw_str field,
                           struct gw_str text)
{
    struct window *window = malloc(sizeof(*window) + field.len + text.len);

    if (window == NULL)
        return NULL;
    char *bytes = (char *)(window + 1);
    memcpy(bytes, field.ptr, field.len);
    memcpy(bytes + field.len, text.ptr, text.len);
    *window = (struct window){.field = gw_str_from(bytes, field.len),
                              .text = gw_str_from(bytes + field.len, text.len),
                              .turn = maintenance->turn};
    if (gw_map_add(&maintenance->by_field, window->field, window) != 0) {
        free(window);
        return NULL;
    }
    gw_list_append(&maintenance->windows, &window->node);
    return window;
}

static bool read_times(struct gw_str text, int64_t *out_from_ms, int64_t *out_until_ms)
{
    struct gw_str from, until;
    uint64_t from_ms, until_ms;

    if (!gw_str_split(&text, ' ', &from) || !gw_str_split(&text, ' ', &until) ||
        gw_str_to_u64(from, &from_ms) != 0 || gw_str_to_u64(until, &until_ms) != 0 ||
        until_ms > INT64_MAX || from_ms >= until_ms)
        return false;
    *out_from_ms = (int64_t)from_ms;
    *out_until_ms = (int64_t)until_ms;
    return true;
}

static void take(struct gw_iot_maintenance *maintenance, struct gw_str field, struct gw_str text)
{
    struct window *known = gw_map_get(&maintenance->by_field, field);
    int64_t from_ms, until_ms;

    if (known != NULL && gw_str_equal(known->text, text)) {
        known->turn = maintenance->turn;
        if (known->rc != 0)
            note(known, tell(maintenance, field, known));
        return;
    }
    if (field.len == 0 || !read_times(text, &from_ms, &until_ms))
        return;
    if (known != NULL)
        forget(maintenance, known);
    struct window *window = keep(maintenance, field, text);
    if (window == NULL)
        return;
    window->from_ms = from_ms;
    window->until_ms = until_ms;
    note(window, tell(maintenance, field, window));
}

static void end_missing(struct gw_iot_maintenance *maintenance)
{
    struct gw_list *at = maintenance->windows.next;

    while (at != &maintenance->windows) {
        struct window *window = GW_LIST_ITEM(at, struct window, node);
        at = at->next;
        if (window->turn == maintenance->turn)
            continue;
        if (tell(maintenance, window->field, NULL) != 0)
            continue; /* in a second once more */
        forget(maintenance, window);
    }
}

/* Nobody may stand still because of what somebody has put there, or has not allowed. */
static void go_without(struct gw_iot_maintenance *maintenance, struct gw_str error)
{
    if (maintenance->turn > 0 || (!gw_str_has_prefix(error, GW_STR("WRONGTYPE")) &&
                                  !gw_str_has_prefix(error, GW_STR("NOPERM"))))
        return;
    gw_log_error("iot: maintenance is not observed, Redis has no hash that can be read under "
                 "%s: %.*s",
                 GW_MAINTENANCE_KEY, GW_STR_ARG(error));
    maintenance->turn++;
}

static void on_windows(void *self, int rc, const struct gw_reply *reply)
{
    struct gw_iot_maintenance *maintenance = self;

    maintenance->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_ERROR)
        go_without(maintenance, reply->text);
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

    gw_timer_start(maintenance->loop, timer, maintenance->turn > 0 ? TICK_NS : FIRST_TICK_NS,
                   on_tick);
    if (maintenance->call == NULL && maintenance->lane != NULL &&
        gw_redis_send(maintenance->redis, &command, on_windows, maintenance, &maintenance->call) !=
            0)
        maintenance->call = NULL;
}

void gw_iot_maintenance_set_registry(struct gw_iot_maintenance *maintenance,
                                     const struct gw_registry *registry)
{
    maintenance->registry = registry;
}

void gw_iot_maintenance_set_lane(struct gw_iot_maintenance *maintenance, struct gw_lane *lane)
{
    maintenance->lane = lane;
}

struct gw_iot_maintenance *gw_iot_maintenance_create(struct gw_loop *loop, struct gw_redis *redis,
                                                     const struct gw_registry *registry)
{
    struct gw_iot_maintenance *maintenance = calloc(1, sizeof(*maintenance));

    if (maintenance == NULL)
        return NULL;
    maintenance->loop = loop;
    maintenance->redis = redis;
    maintenance->registry = registry;
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
