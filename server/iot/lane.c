#include "server/iot/lane.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/iot/lane_private.h"
#include "server/iot/sample_json.h"

#define TICK_NS (100 * GW_NS_PER_MS)
#define REBIRTHS_PER_SECOND 50
#define MAX_SAMPLES_ARENA (32u << 20)

int64_t gw_lane_wall_ms(void)
{
    return (int64_t)(gw_clock_realtime_ns() / GW_NS_PER_MS);
}

/* --- computing --- */

static void tell_samples(struct gw_lane *lane, const struct gw_edge_node_config *node,
                         const struct gw_sample *samples, size_t count)
{
    lane->stats.samples += count;
    if (lane->config.events.on_samples != NULL)
        lane->config.events.on_samples(lane->config.events.self, node, samples, count);
}

void gw_lane_samples(struct gw_lane *lane, const struct gw_edge_node_config *node,
                     const struct gw_sample *samples, size_t count)
{
    tell_samples(lane, node, samples, count);
    gw_signal_engine_feed(lane->engine, node, samples, count);
}

void gw_lane_quarantine(struct gw_lane *lane, enum gw_quarantine_reason reason, struct gw_str name,
                        struct gw_str detail)
{
    if (lane->config.events.on_quarantine != NULL)
        lane->config.events.on_quarantine(lane->config.events.self, reason, name, detail);
}

/* Registered when they were taken, and no longer. */
static void quarantine_unknown(struct gw_lane *lane, const struct gw_edge_node_config *config,
                               const struct gw_samples_read *read)
{
    char name[512];
    bool is_metric = read->unknown_metric.len > 0;
    int len = snprintf(name, sizeof(name), "%.*s/%.*s%s%.*s", GW_STR_ARG(config->id),
                       GW_STR_ARG(read->unknown_device), is_metric ? "/" : "",
                       GW_STR_ARG(read->unknown_metric));

    gw_lane_quarantine(
        lane, is_metric ? GW_QUARANTINE_UNKNOWN_METRIC : GW_QUARANTINE_UNKNOWN_DEVICE,
        gw_str_from(name, (size_t)len < sizeof(name) ? (size_t)len : sizeof(name) - 1),
        GW_STR("over HTTP"));
}

/* False: it is a message. */
static bool compute_mark(struct gw_lane *lane, const struct gw_lane_node *node, struct gw_str topic,
                         int64_t now_ms)
{
    bool is_silence = gw_str_equal(topic, GW_LANE_SILENCE);

    if (gw_str_equal(topic, GW_LANE_DOUBT)) {
        gw_sparkplug_host_doubt(lane->host, node->config, now_ms);
        return true;
    }
    if (!is_silence && !gw_str_equal(topic, GW_LANE_HOUR))
        return false;
    gw_sparkplug_host_tick(lane->host, node->config, now_ms);
    if (is_silence)
        gw_signal_engine_advance(lane->engine, node->config,
                                 gw_sparkplug_host_node_ms(lane->host, node->config, now_ms) -
                                     (int64_t)lane->config.silence_ms);
    return true;
}

/* Samples that came over HTTP. */
static void take_samples(struct gw_lane *lane, const struct gw_lane_node *node, struct gw_str topic,
                         struct gw_str payload)
{
    const struct gw_edge_node_config *config = node->config;
    struct gw_samples_read read;
    struct gw_error error = {.text = "out of memory"};
    struct gw_str group, edge_node, place = GW_STR("");
    struct gw_arena arena;

    (void)gw_samples_topic_parse(topic, &group, &edge_node, &place);
    gw_arena_init(&arena, 16u << 10, MAX_SAMPLES_ARENA);
    if (gw_samples_read(payload, lane->config.registry, config, &arena, &read, &error) != 0) {
        gw_lane_quarantine(lane, GW_QUARANTINE_MALFORMED, config->id, gw_str_of(error.text));
    } else {
        if (read.count > 0 && gw_str_has_prefix(topic, GW_STR(GW_SAMPLES_KEPT_TOPIC)))
            tell_samples(lane, config, read.samples, read.count);
        else if (read.count > 0)
            gw_lane_samples(lane, config, read.samples, read.count);
        if (read.unknown > 0)
            quarantine_unknown(lane, config, &read);
    }
    gw_arena_finish(&arena);
    if (lane->config.events.on_journaled != NULL)
        lane->config.events.on_journaled(lane->config.events.self, config, place);
}

void gw_lane_compute(struct gw_lane *lane, struct gw_lane_node *node, struct gw_str entry)
{
    while (entry.len >= GW_LANE_HEAD_BYTES) {
        int64_t arrival_ms;
        uint16_t topic_len;
        uint32_t payload_len;
        memcpy(&arrival_ms, entry.ptr, sizeof(arrival_ms));
        memcpy(&topic_len, entry.ptr + 8, sizeof(topic_len));
        memcpy(&payload_len, entry.ptr + 10, sizeof(payload_len));
        if (entry.len - GW_LANE_HEAD_BYTES < (size_t)topic_len + payload_len)
            break;
        struct gw_str topic = gw_str_from(entry.ptr + GW_LANE_HEAD_BYTES, topic_len);
        struct gw_str payload = gw_str_from(topic.ptr + topic_len, payload_len);
        if (gw_str_has_prefix(topic, GW_STR(GW_SAMPLES_TOPIC)) ||
            gw_str_has_prefix(topic, GW_STR(GW_SAMPLES_KEPT_TOPIC)))
            take_samples(lane, node, topic, payload);
        else if (!gw_lane_json_compute(lane, node->config, topic, payload, arrival_ms) &&
                 !compute_mark(lane, node, topic, arrival_ms))
            gw_sparkplug_host_feed(lane->host, topic, payload, arrival_ms);
        entry = gw_str_tail(entry, GW_LANE_HEAD_BYTES + (size_t)topic_len + payload_len);
    }
}

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    gw_lane_samples(self, node, samples, count);
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
    if (gw_lane_command(lane, node, GW_STR(""), &metric, gw_lane_wall_ms()) != 0)
        gw_log_debug("iot: %.*s could not be asked: its broker is away", GW_STR_ARG(node->id));
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    gw_lane_quarantine(self, reason, name, detail);
}

static void on_event(void *self, const struct gw_signal_event *event)
{
    struct gw_lane *lane = self;

    if (lane->config.events.on_event != NULL)
        lane->config.events.on_event(lane->config.events.self, event);
    gw_lane_emit(lane->nodes[event->device->node], event);
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
    for (size_t i = 0; i < lane->node_count; i++) {
        gw_lane_node_tick(lane->nodes[i], now_ns);
        is_idle = is_idle && gw_lane_node_is_idle(lane->nodes[i]);
    }
    gw_lane_check_pressure(lane);
    gw_lane_connect_when_loaded(lane);
    if (lane->is_stopping && (is_idle || now_ns >= lane->stop_at_ns))
        finish_stop(lane);
}

/* --- making it --- */

static struct gw_str *copy_texts(const struct gw_str *from, size_t count, struct gw_arena *arena)
{
    struct gw_str *copies = gw_arena_calloc(arena, count + 1, sizeof(*copies));

    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = gw_arena_copy(arena, from[i]);
        if (copies[i].ptr == NULL)
            return NULL;
    }
    return copies;
}

static int copy_broker(const struct gw_lane_broker *from, struct gw_arena *arena,
                       struct gw_lane_broker *broker)
{
    struct gw_mqtt_config *mqtt = &broker->mqtt;
    struct gw_str *texts[] = {
        &mqtt->name,     &mqtt->host,    &mqtt->client_id,        &mqtt->user,
        &mqtt->password, &mqtt->ca_file, &mqtt->certificate_file, &mqtt->key_file};

    *broker = *from;
    mqtt->holds_acknowledgements = true;
    broker->groups = copy_texts(from->groups, from->group_count, arena);
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++) {
        *texts[i] = gw_arena_copy(arena, *texts[i]);
        if (texts[i]->ptr == NULL)
            return -ENOMEM;
    }
    return broker->groups != NULL ? 0 : -ENOMEM;
}

int gw_lane_copy_config(struct gw_lane_config *config, struct gw_arena *arena)
{
    struct gw_lane_broker *brokers =
        gw_arena_calloc(arena, config->broker_count + 1, sizeof(*brokers));

    if (config->silence_ms == 0)
        config->silence_ms = 10 * 1000;
    if (config->checkpoint_ns == 0)
        config->checkpoint_ns = 10 * GW_NS_PER_SECOND;
    if (config->max_pending_bytes == 0)
        config->max_pending_bytes = 64u << 20;
    if (brokers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < config->broker_count; i++) {
        int rc = copy_broker(&config->brokers[i], arena, &brokers[i]);
        if (rc != 0)
            return rc;
    }
    config->brokers = brokers;
    config->host_id = gw_arena_copy(arena, config->host_id);
    return config->host_id.ptr != NULL ? 0 : -ENOMEM;
}

int gw_lane_make_computing(struct gw_lane *lane, const struct gw_lane_config *config,
                           struct gw_sparkplug_host **out_host,
                           struct gw_signal_engine **out_engine)
{
    const struct gw_sparkplug_host_events host_events = {.self = lane,
                                                         .on_samples = on_samples,
                                                         .on_state = on_device_state,
                                                         .on_rebirth = on_rebirth,
                                                         .on_quarantine = on_quarantine};
    const struct gw_signal_events signal_events = {
        .self = lane, .on_event = on_event, .on_late = on_late};
    struct gw_sparkplug_host *host =
        gw_sparkplug_host_create(config->registry, &config->host_limits, &host_events);
    struct gw_signal_engine *engine = gw_signal_engine_create(config->signals, &signal_events);

    if (host == NULL || engine == NULL) {
        gw_sparkplug_host_destroy(host);
        gw_signal_engine_destroy(engine);
        return -ENOMEM;
    }
    *out_host = host;
    *out_engine = engine;
    return 0;
}

static int make_parts(struct gw_lane *lane)
{
    size_t count = gw_registry_node_count(lane->config.registry);
    int rc = gw_lane_copy_config(&lane->config, &lane->arena);

    if (rc == 0)
        rc = gw_lane_make_computing(lane, &lane->config, &lane->host, &lane->engine);
    lane->nodes = calloc(count + 1, sizeof(struct gw_lane_node *));
    if (rc != 0 || lane->nodes == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        lane->nodes[i] = gw_lane_node_create(lane, gw_registry_node(lane->config.registry, i));
        if (lane->nodes[i] == NULL)
            return -ENOMEM;
        lane->node_count++;
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
    gw_arena_init(&lane->arena, 4096, GW_LANE_MAX_TEXT_BYTES);
    gw_arena_init(&lane->json, 16u << 10, MAX_SAMPLES_ARENA);
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
    gw_lane_abandon_change(lane);
    gw_lane_set_primary(lane, false);
    gw_lane_disconnect(lane);
    for (size_t i = 0; i < lane->node_count; i++)
        gw_lane_node_destroy(lane->nodes[i]);
    gw_sparkplug_host_destroy(lane->host);
    gw_signal_engine_destroy(lane->engine);
    gw_registry_release(lane->config.registry);
    gw_signals_release(lane->config.signals);
    free(lane->nodes);
    gw_arena_finish(&lane->arena);
    gw_arena_finish(&lane->json);
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
        lane->nodes[i]->is_wanted = !lane->is_stopping && !lane->nodes[i]->is_dropped &&
                                    is_mine(self, lane->nodes[i]->config);
}

int gw_lane_feed(struct gw_lane *lane, struct gw_str topic, struct gw_str payload)
{
    if (lane->is_paused || lane->is_stopping)
        return -EAGAIN;
    return gw_lane_take(lane, topic, payload, false);
}

void gw_lane_stop(struct gw_lane *lane, bool keeps_sessions, uint64_t timeout_ns,
                  void (*done)(void *self), void *self)
{
    gw_lane_set_primary(lane, false);
    lane->is_stopping = true;
    gw_lane_abandon_change(lane);
    lane->keeps_sessions = keeps_sessions;
    lane->stopped = done;
    lane->stopped_self = self;
    lane->stop_at_ns = gw_loop_now_ns(lane->loop) + timeout_ns;
    for (size_t i = 0; i < lane->node_count; i++) {
        lane->nodes[i]->is_wanted = false;
        gw_lane_node_catch_up(lane->nodes[i]);
    }
    if (keeps_sessions)
        gw_lane_disconnect(lane);
}

int gw_lane_suppress(struct gw_lane *lane, const struct gw_device_config *device, int64_t from_ms,
                     int64_t until_ms)
{
    const struct gw_lane_node *node = lane->nodes[device->node];

    if (node->state == GW_LANE_FOREIGN || node->state == GW_LANE_CLAIMING)
        return 0;
    return gw_signal_engine_suppress(lane->engine, device, from_ms, until_ms);
}

enum gw_device_state gw_lane_device_state(const struct gw_lane *lane,
                                          const struct gw_device_config *device)
{
    return gw_sparkplug_host_state(lane->host, device);
}

void gw_lane_get_stats(const struct gw_lane *lane, struct gw_lane_stats *out_stats)
{
    *out_stats = lane->stats;
    out_stats->owed = lane->owed;
}
