/* The lane and plain JSON: messages of mapped topics go to the journal of their edge node's owner
 * as they came, and are read from there. */
#include <errno.h>
#include <stdio.h>

#include "server/core/log.h"
#include "server/iot/json_map.h"
#include "server/iot/lane_private.h"
#include "server/iot/quarantine.h"

#define MAX_FUTURE_MS (INT64_C(10) * 60 * 1000) /* as the Sparkplug host's, unless it is set */
#define MAX_PREFIX 16

static void quarantine(struct gw_lane *lane, enum gw_quarantine_reason reason, struct gw_str name,
                       const struct gw_json_place *place, const char *why, struct gw_str topic)
{
    struct gw_str mapping = place->map != NULL ? gw_json_map_name(place->map) : GW_STR("-");
    char detail[GW_QUARANTINE_MAX_TEXT];

    snprintf(detail, sizeof(detail), "mapping %.*s: %s; topic %.*s", GW_STR_ARG(mapping), why,
             GW_STR_ARG(topic));
    gw_lane_quarantine(lane, reason, name, gw_str_of(detail));
}

static void quarantine_node(struct gw_lane *lane, const struct gw_json_place *place,
                            struct gw_str topic)
{
    char name[2 * GW_MAX_DEVICE_NAME + 2];
    int len = snprintf(name, sizeof(name), "%.*s/%.*s", GW_STR_ARG(place->group),
                       GW_STR_ARG(place->edge_node));

    quarantine(lane, GW_QUARANTINE_UNKNOWN_NODE, gw_str_from(name, (size_t)len), place,
               "it is not registered", topic);
}

/* The edge node that the topic names; NULL: there is none, which was told. */
static const struct gw_edge_node_config *find_node(struct gw_lane *lane, struct gw_str topic)
{
    struct gw_json_place place;
    struct gw_error error;

    if (gw_json_map_locate(lane->config.registry, topic, &place, &error) != 0) {
        quarantine(lane, GW_QUARANTINE_MALFORMED, topic, &place, error.text, topic);
        return NULL;
    }
    const struct gw_edge_node_config *node =
        gw_registry_find_node(lane->config.registry, place.group, place.edge_node);
    if (node == NULL)
        quarantine_node(lane, &place, topic);
    return node;
}

/* --- what comes --- */

void gw_lane_json_take(struct gw_lane *lane, struct gw_str topic, struct gw_str payload,
                       bool is_retained, bool is_owed)
{
    struct gw_str prefix = is_retained ? GW_LANE_JSON_RETAINED : GW_LANE_JSON;
    char text[MAX_PREFIX + GW_JSON_MAP_MAX_TOPIC];

    if (topic.len > GW_JSON_MAP_MAX_TOPIC) {
        gw_lane_quarantine(lane, GW_QUARANTINE_MALFORMED, topic,
                           GW_STR("the topic is too long for a mapping"));
        return;
    }
    const struct gw_edge_node_config *node = find_node(lane, topic);
    if (node == NULL)
        return;
    int len = snprintf(text, sizeof(text), "%.*s%.*s", GW_STR_ARG(prefix), GW_STR_ARG(topic));
    if (gw_lane_take_for(lane, node, gw_str_from(text, (size_t)len), payload, is_owed) != 0)
        gw_log_debug("iot: a message of %.*s is not ours", GW_STR_ARG(node->id)); /* counted */
}

void gw_lane_json_watch(struct gw_lane *lane, struct gw_str topic)
{
    if (topic.len <= GW_JSON_MAP_MAX_TOPIC)
        (void)find_node(lane, topic); /* those that are registered go to their owners */
}

/* --- what is in the journal --- */

static void on_aside(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                     struct gw_str detail)
{
    gw_lane_quarantine(self, reason, name, detail);
}

static void compute(struct gw_lane *lane, const struct gw_edge_node_config *node,
                    const struct gw_json_message *message)
{
    const struct gw_json_sink sink = {.self = lane, .on_aside = on_aside};
    struct gw_json_read read;

    gw_arena_reset(&lane->json);
    if (gw_json_map_read(lane->config.registry, message, &sink, &lane->json, &read) != 0) {
        gw_lane_quarantine(lane, GW_QUARANTINE_MALFORMED, message->topic,
                           GW_STR("it takes too much memory to be read"));
        return;
    }
    lane->stats.passed_over += read.passed_over;
    if (read.count > 0)
        gw_lane_samples(lane, node, read.samples, read.count);
}

bool gw_lane_json_compute(struct gw_lane *lane, const struct gw_edge_node_config *node,
                          struct gw_str topic, struct gw_str payload, int64_t arrival_ms)
{
    int64_t max_future_ms = lane->config.host_limits.max_future_ms;
    bool is_retained = gw_str_has_prefix(topic, GW_LANE_JSON_RETAINED);

    if (!is_retained && !gw_str_has_prefix(topic, GW_LANE_JSON))
        return false;
    const struct gw_json_message message = {
        .node = node,
        .topic = gw_str_tail(topic, (is_retained ? GW_LANE_JSON_RETAINED : GW_LANE_JSON).len),
        .payload = payload,
        .arrival_ms = arrival_ms,
        .max_future_ms = max_future_ms != 0 ? max_future_ms : MAX_FUTURE_MS,
        .is_retained = is_retained};
    compute(lane, node, &message);
    return true;
}
