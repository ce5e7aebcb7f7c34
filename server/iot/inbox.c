#include "server/iot/inbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/list.h"
#include "server/core/log.h"
#include "server/iot/sample_json.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define TICK_NS (200 * GW_NS_PER_MS)
#define NODES_PER_TICK 100
#define PLACE_BYTES 48
#define KEY_BYTES (2 * GW_MAX_DEVICE_NAME + 40)
#define TIMEOUT_NS (2 * GW_NS_PER_SECOND)

struct inbox_node {
    struct gw_iot_inbox *inbox;
    const struct gw_edge_node_config *config;
    struct gw_redis_call *call; /* that reads */
    char place[PLACE_BYTES];    /* of the last entry that was taken */
    bool is_owned;
};

struct gw_iot_inbox {
    struct gw_loop *loop;
    struct gw_redis *redis;
    struct gw_lane *lane;
    struct inbox_node *nodes;
    size_t node_count, next;
    struct gw_timer tick;
};

static struct gw_str key_of(const struct gw_edge_node_config *config, char out[KEY_BYTES])
{
    int len = snprintf(out, KEY_BYTES, "millgate:iot:{%.*s}:inbox", GW_STR_ARG(config->id));

    return gw_str_from(out, (size_t)len);
}

/* What the lane has no room for now is read again. */
static int take(struct inbox_node *node, const struct gw_reply *entry)
{
    char topic[KEY_BYTES + PLACE_BYTES];

    if (entry->type != GW_REPLY_ARRAY || entry->count != 2 || entry->items[1].count < 2 ||
        entry->items[0].text.len >= PLACE_BYTES)
        return -EPROTO;
    struct gw_str place = entry->items[0].text;
    bool is_kept = gw_str_equal(entry->items[1].items[0].text, GW_STR(GW_INBOX_KEPT));
    int len = snprintf(topic, sizeof(topic), "%s%.*s/%.*s",
                       is_kept ? GW_SAMPLES_KEPT_TOPIC : GW_SAMPLES_TOPIC,
                       GW_STR_ARG(node->config->id), GW_STR_ARG(place));
    int rc = gw_lane_feed(node->inbox->lane, gw_str_from(topic, (size_t)len),
                          entry->items[1].items[1].text);
    if (rc == 0)
        snprintf(node->place, sizeof(node->place), "%.*s", GW_STR_ARG(place));
    return rc;
}

static void on_entries(void *self, int rc, const struct gw_reply *reply)
{
    struct inbox_node *node = self;

    node->call = NULL;
    if (rc != 0 || reply->type != GW_REPLY_ARRAY || !node->is_owned)
        return; /* the next turn asks again */
    for (size_t i = 0; i < reply->count; i++) {
        if (take(node, &reply->items[i]) != 0)
            return;
    }
}

static void read_node(struct inbox_node *node)
{
    char key[KEY_BYTES], from[PLACE_BYTES + 1];

    if (!node->is_owned || node->call != NULL)
        return;
    snprintf(from, sizeof(from), "%s%s", node->place[0] != 0 ? "(" : "-", node->place);
    const struct gw_str words[] = {GW_STR("XRANGE"), key_of(node->config, key), gw_str_of(from),
                                   GW_STR("+"),      GW_STR("COUNT"),           GW_STR("16")};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), TIMEOUT_NS};
    if (gw_redis_send(node->inbox->redis, &command, on_entries, node, &node->call) != 0)
        node->call = NULL;
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_iot_inbox *inbox = GW_CONTAINER_OF(timer, struct gw_iot_inbox, tick);

    gw_timer_start(inbox->loop, timer, TICK_NS, on_tick);
    for (size_t i = 0; i < inbox->node_count && i < NODES_PER_TICK && inbox->lane != NULL; i++) {
        read_node(&inbox->nodes[inbox->next]);
        inbox->next = (inbox->next + 1) % inbox->node_count;
    }
}

void gw_iot_inbox_own(struct gw_iot_inbox *inbox, const struct gw_edge_node_config *config,
                      bool is_owned)
{
    struct inbox_node *node = &inbox->nodes[config->index];

    if (node->call != NULL) /* its answer is behind what is to be read anew */
        gw_redis_cancel(node->call);
    node->call = NULL;
    node->is_owned = is_owned;
    node->place[0] = 0;
}

bool gw_iot_inbox_owns(const struct gw_iot_inbox *inbox, const struct gw_edge_node_config *config)
{
    return inbox->nodes[config->index].is_owned;
}

static void on_deleted(void *self, int rc, const struct gw_reply *reply)
{
    (void)self, (void)reply;
    if (rc != 0) /* it is taken once more by the next owner, which changes nothing */
        gw_log_debug("iot: an entry of an inbox stays behind");
}

void gw_iot_inbox_journaled(struct gw_iot_inbox *inbox, const struct gw_edge_node_config *node,
                            struct gw_str place)
{
    char key[KEY_BYTES];
    const struct gw_str words[] = {GW_STR("XDEL"), key_of(node, key), place};
    const struct gw_redis_command command = {words, GW_COUNT_OF(words), TIMEOUT_NS};

    if (gw_redis_send(inbox->redis, &command, on_deleted, NULL, NULL) != 0)
        on_deleted(NULL, -ENOTCONN, NULL);
}

struct gw_iot_inbox *gw_iot_inbox_create(struct gw_loop *loop, struct gw_redis *redis,
                                         const struct gw_registry *registry)
{
    struct gw_iot_inbox *inbox = calloc(1, sizeof(*inbox));

    if (inbox == NULL)
        return NULL;
    inbox->loop = loop;
    inbox->redis = redis;
    inbox->node_count = gw_registry_node_count(registry);
    inbox->nodes = calloc(inbox->node_count + 1, sizeof(*inbox->nodes));
    if (inbox->nodes == NULL) {
        free(inbox);
        return NULL;
    }
    for (size_t i = 0; i < inbox->node_count; i++) {
        inbox->nodes[i].inbox = inbox;
        inbox->nodes[i].config = gw_registry_node(registry, i);
    }
    gw_timer_start(loop, &inbox->tick, TICK_NS, on_tick);
    return inbox;
}

void gw_iot_inbox_follow(struct gw_iot_inbox *inbox, const struct gw_iot_inbox *before,
                         const struct gw_registry *registry)
{
    inbox->lane = before->lane;
    for (size_t i = 0; i < before->node_count; i++) {
        const struct inbox_node *old = &before->nodes[i];
        const struct gw_edge_node_config *next =
            gw_registry_find_node(registry, old->config->group, old->config->edge_node);
        if (next == NULL)
            continue;
        inbox->nodes[next->index].is_owned = old->is_owned;
        memcpy(inbox->nodes[next->index].place, old->place, sizeof(old->place));
    }
}

void gw_iot_inbox_set_lane(struct gw_iot_inbox *inbox, struct gw_lane *lane)
{
    inbox->lane = lane;
}

void gw_iot_inbox_destroy(struct gw_iot_inbox *inbox)
{
    if (inbox == NULL)
        return;
    gw_timer_stop(&inbox->tick);
    for (size_t i = 0; i < inbox->node_count; i++)
        if (inbox->nodes[i].call != NULL)
            gw_redis_cancel(inbox->nodes[i].call);
    free(inbox->nodes);
    free(inbox);
}
