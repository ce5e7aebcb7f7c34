/* The lane's brokers: what is subscribed to, what comes, and what is sent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/json_map.h"
#include "server/iot/lane_private.h"
#include "server/iot/sample_json.h"

/* Acknowledgements of a connection leave together, when nothing that was taken waits for its
 * commit. In a stream without a gap that moment is made: reading stops for a commit. Where the
 * commit does not come, reading goes on, as others have messages that nobody waits for. */
#define OWED_MAX_NS (20 * GW_NS_PER_MS)
#define COMMIT_MAX_NS GW_NS_PER_SECOND
#define OWED_MAX 1000 /* of brokers that do not stop by themselves */

/* --- subscriptions --- */

static bool has_group(const struct gw_lane_broker *broker, struct gw_str group)
{
    for (size_t i = 0; i < broker->group_count; i++)
        if (gw_str_equal(broker->groups[i], group))
            return true;
    return broker->group_count == 0;
}

static void subscribe_to(struct gw_lane_connection *connection, const struct gw_lane_node *node,
                         struct gw_str text, bool is_on)
{
    if (!is_on)
        gw_mqtt_unsubscribe(connection->mqtt, text);
    else if (gw_mqtt_subscribe(connection->mqtt, text, 1) != 0)
        gw_log_error("iot: %.*s cannot be subscribed to", GW_STR_ARG(node->config->id));
}

static void subscribe(struct gw_lane_connection *connection, const struct gw_lane_node *node,
                      const struct gw_registry *registry, bool is_on)
{
    char filter[GW_JSON_MAP_MAX_TOPIC];
    int len = snprintf(filter, sizeof(filter), "spBv1.0/%.*s/+/%.*s/#",
                       GW_STR_ARG(node->config->group), GW_STR_ARG(node->config->edge_node));

    subscribe_to(connection, node, gw_str_from(filter, (size_t)len), is_on);
    for (size_t i = 0; i < gw_registry_map_count(registry); i++) {
        struct gw_str text = gw_json_map_filter(gw_registry_map(registry, i), node->config, filter);
        if (text.ptr != NULL)
            subscribe_to(connection, node, text, is_on);
    }
}

void gw_lane_subscribe(struct gw_lane *lane, const struct gw_lane_node *node, bool is_on)
{
    for (size_t i = 0; i < lane->config.broker_count; i++) {
        struct gw_lane_connection *connection = lane->connections[i];
        if (connection != NULL && has_group(connection->config, node->config->group))
            subscribe(connection, node, lane->config.registry, is_on);
    }
}

/* --- what waits --- */

static bool must_wait_for_commit(const struct gw_lane *lane)
{
    if (lane->owed == 0)
        return false;
    uint64_t for_ns = gw_loop_now_ns(lane->loop) - lane->owed_since_ns;

    return lane->owed >= OWED_MAX || (for_ns >= OWED_MAX_NS && for_ns < COMMIT_MAX_NS);
}

void gw_lane_check_pressure(struct gw_lane *lane)
{
    size_t pending = lane->stats.pending_bytes;
    size_t most = lane->config.max_pending_bytes;
    bool must_pause = lane->is_paused ? pending > most / 2 : pending > most;

    if (must_pause != lane->is_paused)
        gw_log_warn("iot: %s", must_pause ? "too much waits to be journaled: brokers are not read"
                                          : "brokers are read again");
    lane->is_paused = must_pause;
    must_pause = must_pause || must_wait_for_commit(lane);
    for (size_t i = 0; i < lane->config.broker_count; i++)
        if (lane->connections[i] != NULL)
            gw_mqtt_pause(lane->connections[i]->mqtt, must_pause);
}

void gw_lane_settle(struct gw_lane *lane, size_t owed)
{
    lane->owed -= owed;
    for (size_t i = 0; lane->owed == 0 && i < lane->config.broker_count; i++)
        if (lane->connections[i] != NULL)
            gw_mqtt_acknowledge(lane->connections[i]->mqtt);
}

static void owe(struct gw_lane *lane, struct gw_lane_node *node)
{
    if (lane->owed++ == 0)
        lane->owed_since_ns = gw_loop_now_ns(lane->loop);
    node->pending_owed++;
}

/* --- what comes --- */

static void on_commit(struct gw_soon *soon)
{
    struct gw_lane *lane = GW_CONTAINER_OF(soon, struct gw_lane, commit);
    struct gw_list *node;

    while ((node = gw_list_take(&lane->dirty)) != NULL)
        gw_lane_node_commit(GW_LIST_ITEM(node, struct gw_lane_node, dirty));
}

int gw_lane_take_for(struct gw_lane *lane, const struct gw_edge_node_config *config,
                     struct gw_str topic, struct gw_str payload, bool is_owed)
{
    if (!gw_lane_node_take(lane->nodes[config->index], topic, payload, gw_lane_wall_ms())) {
        lane->stats.dropped++;
        return -ENOENT;
    }
    lane->stats.messages++;
    if (is_owed)
        owe(lane, lane->nodes[config->index]);
    gw_loop_soon(lane->loop, &lane->commit, on_commit);
    gw_lane_check_pressure(lane);
    return 0;
}

static int take_for_node(struct gw_lane *lane, const struct gw_sparkplug_topic *parts,
                         struct gw_str topic, struct gw_str payload, bool is_owed)
{
    const struct gw_edge_node_config *config =
        gw_registry_find_node(lane->config.registry, parts->group, parts->edge_node);
    if (config != NULL)
        return gw_lane_take_for(lane, config, topic, payload, is_owed);
    gw_sparkplug_host_feed(lane->host, topic, payload, gw_lane_wall_ms());
    return -ENOENT;
}

int gw_lane_take(struct gw_lane *lane, struct gw_str topic, struct gw_str payload, bool is_owed)
{
    struct gw_sparkplug_topic parts;
    struct gw_error error;
    struct gw_str place;

    if (gw_samples_topic_parse(topic, &parts.group, &parts.edge_node, &place))
        return take_for_node(lane, &parts, topic, payload, is_owed);
    if (gw_sparkplug_topic_parse(topic, &parts, &error) != 0) {
        gw_sparkplug_host_feed(lane->host, topic, payload,
                               gw_lane_wall_ms()); /* it says what is wrong */
        return -EINVAL;
    }
    if (parts.kind > GW_SPARKPLUG_DDEATH) /* commands, ours among them, and hosts' states */
        return 0;
    return take_for_node(lane, &parts, topic, payload, is_owed);
}

static void on_message(void *self, struct gw_str topic, struct gw_str payload, int qos,
                       bool is_retained)
{
    struct gw_lane_connection *connection = self;

    if (!gw_str_has_prefix(topic, GW_STR("spBv1.0/")))
        gw_lane_json_take(connection->lane, topic, payload, is_retained, qos > 0);
    else if (!is_retained) /* Sparkplug 3.0, 6: none but STATE is; an old one tells nothing of now
                            */
        (void)gw_lane_take(connection->lane, topic, payload, qos > 0);
    if (qos > 0)
        gw_lane_settle(connection->lane, 0); /* of one that was not taken */
}

static void on_oversized(void *self, struct gw_str topic, size_t bytes)
{
    struct gw_lane_connection *connection = self;
    char detail[100];

    snprintf(detail, sizeof(detail), "it has %zu bytes; at most %u are taken", bytes,
             connection->config->mqtt.max_message_bytes);
    gw_lane_quarantine(connection->lane, GW_QUARANTINE_MALFORMED, topic, gw_str_of(detail));
}

static void on_broker(void *self, bool is_up, bool has_session, const char *reason)
{
    struct gw_lane_connection *connection = self;
    struct gw_lane *lane = connection->lane;

    connection->up_since_ns = is_up ? gw_loop_now_ns(lane->loop) : 0;
    if (!is_up)
        return; /* the broker keeps our session */
    gw_log_info("iot: broker %.*s is there%s%s", GW_STR_ARG(connection->config->mqtt.name),
                has_session ? ", with our session" : "", reason);
    for (size_t i = 0; i < lane->node_count && !has_session; i++) {
        struct gw_lane_node *node = lane->nodes[i];
        if (node->state == GW_LANE_OWNED && has_group(connection->config, node->config->group))
            gw_lane_node_doubt(node);
    }
}

/* --- connections --- */

static void destroy_connection(struct gw_lane_connection *connection)
{
    if (connection == NULL)
        return;
    gw_mqtt_destroy(connection->mqtt);
    free(connection);
}

/* For all nodes that are ours. */
static struct gw_lane_connection *connect_broker(struct gw_lane *lane,
                                                 const struct gw_lane_broker *broker)
{
    struct gw_lane_connection *connection = calloc(1, sizeof(*connection));
    const struct gw_mqtt_events events = {.self = connection,
                                          .on_message = on_message,
                                          .on_state = on_broker,
                                          .on_oversized = on_oversized};
    struct gw_error error = {.text = "out of memory"};

    if (connection != NULL)
        *connection = (struct gw_lane_connection){.lane = lane, .config = broker};
    if (connection == NULL ||
        gw_mqtt_create(lane->loop, &broker->mqtt, &events, &connection->mqtt, &error) != 0) {
        free(connection);
        gw_log_error("iot: %s", error.text); /* the configuration was checked: memory, or a file */
        return NULL;
    }
    gw_mqtt_pause(connection->mqtt, lane->is_paused || must_wait_for_commit(lane));
    for (size_t i = 0; i < lane->node_count; i++)
        if (lane->nodes[i]->state == GW_LANE_OWNED &&
            has_group(broker, lane->nodes[i]->config->group))
            subscribe(connection, lane->nodes[i], lane->config.registry, true);
    return connection;
}

/* Every node that should be ours is: so that what our sessions at the brokers have kept has
 * somewhere to go. */
static bool are_all_loaded(const struct gw_lane *lane)
{
    for (size_t i = 0; i < lane->node_count; i++)
        if (lane->nodes[i]->is_wanted && lane->nodes[i]->state != GW_LANE_OWNED)
            return false;
    return lane->is_mine != NULL;
}

void gw_lane_connect_when_loaded(struct gw_lane *lane)
{
    if (lane->is_connected_once || lane->is_stopping || !are_all_loaded(lane))
        return;
    lane->is_connected_once = true;
    for (size_t i = 0; i < lane->config.broker_count; i++)
        lane->connections[i] = connect_broker(lane, &lane->config.brokers[i]);
}

void gw_lane_disconnect(struct gw_lane *lane)
{
    for (size_t i = 0; i < lane->config.broker_count; i++) {
        destroy_connection(lane->connections[i]);
        lane->connections[i] = NULL;
    }
}

/* --- another configuration --- */

/* What was subscribed to, and what is. */
struct change {
    const struct gw_lane_broker *broker; /* as it was; NULL: it is new */
    const struct gw_registry *registry;
};

static bool has_filter(const struct gw_registry *registry, const struct gw_lane_node *node,
                       struct gw_str text)
{
    char filter[GW_JSON_MAP_MAX_TOPIC];

    for (size_t i = 0; i < gw_registry_map_count(registry); i++)
        if (gw_str_equal(gw_json_map_filter(gw_registry_map(registry, i), node->config, filter),
                         text))
            return true;
    return false;
}

/* Topics of mappings that are no more. */
static void drop_topics(struct gw_lane_connection *connection, const struct gw_lane_node *node,
                        const struct change *change)
{
    const struct gw_registry *registry = connection->lane->config.registry;
    char filter[GW_JSON_MAP_MAX_TOPIC];

    for (size_t i = 0; i < gw_registry_map_count(change->registry); i++) {
        struct gw_str text =
            gw_json_map_filter(gw_registry_map(change->registry, i), node->config, filter);
        if (text.ptr != NULL && !has_filter(registry, node, text))
            subscribe_to(connection, node, text, false);
    }
}

/* What is there now (which changes nothing where it was), or what is there no more. */
static void change_subscriptions(struct gw_lane_connection *connection, const struct change *change,
                                 bool is_on)
{
    const struct gw_lane *lane = connection->lane;

    for (size_t i = 0; i < lane->node_count; i++) {
        const struct gw_lane_node *node = lane->nodes[i];
        bool was = has_group(change->broker, node->config->group);
        bool is = has_group(connection->config, node->config->group);
        if (node->state != GW_LANE_OWNED)
            continue;
        if (is_on && is)
            subscribe(connection, node, lane->config.registry, true);
        else if (!is_on && was && !is)
            subscribe(connection, node, change->registry, false);
        else if (!is_on && was && change->registry != lane->config.registry)
            drop_topics(connection, node, change);
    }
}

/* One that has its name may have our session, too: both cannot be connected. */
static void drop_changed(struct gw_lane_connection **old, const struct gw_lane_config *before,
                         const struct gw_lane_config *config)
{
    for (size_t i = 0; i < before->broker_count; i++)
        for (size_t k = 0; k < config->broker_count; k++)
            if (gw_str_equal(before->brokers[i].mqtt.name, config->brokers[k].mqtt.name)) {
                destroy_connection(old[i]);
                old[i] = NULL;
            }
}

void gw_lane_change_brokers(struct gw_lane *lane, const struct gw_lane_config *before)
{
    const struct gw_lane_config *config = &lane->config;
    struct gw_lane_connection *old[GW_LANE_MAX_BROKERS];
    struct change changes[GW_LANE_MAX_BROKERS] = {{NULL, NULL}};

    if (!lane->is_connected_once)
        return;
    memcpy(old, lane->connections, sizeof(old));
    memset(lane->connections, 0, sizeof(lane->connections));
    for (size_t i = 0; i < config->broker_count; i++) {
        size_t at = gw_lane_find_broker(before, &config->brokers[i]);
        if (at == GW_LANE_MAX_BROKERS || old[at] == NULL)
            continue;
        lane->connections[i] = old[at];
        lane->connections[i]->config = &config->brokers[i];
        changes[i] = (struct change){&before->brokers[at], before->registry};
        old[at] = NULL;
    }
    drop_changed(old, before, config);
    for (size_t i = 0; i < config->broker_count; i++) {
        if (changes[i].broker != NULL)
            change_subscriptions(lane->connections[i], &changes[i], true);
        else
            lane->connections[i] = connect_broker(lane, &config->brokers[i]);
    }
    for (size_t i = 0; i < config->broker_count; i++)
        if (changes[i].broker != NULL)
            change_subscriptions(lane->connections[i], &changes[i], false);
    for (size_t i = 0; i < before->broker_count; i++)
        destroy_connection(old[i]);
}

size_t gw_lane_find_broker(const struct gw_lane_config *config, const struct gw_lane_broker *broker)
{
    for (size_t i = 0; i < config->broker_count; i++)
        if (gw_mqtt_config_is_equal(&config->brokers[i].mqtt, &broker->mqtt))
            return i;
    return GW_LANE_MAX_BROKERS;
}

/* --- what is said of them --- */

uint64_t gw_lane_hears_ns(const struct gw_lane *lane, const struct gw_lane_node *node)
{
    uint64_t now_ns = gw_loop_now_ns(lane->loop);
    uint64_t longest_ns = 0;

    for (size_t i = 0; i < lane->config.broker_count; i++) {
        const struct gw_lane_connection *connection = lane->connections[i];
        if (connection == NULL || connection->up_since_ns == 0 ||
            !has_group(connection->config, node->config->group))
            continue;
        uint64_t ns = now_ns - connection->up_since_ns + 1;
        if (ns > longest_ns)
            longest_ns = ns;
    }
    return longest_ns;
}

/* --- what is sent --- */

static int publish(struct gw_lane *lane, struct gw_str group, struct gw_str topic,
                   struct gw_str payload)
{
    int rc = -ENOTCONN;

    for (size_t i = 0; i < lane->config.broker_count; i++) {
        const struct gw_lane_connection *connection = lane->connections[i];
        if (connection == NULL || !has_group(connection->config, group))
            continue;
        int one = gw_mqtt_publish(connection->mqtt, topic, payload, 0, false);
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

size_t gw_lane_broker_count(const struct gw_lane *lane)
{
    return lane->config.broker_count;
}

bool gw_lane_is_broker_up(const struct gw_lane *lane, size_t index)
{
    return index < lane->config.broker_count && lane->connections[index] != NULL &&
           gw_mqtt_is_up(lane->connections[index]->mqtt);
}
