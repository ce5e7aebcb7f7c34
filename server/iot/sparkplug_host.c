#include "server/iot/sparkplug_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/iot/sparkplug_host_private.h"

#define MAX_ARENA_BYTES (32u << 20)
#define MAX_REBIRTH_DOUBLINGS 64

static const char *const reason_names[] = {
    [GW_QUARANTINE_UNKNOWN_NODE] = "unknown-node",
    [GW_QUARANTINE_UNKNOWN_DEVICE] = "unknown-device",
    [GW_QUARANTINE_UNKNOWN_METRIC] = "unknown-metric",
    [GW_QUARANTINE_MALFORMED] = "malformed",
    [GW_QUARANTINE_TYPE] = "type",
    [GW_QUARANTINE_TIME] = "time",
};

const char *gw_quarantine_reason_name(enum gw_quarantine_reason reason)
{
    return reason_names[reason];
}

/* --- making --- */

void gw_sparkplug_host_set_limits(struct gw_sparkplug_host *host,
                                  const struct gw_sparkplug_host_limits *given)
{
    struct gw_sparkplug_host_limits *limits = &host->limits;

    *limits = *given;
    if (limits->reorder_ms == 0)
        limits->reorder_ms = 2000;
    if (limits->reorder_max == 0)
        limits->reorder_max = 64;
    if (limits->reorder_max > 127)
        limits->reorder_max = 127;
    if (limits->rebirth_ms == 0)
        limits->rebirth_ms = 10000;
    if (limits->device_ms == 0)
        limits->device_ms = 30000;
    if (limits->max_future_ms == 0)
        limits->max_future_ms = 10 * 60000;
}

struct gw_sparkplug_host *gw_sparkplug_host_create(struct gw_registry *registry,
                                                   const struct gw_sparkplug_host_limits *limits,
                                                   const struct gw_sparkplug_host_events *events)
{
    struct gw_sparkplug_host *host = calloc(1, sizeof(*host));
    size_t nodes = gw_registry_node_count(registry);

    if (host == NULL)
        return NULL;
    host->registry = gw_registry_hold(registry);
    gw_sparkplug_host_set_limits(host, limits);
    host->events = *events;
    gw_arena_init(&host->arena, 65536, MAX_ARENA_BYTES);
    gw_arena_init(&host->held_arena, 16384, MAX_ARENA_BYTES);
    host->nodes = calloc(nodes + 1, sizeof(*host->nodes));
    host->devices = calloc(gw_registry_device_count(registry) + 1, sizeof(*host->devices));
    host->types = calloc(gw_registry_series_count(registry) + 1, 1);
    if (host->nodes == NULL || host->devices == NULL || host->types == NULL) {
        gw_sparkplug_host_destroy(host);
        return NULL;
    }
    for (size_t i = 0; i < nodes; i++) {
        struct gw_sparkplug_node *node = &host->nodes[i];
        node->config = gw_registry_node(registry, i);
        node->own =
            gw_registry_find(registry, node->config->group, node->config->edge_node, GW_STR(""));
        gw_sparkplug_node_reset(host, node);
    }
    return host;
}

void gw_sparkplug_host_destroy(struct gw_sparkplug_host *host)
{
    if (host == NULL)
        return;
    for (size_t i = 0; host->nodes != NULL && i < gw_registry_node_count(host->registry); i++) {
        gw_sparkplug_drop_held(host, &host->nodes[i]);
        gw_sparkplug_aliases_clear(&host->nodes[i].aliases);
    }
    gw_arena_finish(&host->held_arena);
    gw_arena_finish(&host->arena);
    free(host->types);
    free(host->devices);
    free(host->nodes);
    gw_registry_release(host->registry);
    free(host);
}

struct gw_sparkplug_node *gw_sparkplug_node_of(struct gw_sparkplug_host *host,
                                               const struct gw_edge_node_config *config)
{
    return &host->nodes[config->index];
}

enum gw_device_state gw_sparkplug_host_state(const struct gw_sparkplug_host *host,
                                             const struct gw_device_config *device)
{
    return (enum gw_device_state)host->devices[device->index].state;
}

const struct gw_sparkplug_host_counts *
gw_sparkplug_host_counts(const struct gw_sparkplug_host *host)
{
    return &host->counts;
}

/* --- telling --- */

static void put_aside(struct gw_sparkplug_host *host, enum gw_quarantine_reason reason,
                      struct gw_str name, const char *detail)
{
    host->counts.quarantined++;
    host->events.on_quarantine(host->events.self, reason, name, gw_str_of(detail));
}

void gw_sparkplug_quarantine(struct gw_sparkplug_host *host, const struct gw_sparkplug_node *node,
                             enum gw_quarantine_reason reason, struct gw_str device,
                             struct gw_str metric, const char *detail)
{
    char name[4 * GW_SPARKPLUG_MAX_NAME];
    int len = snprintf(name, sizeof(name), "%.*s/%.*s%s%.*s%s%.*s", GW_STR_ARG(node->config->group),
                       GW_STR_ARG(node->config->edge_node), device.len > 0 ? "/" : "",
                       GW_STR_ARG(device), metric.len > 0 ? "/" : "", GW_STR_ARG(metric));

    if (len >= (int)sizeof(name))
        len = (int)sizeof(name) - 1;
    put_aside(host, reason, gw_str_from(name, (size_t)len), detail);
}

void gw_sparkplug_ask_rebirth(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                              const char *why, int64_t now_ms)
{
    node->needs_rebirth = true;
    if (now_ms < node->next_rebirth_ms)
        return;
    node->next_rebirth_ms = now_ms + (int64_t)node->rebirth_wait_ms;
    if (node->rebirth_wait_ms < MAX_REBIRTH_DOUBLINGS * host->limits.rebirth_ms)
        node->rebirth_wait_ms *= 2;
    host->counts.rebirths++;
    host->events.on_rebirth(host->events.self, node->config, why);
}

/* --- time --- */

static void tick_node(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                      int64_t now_ms)
{
    if (node->held != NULL && now_ms - node->waiting_since_ms >= (int64_t)host->limits.reorder_ms)
        gw_sparkplug_give_up_gap(host, node, now_ms);
    if (node->needs_rebirth && !node->is_dead && now_ms >= node->next_rebirth_ms)
        gw_sparkplug_ask_rebirth(host, node, "an earlier request was not answered", now_ms);
    if (node->reborn_by_ms != 0 && now_ms >= node->reborn_by_ms)
        gw_sparkplug_miss_devices(host, node);
}

void gw_sparkplug_host_tick(struct gw_sparkplug_host *host, const struct gw_edge_node_config *node,
                            int64_t now_ms)
{
    tick_node(host, &host->nodes[node->index], now_ms);
}

/* --- messages --- */

static void feed_node(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                      struct gw_sparkplug_message *message)
{
    struct gw_sparkplug_payload payload;
    struct gw_error error;

    gw_arena_reset(&host->arena);
    if (gw_sparkplug_decode(message->bytes, &host->arena, &payload, &error) != 0) {
        gw_sparkplug_quarantine(host, node, GW_QUARANTINE_MALFORMED, message->device, GW_STR(""),
                                error.text);
        return;
    }
    message->has_time = payload.has_time;
    message->time_ms = payload.time_ms;
    message->seq = payload.seq;
    if (message->kind == GW_SPARKPLUG_NBIRTH)
        gw_sparkplug_take_birth(host, node, message, &payload);
    else if (message->kind == GW_SPARKPLUG_NDEATH)
        gw_sparkplug_take_death(host, node, message, &payload);
    else
        gw_sparkplug_order(host, node, message, &payload);
}

void gw_sparkplug_host_feed(struct gw_sparkplug_host *host, struct gw_str topic,
                            struct gw_str bytes, int64_t arrival_ms)
{
    struct gw_sparkplug_topic parts;
    struct gw_error error;

    host->counts.messages++;
    if (gw_sparkplug_topic_parse(topic, &parts, &error) != 0) {
        put_aside(host, GW_QUARANTINE_MALFORMED, topic, error.text);
        return;
    }
    if (parts.kind > GW_SPARKPLUG_DDEATH)
        return;
    const struct gw_edge_node_config *config =
        gw_registry_find_node(host->registry, parts.group, parts.edge_node);
    if (config == NULL) {
        struct gw_error name;
        gw_error_set(&name, 0, "%.*s/%.*s", GW_STR_ARG(parts.group), GW_STR_ARG(parts.edge_node));
        put_aside(host, GW_QUARANTINE_UNKNOWN_NODE, gw_str_of(name.text),
                  gw_sparkplug_kind_name(parts.kind));
        return;
    }
    struct gw_sparkplug_message message = {
        .kind = parts.kind, .device = parts.device, .bytes = bytes, .arrival_ms = arrival_ms};
    gw_sparkplug_host_tick(host, config, arrival_ms);
    feed_node(host, gw_sparkplug_node_of(host, config), &message);
}

int64_t gw_sparkplug_host_node_ms(const struct gw_sparkplug_host *host,
                                  const struct gw_edge_node_config *node, int64_t our_ms)
{
    return gw_sparkplug_node_ms(&host->nodes[node->index], our_ms);
}

/* --- doubt --- */

static void doubt_node(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                       int64_t now_ms)
{
    gw_sparkplug_flush(host, node, NULL);
    gw_sparkplug_lose_certainty(host, node);
    node->is_seq_unknown = node->has_session;
    node->reborn_by_ms = now_ms + (int64_t)host->limits.device_ms;
    for (size_t i = 0; i < node->config->device_count; i++) {
        const struct gw_device_config *device = node->config->devices[i];
        if (gw_sparkplug_host_state(host, device) == GW_DEVICE_ONLINE)
            gw_sparkplug_set_state(host, node, device, GW_DEVICE_UNKNOWN, now_ms);
    }
    gw_sparkplug_ask_rebirth(host, node, "the connection was interrupted", now_ms);
}

void gw_sparkplug_host_doubt(struct gw_sparkplug_host *host, const struct gw_edge_node_config *node,
                             int64_t now_ms)
{
    if (node != NULL) {
        doubt_node(host, gw_sparkplug_node_of(host, node), now_ms);
        return;
    }
    for (size_t i = 0; i < gw_registry_node_count(host->registry); i++)
        doubt_node(host, &host->nodes[i], now_ms);
}
