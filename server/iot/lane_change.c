/* Another configuration for a lane that goes on: what is connected stays connected, and what is
 * journaled meanwhile is computed on afterwards.
 *
 * Where documents have changed the lane comes to rest first: what was computed is emitted and
 * checkpointed, so that what stands behind it in the journal is computed on by the new documents
 * alone, also after a crash. Then each node's state goes over as through a checkpoint. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/iot/lane_private.h"

#define LOOK_NS (5 * GW_NS_PER_MS)
#define MAX_STATE_BYTES (256u << 20) /* of a node, on its way */

struct gw_lane_change {
    struct gw_lane *lane;
    struct gw_lane_config config; /* its texts are in the arena */
    struct gw_arena arena;
    struct gw_timer timer;
    uint64_t until_ns; /* then it does not wait for rest any more */
    bool is_of_documents;
    void (*done)(void *self, int rc);
    void *self;
};

/* What is made before anything is given up. */
struct successor {
    struct gw_sparkplug_host *host;
    struct gw_signal_engine *engine;
    struct gw_lane_node **nodes; /* by the new indices; the lane's own among them */
    size_t node_count;
};

static const struct gw_edge_node_config *find_next(const struct gw_lane_change *change,
                                                   const struct gw_lane_node *node)
{
    return gw_registry_find_node(change->config.registry, node->config->group,
                                 node->config->edge_node);
}

/* --- what follows --- */

static void discard(struct gw_lane *lane, struct successor *successor)
{
    for (size_t i = 0; successor->nodes != NULL && i < successor->node_count; i++) {
        struct gw_lane_node *node = successor->nodes[i];
        bool is_new = node != NULL && (node->config->index >= lane->node_count ||
                                       lane->nodes[node->config->index] != node);
        if (is_new)
            gw_lane_node_destroy(node);
    }
    free(successor->nodes);
    gw_sparkplug_host_destroy(successor->host);
    gw_signal_engine_destroy(successor->engine);
}

static int line_up_nodes(struct gw_lane_change *change, struct successor *successor)
{
    const struct gw_lane *lane = change->lane;

    for (size_t i = 0; i < lane->node_count; i++) {
        const struct gw_edge_node_config *next = find_next(change, lane->nodes[i]);
        if (next != NULL)
            successor->nodes[next->index] = lane->nodes[i];
    }
    for (size_t i = 0; i < successor->node_count; i++) {
        if (successor->nodes[i] != NULL)
            continue;
        successor->nodes[i] =
            gw_lane_node_create(change->lane, gw_registry_node(change->config.registry, i));
        if (successor->nodes[i] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int carry_states(struct gw_lane_change *change, struct successor *successor)
{
    const struct gw_lane *lane = change->lane;
    struct gw_buf bytes;
    int rc = 0;

    gw_buf_init(&bytes, MAX_STATE_BYTES);
    for (size_t i = 0; i < lane->node_count && rc == 0; i++) {
        const struct gw_lane_node *node = lane->nodes[i];
        const struct gw_edge_node_config *next = find_next(change, node);
        if (next == NULL || !gw_lane_node_has_state(node))
            continue;
        rc = gw_lane_state_save(lane->host, lane->engine, node->config, &bytes);
        if (rc == 0)
            gw_lane_state_load(successor->host, successor->engine, next, gw_buf_str(&bytes));
    }
    gw_buf_finish(&bytes);
    return rc;
}

static int make_successor(struct gw_lane_change *change, struct successor *successor)
{
    struct gw_registry *registry = change->config.registry;

    successor->node_count = gw_registry_node_count(registry);
    successor->nodes = calloc(successor->node_count + 1, sizeof(struct gw_lane_node *));
    int rc = successor->nodes == NULL ? -ENOMEM : 0;
    if (rc == 0)
        rc = gw_lane_make_computing(change->lane, &change->config, &successor->host,
                                    &successor->engine);
    if (rc == 0)
        rc = line_up_nodes(change, successor);
    return rc == 0 ? carry_states(change, successor) : rc;
}

/* --- taking it over --- */

/* What waits to go out points into documents that are about to go. An alarm is told of a device by
 * its number now; one that is no more shows none. */
static void keep_documents(const struct gw_lane_change *change, struct gw_lane_node *node)
{
    const struct gw_lane *lane = change->lane;

    for (struct gw_list *item = node->emissions.next; item != &node->emissions; item = item->next) {
        struct gw_lane_emission *emission = GW_LIST_ITEM(item, struct gw_lane_emission, node);
        if (emission->signals == NULL)
            emission->signals = gw_signals_hold(lane->config.signals);
        const struct gw_device_config *device = emission->alarm.device;
        emission->alarm.device = gw_registry_find(change->config.registry, device->group,
                                                  device->edge_node, device->device);
        if (emission->alarm.device == NULL)
            emission->alarm = (struct gw_alarm_news){.device = device, .change = GW_ALARM_NONE};
    }
}

static void take_nodes(struct gw_lane_change *change, struct successor *successor)
{
    struct gw_lane *lane = change->lane;

    for (size_t i = 0; i < lane->node_count; i++) {
        struct gw_lane_node *node = lane->nodes[i];
        const struct gw_edge_node_config *next = find_next(change, node);
        if (next == NULL) {
            gw_lane_node_destroy(node);
            continue;
        }
        keep_documents(change, node);
        node->config = next;
        node->append.node = node->checkpoint.node = node->question.node = next->id;
    }
    free(lane->nodes);
    lane->nodes = successor->nodes;
    lane->node_count = successor->node_count;
    gw_sparkplug_host_destroy(lane->host);
    gw_signal_engine_destroy(lane->engine);
    lane->host = successor->host;
    lane->engine = successor->engine;
}

static int swap_documents(struct gw_lane_change *change)
{
    struct gw_lane *lane = change->lane;
    const struct gw_lane_events *events = &lane->config.events;
    struct successor successor = {.host = NULL};

    for (size_t i = 0; i < lane->node_count; i++)
        if (lane->nodes[i]->is_dropped)
            gw_lane_node_leave(lane->nodes[i]);
    int rc = make_successor(change, &successor);
    if (rc == 0 && events->on_registry != NULL)
        rc = events->on_registry(events->self, change->config.registry);
    if (rc != 0)
        discard(lane, &successor);
    else
        take_nodes(change, &successor);
    return rc;
}

/* The old ones' texts live until all that points to them has gone over. */
static void take_settings(struct gw_lane_change *change)
{
    struct gw_lane *lane = change->lane;
    struct gw_lane_config before = lane->config;
    struct gw_arena arena = lane->arena;

    change->config.loop = before.loop;
    change->config.store = before.store;
    change->config.events = before.events;
    lane->config = change->config;
    lane->arena = change->arena;
    gw_sparkplug_host_set_limits(lane->host, &lane->config.host_limits);
    gw_lane_change_brokers(lane, &before);
    gw_lane_change_primary(lane, &before);
    change->config = before;
    change->arena = arena;
}

/* --- coming to rest --- */

static bool is_at_rest(const struct gw_lane *lane)
{
    for (size_t i = 0; i < lane->node_count; i++)
        if (!gw_lane_node_is_at_rest(lane->nodes[i]))
            return false;
    return true;
}

static void mark_dropped(struct gw_lane_change *change)
{
    struct gw_lane *lane = change->lane;

    for (size_t i = 0; i < lane->node_count; i++)
        if (find_next(change, lane->nodes[i]) == NULL) {
            lane->nodes[i]->is_dropped = true;
            lane->nodes[i]->is_wanted = false;
        }
}

static void destroy(struct gw_lane_change *change)
{
    gw_timer_stop(&change->timer);
    gw_registry_release(change->config.registry);
    gw_signals_release(change->config.signals);
    gw_arena_finish(&change->arena);
    free(change);
}

/* What came meanwhile is computed on. */
static void go_on(struct gw_lane *lane)
{
    lane->is_resting = false;
    for (size_t i = 0; i < lane->node_count; i++) {
        struct gw_lane_node *node = lane->nodes[i];
        node->is_dropped = false;
        node->is_wanted = !lane->is_stopping && lane->is_mine != NULL &&
                          lane->is_mine(lane->is_mine_self, node->config);
        gw_lane_node_catch_up(node);
    }
}

static void on_look(struct gw_timer *timer)
{
    struct gw_lane_change *change = GW_CONTAINER_OF(timer, struct gw_lane_change, timer);
    struct gw_lane *lane = change->lane;
    uint64_t now_ns = gw_loop_now_ns(lane->loop);
    int rc = 0;

    if (change->is_of_documents && now_ns < change->until_ns && !is_at_rest(lane)) {
        for (size_t i = 0; i < lane->node_count; i++)
            gw_lane_node_settle(lane->nodes[i], now_ns);
        gw_timer_start(lane->loop, timer, LOOK_NS, on_look);
        return;
    }
    if (change->is_of_documents)
        rc = swap_documents(change);
    if (rc == 0)
        take_settings(change);
    lane->change = NULL;
    go_on(lane);
    change->done(change->self, rc);
    destroy(change);
}

/* --- for others --- */

int gw_lane_change(struct gw_lane *lane, const struct gw_lane_config *config, uint64_t timeout_ns,
                   void (*done)(void *self, int rc), void *self)
{
    struct gw_lane_change *change = calloc(1, sizeof(*change));

    if (change == NULL || config->broker_count > GW_LANE_MAX_BROKERS) {
        free(change);
        return change == NULL ? -ENOMEM : -EINVAL;
    }
    change->lane = lane;
    change->config = *config;
    change->done = done;
    change->self = self;
    change->until_ns = gw_loop_now_ns(lane->loop) + timeout_ns;
    gw_registry_hold(config->registry);
    gw_signals_hold(config->signals);
    gw_arena_init(&change->arena, 4096, GW_LANE_MAX_TEXT_BYTES);
    if (gw_lane_copy_config(&change->config, &change->arena) != 0) {
        destroy(change);
        return -ENOMEM;
    }
    change->is_of_documents = config->registry != lane->config.registry ||
                              config->signals != lane->config.signals ||
                              change->config.silence_ms != lane->config.silence_ms;
    lane->change = change;
    lane->is_resting = change->is_of_documents;
    if (change->is_of_documents)
        mark_dropped(change);
    gw_timer_start(lane->loop, &change->timer, 0, on_look);
    return 0;
}

void gw_lane_abandon_change(struct gw_lane *lane)
{
    if (lane->change == NULL)
        return;
    destroy(lane->change);
    lane->change = NULL;
    lane->is_resting = false;
    for (size_t i = 0; i < lane->node_count; i++)
        lane->nodes[i]->is_dropped = false;
}
