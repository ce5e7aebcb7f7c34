/* The engine: what comes is put in order, lane by lane, and computed when it is its turn. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/instant.h"
#include "server/iot/signal_private.h"

#define SIGNAL_MAX_SUPPRESSIONS 1024  /* of one edge node at once */
#define ARENA_BLOCK_BYTES (128 << 10) /* larger than any event */
#define ARENA_MAX_BYTES (1 << 20)

struct gw_signal_engine *gw_signal_engine_create(struct gw_signals *signals,
                                                 const struct gw_signal_events *events)
{
    struct gw_signal_engine *engine = calloc(1, sizeof(*engine));

    if (engine == NULL)
        return NULL;
    engine->signals = gw_signals_hold(signals);
    engine->events = *events;
    engine->device = gw_registry_device(signals->registry, 0);
    engine->teller.events = &engine->events;
    engine->teller.digester = gw_digester_create();
    gw_arena_init(&engine->teller.arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    engine->sites =
        calloc(gw_registry_node_count(signals->registry) + 1, sizeof(struct signal_site *));
    void *block = gw_arena_alloc(&engine->teller.arena, 1); /* kept over each reset */
    gw_arena_reset(&engine->teller.arena);
    if (engine->sites == NULL || engine->teller.digester == NULL || block == NULL) {
        gw_signal_engine_destroy(engine);
        return NULL;
    }
    return engine;
}

void gw_signal_engine_destroy(struct gw_signal_engine *engine)
{
    if (engine == NULL)
        return;
    size_t count = gw_registry_node_count(engine->signals->registry);
    for (size_t i = 0; engine->sites != NULL && i < count; i++)
        signal_site_destroy(engine->signals, engine->sites[i]);
    gw_digester_destroy(engine->teller.digester);
    gw_arena_finish(&engine->teller.arena);
    gw_signals_release(engine->signals);
    free(engine->instant.records);
    free(engine->dirty);
    free(engine->sites);
    free(engine);
}

void gw_signal_engine_forget(struct gw_signal_engine *engine,
                             const struct gw_edge_node_config *node)
{
    signal_site_destroy(engine->signals, engine->sites[node->index]);
    engine->sites[node->index] = NULL;
}

/* --- feeding --- */

static int64_t mark_of(const struct gw_signal_engine *engine, const struct signal_site *site,
                       uint32_t lane)
{
    int64_t mark_ms = site->last_ms - engine->signals->lateness_ms[lane];

    mark_ms = mark_ms > site->advanced_ms ? mark_ms : site->advanced_ms;
    return mark_ms > site->lanes[lane].clock_ms ? mark_ms : site->lanes[lane].clock_ms;
}

/* False: it came too late, or there is no memory for it. A full queue gives up waiting for what
 * would belong before its first. */
static bool push(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                 const struct signal_record *record)
{
    struct signal_queue *queue = &site->lanes[lane].queue;

    if (record->time_ms < mark_of(engine, site, lane))
        return false;
    int rc = signal_queue_push(queue, record);
    if (rc != -ENOBUFS)
        return rc == 0;
    signal_site_drain(engine, site, lane);
    if (signal_queue_count(queue) >= SIGNAL_QUEUE_MAX) {
        int64_t advanced_ms = site->advanced_ms;
        site->advanced_ms = signal_queue_time_ms(queue) + 1;
        signal_site_drain(engine, site, lane);
        site->advanced_ms = advanced_ms;
    }
    return record->time_ms >= site->lanes[lane].clock_ms && signal_queue_push(queue, record) == 0;
}

static double number_of(const struct gw_sample *sample)
{
    double number = NAN;

    if (sample->type == GW_SAMPLE_TEXT)
        return signal_text_code(sample->text);
    return gw_sample_number(sample, &number) && isfinite(number) ? number : NAN;
}

static void feed(struct gw_signal_engine *engine, struct signal_site *site,
                 const struct gw_sample *sample)
{
    const struct gw_signals *signals = engine->signals;
    const struct signal_record record = {.time_ms = sample->time_ms,
                                         .number = number_of(sample),
                                         .subject = sample->series,
                                         .kind = RECORD_SAMPLE,
                                         .quality = sample->quality,
                                         .is_text = sample->type == GW_SAMPLE_TEXT};
    uint8_t lanes = signals->series_lanes[sample->series];
    bool is_late = false;

    for (uint32_t lane = 0; lanes >> lane != 0; lane++)
        if ((lanes >> lane & 1) != 0 && !push(engine, site, lane, &record))
            is_late = true;
    /* That a series is stale is told of its device, too, which is never late. */
    if (is_late && sample->quality != GW_QUALITY_STALE && engine->events.on_late != NULL)
        engine->events.on_late(engine->events.self, sample->series, sample->time_ms);
    if (sample->time_ms > site->last_ms)
        site->last_ms = sample->time_ms;
}

static bool is_time(int64_t time_ms)
{
    return time_ms > 0 && time_ms <= GW_INSTANT_MAX_MS;
}

static void drain(struct gw_signal_engine *engine, struct signal_site *site)
{
    for (uint32_t lane = 0; lane < engine->signals->lane_count; lane++)
        signal_site_drain(engine, site, lane);
}

void gw_signal_engine_feed(struct gw_signal_engine *engine, const struct gw_edge_node_config *node,
                           const struct gw_sample *samples, size_t count)
{
    struct signal_site *site = signal_site_of(engine, node->index);

    for (size_t i = 0; i < count; i++) {
        bool is_own = site != NULL && samples[i].series >= site->series_at &&
                      samples[i].series < site->series_end;
        if (is_own && is_time(samples[i].time_ms))
            feed(engine, site, &samples[i]);
        else if (engine->events.on_late != NULL)
            engine->events.on_late(engine->events.self, samples[i].series, samples[i].time_ms);
    }
    if (site != NULL)
        drain(engine, site);
}

void gw_signal_engine_state(struct gw_signal_engine *engine, const struct gw_device_config *device,
                            bool is_online, int64_t time_ms)
{
    struct signal_site *site = signal_site_of(engine, device->node);
    const struct signal_record record = {.time_ms = time_ms,
                                         .number = NAN,
                                         .subject = device->index,
                                         .kind = RECORD_OFFLINE,
                                         .quality = GW_QUALITY_STALE};

    if (site == NULL || !is_time(time_ms))
        return;
    for (uint32_t lane = 0; lane < engine->signals->lane_count && !is_online; lane++) {
        /* What is told late is true all the same: it counts from where the lane has come to. */
        struct signal_record death = record;
        int64_t mark_ms = mark_of(engine, site, lane);
        death.time_ms = time_ms > mark_ms ? time_ms : mark_ms;
        if (!push(engine, site, lane, &death) && engine->events.on_late != NULL)
            engine->events.on_late(engine->events.self, GW_SERIES_NONE, time_ms);
    }
    if (time_ms > site->last_ms)
        site->last_ms = time_ms;
    drain(engine, site);
}

void gw_signal_engine_advance(struct gw_signal_engine *engine,
                              const struct gw_edge_node_config *node, int64_t time_ms)
{
    struct signal_site *site = engine->sites[node->index];

    if (site == NULL || !is_time(time_ms) || time_ms <= site->advanced_ms)
        return;
    site->advanced_ms = time_ms;
    drain(engine, site);
}

/* --- suppression --- */

/* What has ended for all lanes, or is of the device if `device` is no SIGNAL_NONE. */
static void drop_suppressions(const struct gw_signal_engine *engine, struct signal_site *site,
                              uint32_t device)
{
    uint32_t kept = 0;
    int64_t clock_ms = INT64_MAX;

    for (uint32_t i = 0; i < engine->signals->lane_count; i++)
        clock_ms = site->lanes[i].clock_ms < clock_ms ? site->lanes[i].clock_ms : clock_ms;
    for (uint32_t i = 0; i < site->suppression_count; i++) {
        struct signal_suppression suppression = site->suppressions[i];
        if (suppression.until_ms > clock_ms && suppression.device != device)
            site->suppressions[kept++] = suppression;
    }
    site->suppression_count = kept;
}

/* Those that were held back look anew. */
static void rearm_device(struct gw_signal_engine *engine, struct signal_site *site, uint32_t device)
{
    for (uint32_t lane = 0; lane < engine->signals->lane_count; lane++)
        for (uint32_t i = site->node->lane_at[lane]; i < site->node->lane_at[lane + 1]; i++) {
            if (engine->signals->instances[i] != device)
                continue;
            struct signal_run run = signal_run_of(engine->signals, site, lane, i);
            if (run_state(&run)->is_held_back)
                signal_site_rearm(engine->signals, site, lane, &run);
        }
}

int gw_signal_engine_suppress(struct gw_signal_engine *engine,
                              const struct gw_device_config *device, int64_t from_ms,
                              int64_t until_ms)
{
    struct signal_site *site = signal_site_of(engine, device->node);
    int rc = 0;

    if (site == NULL)
        return -ENOMEM;
    drop_suppressions(engine, site, until_ms == 0 ? device->index : SIGNAL_NONE);
    if (until_ms > from_ms)
        rc = signal_site_suppress(site, device->index, from_ms, until_ms);
    rearm_device(engine, site, device->index);
    return rc;
}

/* --- capacity --- */

static size_t site_bytes(const struct gw_signals *signals, const struct signal_site *site)
{
    size_t bytes = sizeof(*site) + (size_t)site->node->words * sizeof(uint64_t);

    bytes +=
        (site->suppressions != NULL ? SIGNAL_MAX_SUPPRESSIONS : 0) * sizeof(*site->suppressions);
    for (uint32_t i = 0; i < signals->lane_count; i++)
        bytes += (site->node->lane_at[i + 1] - site->node->lane_at[i]) * sizeof(uint32_t) +
                 signal_queue_bytes(&site->lanes[i].queue);
    return bytes;
}

size_t gw_signal_engine_bytes(const struct gw_signal_engine *engine)
{
    const struct gw_signals *signals = engine->signals;
    size_t bytes = sizeof(*engine) + gw_registry_series_count(signals->registry) +
                   signals->instance_count * sizeof(uint32_t) +
                   gw_registry_device_count(signals->registry) * signals->lane_count *
                       sizeof(struct signal_post) +
                   2 * signals->sibling_count * sizeof(struct signal_link);

    for (size_t i = 0; i < gw_registry_node_count(signals->registry); i++)
        bytes += sizeof(struct signal_site *) +
                 (engine->sites[i] != NULL ? site_bytes(signals, engine->sites[i]) : 0);
    return bytes + engine->instant.capacity * sizeof(struct signal_record);
}

static size_t ring_words(const struct signal *signal)
{
    const struct signal_window *window = &signal->window;
    size_t words = window->panes > 1 ? (size_t)window->panes * window->pane_words : 0;

    for (uint32_t i = 0; window->panes == 1 && i < signal->value_count; i++)
        if (signal->values[i].function == SIGNAL_PERCENTILE)
            words += signal_function_words(SIGNAL_PERCENTILE);
    return words;
}

size_t gw_signal_engine_ring_bytes(const struct gw_signal_engine *engine)
{
    const struct gw_signals *signals = engine->signals;
    size_t bytes = 0;

    for (size_t i = 0; i < gw_registry_node_count(signals->registry); i++) {
        const struct signal_site *site = engine->sites[i];
        for (uint32_t lane = 0; site != NULL && lane < signals->lane_count; lane++) {
            bytes += signal_queue_bytes(&site->lanes[lane].queue);
            for (uint32_t k = site->node->lane_at[lane]; k < site->node->lane_at[lane + 1]; k++)
                bytes +=
                    ring_words(signal_run_of(signals, site, lane, k).signal) * sizeof(uint64_t);
        }
    }
    return bytes;
}

size_t gw_signals_watched_series(const struct gw_signals *signals)
{
    return signals->watched_count;
}
