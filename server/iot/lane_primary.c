/* The one of a fleet that speaks for all: Sparkplug's primary host (STATE, 3.0, 6.4.24), and who
 * looks at the births of edge nodes that nobody has registered, and at the topics that mappings
 * have. A connection of its own for each broker, without a session: what it misses comes again. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/log.h"
#include "server/iot/json_map.h"
#include "server/iot/lane_private.h"

#define STATE_BYTES 80

static void write_state(const struct gw_lane_primary *primary, bool is_online, char *out)
{
    snprintf(out, STATE_BYTES, "{\"online\":%s,\"timestamp\":%lld}", is_online ? "true" : "false",
             (long long)primary->since_ms);
}

/* Will and birth have the same time, by which edge nodes know which belongs to which. */
static void on_connecting(void *self)
{
    struct gw_lane_primary *primary = self;
    char state[STATE_BYTES];

    primary->since_ms = gw_lane_wall_ms();
    if (primary->topic[0] == 0)
        return;
    write_state(primary, false, state);
    gw_mqtt_set_will(primary->mqtt, gw_str_of(primary->topic), gw_str_of(state), 1, true);
}

static void publish_state(struct gw_lane_primary *primary, bool is_online)
{
    char state[STATE_BYTES];

    if (primary->topic[0] == 0)
        return;
    write_state(primary, is_online, state);
    if (gw_mqtt_publish(primary->mqtt, gw_str_of(primary->topic), gw_str_of(state), 1, true) != 0)
        gw_log_warn("iot: %s could not be published", primary->topic);
}

static void on_state(void *self, bool is_up, bool has_session, const char *reason)
{
    (void)has_session, (void)reason;

    if (is_up)
        publish_state(self, true);
}

/* Those of nodes that are registered go to their owners by another way. */
static void on_message(void *self, struct gw_str topic, struct gw_str payload, int qos,
                       bool is_retained)
{
    struct gw_lane_primary *primary = self;
    struct gw_sparkplug_topic parts;
    struct gw_error error;
    (void)qos;

    if (!gw_str_has_prefix(topic, GW_STR("spBv1.0/"))) {
        gw_lane_json_watch(primary->lane, topic);
        return;
    }
    if (is_retained || gw_sparkplug_topic_parse(topic, &parts, &error) != 0)
        return;
    if (parts.kind == GW_SPARKPLUG_STATE) {
        char text[STATE_BYTES];
        write_state(primary, false, text); /* our own will, of a connection that is over */
        if (gw_str_equal(topic, gw_str_of(primary->topic)) &&
            gw_str_has_prefix(payload, GW_STR("{\"online\":false")) &&
            !gw_str_equal(payload, gw_str_of(text)))
            publish_state(primary, true);
        return;
    }
    if (gw_registry_find_node(primary->lane->config.registry, parts.group, parts.edge_node) == NULL)
        gw_sparkplug_host_feed(primary->lane->host, topic, payload, gw_lane_wall_ms());
}

/* Any edge node's, as there is no birth that would say who is there. */
static int watch_mappings(const struct gw_lane_primary *primary)
{
    const struct gw_registry *registry = primary->lane->config.registry;
    char filter[GW_JSON_MAP_MAX_TOPIC];
    int rc = 0;

    for (size_t i = 0; i < gw_registry_map_count(registry) && rc == 0; i++) {
        const struct gw_json_map *map = gw_registry_map(registry, i);
        if (gw_json_map_is_watched(map))
            rc = gw_mqtt_subscribe(primary->mqtt, gw_json_map_filter(map, NULL, filter), 0);
    }
    return rc;
}

static bool is_watched(const struct gw_registry *registry, struct gw_str text)
{
    char filter[GW_JSON_MAP_MAX_TOPIC];

    for (size_t i = 0; i < gw_registry_map_count(registry); i++) {
        const struct gw_json_map *map = gw_registry_map(registry, i);
        if (gw_json_map_is_watched(map) &&
            gw_str_equal(gw_json_map_filter(map, NULL, filter), text))
            return true;
    }
    return false;
}

/* Topics that are there now, and those that are no more. */
static void change_mappings(const struct gw_lane_primary *primary, const struct gw_registry *before)
{
    const struct gw_registry *registry = primary->lane->config.registry;
    char filter[GW_JSON_MAP_MAX_TOPIC];

    if (before == registry)
        return;
    if (watch_mappings(primary) != 0)
        gw_log_error("iot: not all topics of mappings can be subscribed to");
    for (size_t i = 0; i < gw_registry_map_count(before); i++) {
        const struct gw_json_map *map = gw_registry_map(before, i);
        if (!gw_json_map_is_watched(map))
            continue;
        struct gw_str text = gw_json_map_filter(map, NULL, filter);
        if (!is_watched(registry, text))
            gw_mqtt_unsubscribe(primary->mqtt, text);
    }
}

static int subscribe(struct gw_lane_primary *primary)
{
    static const struct gw_str births[] = {GW_STR_INIT("spBv1.0/+/NBIRTH/+"),
                                           GW_STR_INIT("spBv1.0/+/DBIRTH/+/+")};
    int rc = 0;

    for (size_t i = 0; i < GW_COUNT_OF(births) && rc == 0; i++)
        rc = gw_mqtt_subscribe(primary->mqtt, births[i], 0);
    if (rc == 0)
        rc = watch_mappings(primary);
    if (rc == 0 && primary->topic[0] != 0)
        rc = gw_mqtt_subscribe(primary->mqtt, gw_str_of(primary->topic), 1);
    return rc;
}

/* NULL: it cannot be, which is logged. */
static struct gw_lane_primary *begin(struct gw_lane *lane, const struct gw_lane_broker *broker)
{
    struct gw_lane_primary *primary = calloc(1, sizeof(*primary));
    const struct gw_mqtt_events events = {.self = primary,
                                          .on_message = on_message,
                                          .on_state = on_state,
                                          .on_connecting = on_connecting};
    struct gw_mqtt_config config = broker->mqtt;
    struct gw_error error = {.text = "out of memory"};
    char client_id[128];

    if (primary == NULL) {
        gw_log_error("iot: %s", error.text);
        return NULL;
    }
    snprintf(client_id, sizeof(client_id), "%.*s-host", GW_STR_ARG(config.client_id));
    config.client_id = gw_str_of(client_id);
    config.is_clean = true;
    config.holds_acknowledgements = false; /* nobody would say that a state is journaled */
    primary->lane = lane;
    if (lane->config.host_id.len > 0)
        snprintf(primary->topic, sizeof(primary->topic), "spBv1.0/STATE/%.*s",
                 GW_STR_ARG(lane->config.host_id));
    int rc = gw_mqtt_create(lane->loop, &config, &events, &primary->mqtt, &error);
    if (rc == 0)
        rc = subscribe(primary);
    if (rc == 0)
        return primary;
    gw_log_error("iot: %s", error.text);
    gw_mqtt_destroy(primary->mqtt);
    free(primary);
    return NULL;
}

static void end(struct gw_lane_primary *primary)
{
    if (primary == NULL)
        return;
    if (gw_mqtt_is_up(primary->mqtt))
        publish_state(primary, false); /* 6.4.26: before it says good-bye */
    gw_mqtt_destroy(primary->mqtt);
    free(primary);
}

void gw_lane_set_primary(struct gw_lane *lane, bool is_primary)
{
    if (lane->is_primary == is_primary || (is_primary && lane->is_stopping))
        return;
    lane->is_primary = is_primary;
    for (size_t i = 0; i < lane->config.broker_count; i++) {
        if (!is_primary)
            end(lane->primaries[i]);
        lane->primaries[i] = is_primary ? begin(lane, &lane->config.brokers[i]) : NULL;
    }
}

/* One that goes on says nothing: edge nodes would take its silence for an end. */
void gw_lane_change_primary(struct gw_lane *lane, const struct gw_lane_config *before)
{
    const struct gw_lane_config *config = &lane->config;
    struct gw_lane_primary *old[GW_LANE_MAX_BROKERS];

    if (!lane->is_primary)
        return;
    memcpy(old, lane->primaries, sizeof(old));
    memset(lane->primaries, 0, sizeof(lane->primaries));
    for (size_t i = 0; i < config->broker_count && gw_str_equal(before->host_id, config->host_id);
         i++) {
        size_t at = gw_lane_find_broker(before, &config->brokers[i]);
        if (at == GW_LANE_MAX_BROKERS)
            continue;
        lane->primaries[i] = old[at];
        old[at] = NULL;
        if (lane->primaries[i] != NULL)
            change_mappings(lane->primaries[i], before->registry);
    }
    for (size_t i = 0; i < before->broker_count; i++)
        end(old[i]);
    for (size_t i = 0; i < config->broker_count; i++)
        if (lane->primaries[i] == NULL)
            lane->primaries[i] = begin(lane, &config->brokers[i]);
}
