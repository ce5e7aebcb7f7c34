#include "server/iot/lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/lane_private.h"

#define TICK_NS (100 * GW_NS_PER_MS)
#define HEAD_BYTES 14 /* as in lane_node.c */
#define MAX_NODE_PENDING_BYTES (64u << 20)
#define MAX_CHECKPOINT_BYTES (32u << 20)
#define REBIRTHS_PER_SECOND 50

static int64_t wall_ms(void)
{
    return (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);
}

/* --- brokers --- */

static bool has_group(const struct gw_lane_broker *broker, struct gw_str group)
{
    for (size_t i = 0; i < broker->group_count; i++)
        if (gw_str_equal(broker->groups[i], group))
            return true;
    return broker->group_count == 0;
}

void gw_lane_subscribe(struct gw_lane *lane, const struct gw_lane_node *node, bool is_on)
{
    char filter[2 * GW_MAX_DEVICE_NAME + 40];
    int len = snprintf(filter, sizeof(filter), "spBv1.0/%.*s/+/%.*s/#",
                       GW_STR_ARG(node->config->group), GW_STR_ARG(node->config->edge_node));
    struct gw_str text = gw_str_from(filter, (size_t)len);

    for (size_t i = 0; i < lane->connection_count; i++) {
        struct gw_lane_connection *connection = &lane->connections[i];
        if (!has_group(connection->config, node->config->group))
            continue;
        if (!is_on)
            gw_mqtt_unsubscribe(connection->mqtt, text);
        else if (gw_mqtt_subscribe(connection->mqtt, text, 1) != 0)
            gw_log_error("iot: %.*s cannot be subscribed to", GW_STR_ARG(node->config->id));
    }
}

void gw_lane_check_pressure(struct gw_lane *lane)
{
    size_t pending = lane->stats.pending_bytes;
    size_t most = lane->config.max_pending_bytes;
    bool must_pause = lane->is_paused ? pending > most / 2 : pending > most;

    if (must_pause == lane->is_paused)
        return;
    lane->is_paused = must_pause;
    gw_log_warn("iot: %s", must_pause ? "too much waits to be journaled: brokers are not read"
                                      : "brokers are read again");
    for (size_t i = 0; i < lane->connection_count; i++)
        gw_mqtt_pause(lane->connections[i].mqtt, must_pause);
}

static void on_commit(struct gw_soon *soon)
{
    struct gw_lane *lane = GW_CONTAINER_OF(soon, struct gw_lane, commit);
    struct gw_list *node;

    while ((node = gw_list_take(&lane->dirty)) != NULL)
        gw_lane_node_commit(GW_LIST_ITEM(node, struct gw_lane_node, dirty));
}

static int take_message(struct gw_lane *lane, struct gw_str topic, struct gw_str payload)
{
    struct gw_sparkplug_topic parts;
    struct gw_error error;

    if (gw_sparkplug_topic_parse(topic, &parts, &error) != 0) {
        gw_sparkplug_host_feed(lane->host, topic, payload, wall_ms()); /* it says what is wrong */
        return -EINVAL;
    }
    if (parts.kind > GW_SPARKPLUG_DDEATH) /* commands, ours among them, and hosts' states */
        return 0;
    const struct gw_edge_node_config *config =
        gw_registry_find_node(lane->config.registry, parts.group, parts.edge_node);
    if (config == NULL) {
        gw_sparkplug_host_feed(lane->host, topic, payload, wall_ms());
        return -ENOENT;
    }
    if (!gw_lane_node_take(&lane->nodes[config->index], topic, payload, wall_ms())) {
        lane->stats.dropped++;
        return -ENOENT;
    }
    lane->stats.messages++;
    gw_loop_soon(lane->loop, &lane->commit, on_commit);
    gw_lane_check_pressure(lane);
    return 0;
}

static void on_message(void *self, struct gw_str topic, struct gw_str payload, bool is_retained)
{
    struct gw_lane_connection *connection = self;

    if (!is_retained) /* Sparkplug 3.0, 6: none but STATE is; an old one tells nothing of now */
        (void)take_message(connection->lane, topic, payload);
}

static void on_broker(void *self, bool is_up, bool has_session, const char *reason)
{
    struct gw_lane_connection *connection = self;
    struct gw_lane *lane = connection->lane;

    if (!is_up)
        return; /* the broker keeps our session */
    gw_log_info("iot: broker %.*s is there%s%s", GW_STR_ARG(connection->config->mqtt.name),
                has_session ? ", with our session" : "", reason);
    for (size_t i = 0; i < lane->node_count && !has_session; i++) {
        const struct gw_lane_node *node = &lane->nodes[i];
        if (node->state == GW_LANE_OWNED && has_group(connection->config, node->config->group))
            gw_sparkplug_host_doubt(lane->host, node->config, wall_ms());
    }
}

static int connect_brokers(struct gw_lane *lane, struct gw_error *error)
{
    for (size_t i = 0; i < lane->config.broker_count; i++) {
        struct gw_lane_connection *connection = &lane->connections[i];
        const struct gw_mqtt_events events = {
            .self = connection, .on_message = on_message, .on_state = on_broker};
        *connection = (struct gw_lane_connection){lane, NULL, &lane->brokers[i]};
        int rc = gw_mqtt_create(lane->loop, &connection->config->mqtt, &events, &connection->mqtt,
                                error);
        if (rc != 0)
            return rc;
        lane->connection_count++;
    }
    return 0;
}

/* Every node that should be ours is: so that what our sessions at the brokers have kept has
 * somewhere to go. */
static bool are_all_loaded(const struct gw_lane *lane)
{
    for (size_t i = 0; i < lane->node_count; i++)
        if (lane->nodes[i].is_wanted && lane->nodes[i].state != GW_LANE_OWNED)
            return false;
    return lane->is_mine != NULL;
}

static void connect_when_loaded(struct gw_lane *lane)
{
    struct gw_error error;

    if (lane->is_connected_once || lane->is_stopping || !are_all_loaded(lane))
        return;
    lane->is_connected_once = true;
    if (connect_brokers(lane, &error) != 0)
        gw_log_error("iot: %s", error.text); /* the configuration was checked: memory, or a file */
    for (size_t i = 0; i < lane->node_count; i++)
        if (lane->nodes[i].state == GW_LANE_OWNED)
            gw_lane_subscribe(lane, &lane->nodes[i], true);
}

/* --- computing --- */

void gw_lane_compute(struct gw_lane *lane, struct gw_lane_node *node, struct gw_str entry)
{
    lane->current = node;
    while (entry.len >= HEAD_BYTES) {
        int64_t arrival_ms;
        uint16_t topic_len;
        uint32_t payload_len;
        memcpy(&arrival_ms, entry.ptr, sizeof(arrival_ms));
        memcpy(&topic_len, entry.ptr + 8, sizeof(topic_len));
        memcpy(&payload_len, entry.ptr + 10, sizeof(payload_len));
        if (entry.len - HEAD_BYTES < (size_t)topic_len + payload_len)
            break;
        struct gw_str topic = gw_str_from(entry.ptr + HEAD_BYTES, topic_len);
        struct gw_str payload = gw_str_from(topic.ptr + topic_len, payload_len);
        gw_sparkplug_host_feed(lane->host, topic, payload, arrival_ms);
        entry = gw_str_tail(entry, HEAD_BYTES + (size_t)topic_len + payload_len);
    }
    lane->current = NULL;
}

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    struct gw_lane *lane = self;

    lane->stats.samples += count;
    if (lane->config.events.on_samples != NULL)
        lane->config.events.on_samples(lane->config.events.self, node, samples, count);
    gw_signal_engine_feed(lane->engine, node, samples, count);
}

static void on_device_state(void *self, const struct gw_device_config *device,
                            enum gw_device_state state, int64_t time_ms)
{
    struct gw_lane *lane = self;

    if (lane->config.events.on_state != NULL)
        lane->config.events.on_state(lane->config.events.self, device, state, time_ms);
    if (state != GW_DEVICE_UNKNOWN)
        gw_signal_engine_state(lane->engine, device, state == GW_DEVICE_ONLINE, time_ms);
}

static void on_rebirth(void *self, const struct gw_edge_node_config *node, const char *why)
{
    struct gw_lane *lane = self;
    const struct gw_sparkplug_metric metric = {.name = GW_STR("Node Control/Rebirth"),
                                               .has_type = true,
                                               .type = GW_SPARKPLUG_BOOLEAN,
                                               .value = GW_SAMPLE_BOOLEAN,
                                               .boolean = true};

    if (lane->is_replaying || lane->rebirth_tokens == 0)
        return; /* the host asks again */
    lane->rebirth_tokens--;
    lane->stats.rebirths++;
    gw_log_info("iot: %.*s is asked for a rebirth: %s", GW_STR_ARG(node->id), why);
    if (gw_lane_command(lane, node, GW_STR(""), &metric, wall_ms()) != 0)
        gw_log_debug("iot: %.*s could not be asked: its broker is away", GW_STR_ARG(node->id));
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    struct gw_lane *lane = self;

    if (lane->config.events.on_quarantine != NULL)
        lane->config.events.on_quarantine(lane->config.events.self, reason, name, detail);
}

static void on_event(void *self, const struct gw_signal_event *event)
{
    struct gw_lane *lane = self;

    if (lane->config.events.on_event != NULL)
        lane->config.events.on_event(lane->config.events.self, event);
    gw_lane_emit(&lane->nodes[event->device->node], event);
}

static void on_late(void *self, uint32_t series, int64_t time_ms)
{
    struct gw_lane *lane = self;
    (void)series, (void)time_ms;

    lane->stats.late++;
}

/* --- time --- */

static void finish_stop(struct gw_lane *lane)
{
    void (*stopped)(void *self) = lane->stopped;

    lane->stopped = NULL;
    if (stopped != NULL)
        stopped(lane->stopped_self);
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_lane *lane = GW_CONTAINER_OF(timer, struct gw_lane, tick);
    uint64_t now_ns = gw_loop_now_ns(lane->loop);
    bool is_idle = true;

    gw_timer_start(lane->loop, timer, TICK_NS, on_tick);
    if (lane->rebirth_tokens < REBIRTHS_PER_SECOND)
        lane->rebirth_tokens += REBIRTHS_PER_SECOND / 10;
    gw_sparkplug_host_tick(lane->host, wall_ms());
    for (size_t i = 0; i < lane->node_count; i++) {
        gw_lane_node_tick(&lane->nodes[i], now_ns);
        is_idle = is_idle && gw_lane_node_is_idle(&lane->nodes[i]);
    }
    connect_when_loaded(lane);
    if (lane->is_stopping && (is_idle || now_ns >= lane->stop_at_ns))
        finish_stop(lane);
}

/* --- making it --- */

static int make_parts(struct gw_lane *lane)
{
    const struct gw_sparkplug_host_events host_events = {.self = lane,
                                                         .on_samples = on_samples,
                                                         .on_state = on_device_state,
                                                         .on_rebirth = on_rebirth,
                                                         .on_quarantine = on_quarantine};
    const struct gw_signal_events signal_events = {
        .self = lane, .on_event = on_event, .on_late = on_late};

    lane->node_count = gw_registry_node_count(lane->config.registry);
    lane->nodes = calloc(lane->node_count + 1, sizeof(*lane->nodes));
    lane->brokers = calloc(lane->config.broker_count + 1, sizeof(*lane->brokers));
    lane->host =
        gw_sparkplug_host_create(lane->config.registry, &lane->config.host_limits, &host_events);
    lane->engine = gw_signal_engine_create(lane->config.signals, &signal_events);
    if (lane->nodes == NULL || lane->brokers == NULL || lane->host == NULL || lane->engine == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < lane->config.broker_count; i++)
        lane->brokers[i] = lane->config.brokers[i];
    for (size_t i = 0; i < lane->node_count; i++) {
        struct gw_lane_node *node = &lane->nodes[i];
        node->lane = lane;
        node->config = gw_registry_node(lane->config.registry, i);
        gw_buf_init(&node->pending, MAX_NODE_PENDING_BYTES);
        gw_buf_init(&node->appending, MAX_NODE_PENDING_BYTES);
        gw_buf_init(&node->checkpoint_bytes, MAX_CHECKPOINT_BYTES);
        gw_list_init(&node->emissions);
        gw_list_init(&node->dirty);
    }
    return 0;
}

int gw_lane_create(const struct gw_lane_config *config, struct gw_lane **out_lane,
                   struct gw_error *error)
{
    struct gw_lane *lane = calloc(1, sizeof(*lane));

    if (lane == NULL || config->broker_count > GW_LANE_MAX_BROKERS) {
        free(lane);
        return gw_error_set(error, lane == NULL ? -ENOMEM : -EINVAL,
                            lane == NULL ? "out of memory" : "too many brokers");
    }
    lane->config = *config;
    lane->loop = config->loop;
    gw_list_init(&lane->dirty);
    if (lane->config.checkpoint_ns == 0)
        lane->config.checkpoint_ns = 10 * GW_NS_PER_SECOND;
    if (lane->config.max_pending_bytes == 0)
        lane->config.max_pending_bytes = 64u << 20;
    gw_registry_hold(config->registry);
    gw_signals_hold(config->signals);
    lane->rebirth_tokens = REBIRTHS_PER_SECOND;
    if (make_parts(lane) != 0) {
        gw_lane_destroy(lane);
        return gw_error_set(error, -ENOMEM, "out of memory");
    }
    gw_timer_start(lane->loop, &lane->tick, TICK_NS, on_tick);
    *out_lane = lane;
    return 0;
}

void gw_lane_destroy(struct gw_lane *lane)
{
    if (lane == NULL)
        return;
    gw_timer_stop(&lane->tick);
    gw_soon_stop(&lane->commit);
    for (size_t i = 0; i < lane->connection_count; i++)
        gw_mqtt_destroy(lane->connections[i].mqtt);
    for (size_t i = 0; lane->nodes != NULL && i < lane->node_count; i++)
        if (lane->nodes[i].lane != NULL)
            gw_lane_node_finish(&lane->nodes[i]);
    gw_sparkplug_host_destroy(lane->host);
    gw_signal_engine_destroy(lane->engine);
    gw_registry_release(lane->config.registry);
    gw_signals_release(lane->config.signals);
    free(lane->nodes);
    free(lane->brokers);
    free(lane);
}

/* --- what it is asked for --- */

void gw_lane_set_owned(struct gw_lane *lane,
                       bool (*is_mine)(void *self, const struct gw_edge_node_config *node),
                       void *self)
{
    lane->is_mine = is_mine;
    lane->is_mine_self = self;
    for (size_t i = 0; i < lane->node_count; i++)
        lane->nodes[i].is_wanted = !lane->is_stopping && is_mine(self, lane->nodes[i].config);
}

int gw_lane_feed(struct gw_lane *lane, struct gw_str topic, struct gw_str payload)
{
    if (lane->is_paused || lane->is_stopping)
        return -EAGAIN;
    return take_message(lane, topic, payload);
}

static int publish(struct gw_lane *lane, struct gw_str group, struct gw_str topic,
                   struct gw_str payload)
{
    int rc = -ENOTCONN;

    for (size_t i = 0; i < lane->connection_count; i++) {
        if (!has_group(lane->connections[i].config, group))
            continue;
        int one = gw_mqtt_publish(lane->connections[i].mqtt, topic, payload, 0, false);
        if (rc != 0)
            rc = one; /* one broker is enough */
    }
    return rc;
}

int gw_lane_command(struct gw_lane *lane, const struct gw_edge_node_config *node,
                    struct gw_str device, const struct gw_sparkplug_metric *metric, int64_t now_ms)
{
    struct gw_sparkplug_metric copy = *metric;
    const struct gw_sparkplug_payload payload = {
        .has_time = true, .time_ms = now_ms, .metrics = &copy, .metric_count = 1};
    char topic[3 * GW_MAX_DEVICE_NAME + 40];
    bool is_node = device.len == 0;
    int len = snprintf(topic, sizeof(topic), "spBv1.0/%.*s/%s/%.*s%s%.*s", GW_STR_ARG(node->group),
                       is_node ? "NCMD" : "DCMD", GW_STR_ARG(node->edge_node), is_node ? "" : "/",
                       GW_STR_ARG(device));
    struct gw_buf bytes;

    gw_buf_init(&bytes, GW_SPARKPLUG_MAX_BYTES);
    copy.has_time = true;
    copy.time_ms = now_ms;
    int rc = gw_sparkplug_encode(&payload, &bytes);
    if (rc == 0)
        rc = publish(lane, node->group, gw_str_from(topic, (size_t)len), gw_buf_str(&bytes));
    gw_buf_finish(&bytes);
    return rc;
}

void gw_lane_stop(struct gw_lane *lane, uint64_t timeout_ns, void (*done)(void *self), void *self)
{
    lane->is_stopping = true;
    lane->stopped = done;
    lane->stopped_self = self;
    lane->stop_at_ns = gw_loop_now_ns(lane->loop) + timeout_ns;
    for (size_t i = 0; i < lane->node_count; i++)
        lane->nodes[i].is_wanted = false;
}

void gw_lane_suppress(struct gw_lane *lane, struct gw_str equipment, int64_t until_ms)
{
    gw_signal_engine_suppress(lane->engine, equipment, until_ms);
}

enum gw_device_state gw_lane_device_state(const struct gw_lane *lane,
                                          const struct gw_device_config *device)
{
    return gw_sparkplug_host_state(lane->host, device);
}

void gw_lane_get_stats(const struct gw_lane *lane, struct gw_lane_stats *out_stats)
{
    *out_stats = lane->stats;
}

size_t gw_lane_broker_count(const struct gw_lane *lane)
{
    return lane->config.broker_count;
}

bool gw_lane_is_broker_up(const struct gw_lane *lane, size_t index)
{
    return index < lane->connection_count && gw_mqtt_is_up(lane->connections[index].mqtt);
}
