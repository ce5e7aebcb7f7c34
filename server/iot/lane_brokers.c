/* The lane's brokers: what is subscribed to, what comes, and what is sent. */
#include <errno.h>
#include <stdio.h>

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

/* --- brokers --- */

static bool has_group(const struct gw_lane_broker *broker, struct gw_str group)
{
    for (size_t i = 0; i < broker->group_count; i++)
        if (gw_str_equal(broker->groups[i], group))
            return true;
    return broker->group_count == 0;
}

static void subscribe(struct gw_lane *lane, const struct gw_lane_node *node, struct gw_str text,
                      bool is_on)
{
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

void gw_lane_subscribe(struct gw_lane *lane, const struct gw_lane_node *node, bool is_on)
{
    const struct gw_registry *registry = lane->config.registry;
    char filter[GW_JSON_MAP_MAX_TOPIC];
    int len = snprintf(filter, sizeof(filter), "spBv1.0/%.*s/+/%.*s/#",
                       GW_STR_ARG(node->config->group), GW_STR_ARG(node->config->edge_node));

    subscribe(lane, node, gw_str_from(filter, (size_t)len), is_on);
    for (size_t i = 0; i < gw_registry_map_count(registry); i++) {
        struct gw_str text = gw_json_map_filter(gw_registry_map(registry, i), node->config, filter);
        if (text.ptr != NULL)
            subscribe(lane, node, text, is_on);
    }
}

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
    for (size_t i = 0; i < lane->connection_count; i++)
        gw_mqtt_pause(lane->connections[i].mqtt, must_pause);
}

void gw_lane_settle(struct gw_lane *lane, size_t owed)
{
    lane->owed -= owed;
    for (size_t i = 0; lane->owed == 0 && i < lane->connection_count; i++)
        gw_mqtt_acknowledge(lane->connections[i].mqtt);
}

static void owe(struct gw_lane *lane, struct gw_lane_node *node)
{
    if (lane->owed++ == 0)
        lane->owed_since_ns = gw_loop_now_ns(lane->loop);
    node->pending_owed++;
}

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
    if (!gw_lane_node_take(&lane->nodes[config->index], topic, payload, gw_lane_wall_ms())) {
        lane->stats.dropped++;
        return -ENOENT;
    }
    lane->stats.messages++;
    if (is_owed)
        owe(lane, &lane->nodes[config->index]);
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
        struct gw_lane_node *node = &lane->nodes[i];
        if (node->state == GW_LANE_OWNED && has_group(connection->config, node->config->group))
            gw_lane_node_doubt(node);
    }
}

static int connect_brokers(struct gw_lane *lane, struct gw_error *error)
{
    for (size_t i = 0; i < lane->config.broker_count; i++) {
        struct gw_lane_connection *connection = &lane->connections[i];
        const struct gw_mqtt_events events = {.self = connection,
                                              .on_message = on_message,
                                              .on_state = on_broker,
                                              .on_oversized = on_oversized};
        *connection = (struct gw_lane_connection){lane, NULL, &lane->brokers[i], 0};
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

void gw_lane_connect_when_loaded(struct gw_lane *lane)
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

uint64_t gw_lane_hears_ns(const struct gw_lane *lane, const struct gw_lane_node *node)
{
    uint64_t now_ns = gw_loop_now_ns(lane->loop);
    uint64_t longest_ns = 0;

    for (size_t i = 0; i < lane->connection_count; i++) {
        const struct gw_lane_connection *connection = &lane->connections[i];
        if (!has_group(connection->config, node->config->group) || connection->up_since_ns == 0)
            continue;
        uint64_t ns = now_ns - connection->up_since_ns + 1;
        if (ns > longest_ns)
            longest_ns = ns;
    }
    return longest_ns;
}

int gw_lane_copy_brokers(struct gw_lane *lane)
{
    for (size_t i = 0; i < lane->config.broker_count; i++) {
        struct gw_lane_broker *broker = &lane->brokers[i];
        *broker = lane->config.brokers[i];
        struct gw_str *groups =
            gw_arena_calloc(&lane->arena, broker->group_count + 1, sizeof(*groups));
        if (groups == NULL)
            return -ENOMEM;
        for (size_t k = 0; k < broker->group_count; k++) {
            groups[k] = gw_arena_copy(&lane->arena, broker->groups[k]);
            if (groups[k].ptr == NULL)
                return -ENOMEM;
        }
        struct gw_mqtt_config *mqtt = &broker->mqtt;
        mqtt->holds_acknowledgements = true;
        struct gw_str *texts[] = {
            &mqtt->name,     &mqtt->host,    &mqtt->client_id,        &mqtt->user,
            &mqtt->password, &mqtt->ca_file, &mqtt->certificate_file, &mqtt->key_file};
        for (size_t k = 0; k < GW_COUNT_OF(texts); k++) {
            *texts[k] = gw_arena_copy(&lane->arena, *texts[k]);
            if (texts[k]->ptr == NULL)
                return -ENOMEM;
        }
        broker->groups = groups;
    }
    lane->config.brokers = lane->brokers;
    lane->config.host_id = gw_arena_copy(&lane->arena, lane->config.host_id);
    return lane->config.host_id.ptr != NULL ? 0 : -ENOMEM;
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

void gw_lane_disconnect(struct gw_lane *lane)
{
    for (size_t i = 0; i < lane->connection_count; i++)
        gw_mqtt_destroy(lane->connections[i].mqtt);
    lane->connection_count = 0;
}

size_t gw_lane_broker_count(const struct gw_lane *lane)
{
    return lane->config.broker_count;
}

bool gw_lane_is_broker_up(const struct gw_lane *lane, size_t index)
{
    return index < lane->connection_count && gw_mqtt_is_up(lane->connections[index].mqtt);
}
