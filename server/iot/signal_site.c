/* An edge node at work: its lanes, each of which has a clock of event time, a queue in front of it
 * and the timers of its instances. */
#include <errno.h>
#include <stdlib.h>

#include "server/iot/signal_private.h"

struct signal_run signal_run_of(const struct gw_signals *signals, const struct signal_site *site,
                                uint32_t lane, uint32_t instance)
{
    uint32_t device = signals->instances[instance];
    const struct signal_post *post = signal_post_of(signals, device, lane);
    const struct signal_binding *binding =
        signals->bindings[post->binding_at + (instance - post->instance_at)];

    return (struct signal_run){.signals = signals,
                               .instance = instance,
                               .device = device,
                               .binding = binding,
                               .signal = binding->signal,
                               .words = site->words + post->words_at + binding->words_before,
                               .now_ms = site->lanes[lane].clock_ms};
}

/* --- making --- */

static void clear_instances(const struct gw_signals *signals, struct signal_site *site)
{
    const uint32_t *at = site->node->lane_at;

    for (uint32_t lane = 0; lane < signals->lane_count; lane++)
        for (uint32_t i = at[lane]; i < at[lane + 1]; i++) {
            struct signal_run run = signal_run_of(signals, site, lane, i);
            signal_instance_clear(&run);
        }
}

static bool take_memory(const struct gw_signals *signals, struct signal_site *site)
{
    site->words = calloc((size_t)site->node->words + 1, sizeof(*site->words));
    for (uint32_t i = 0; i < signals->lane_count; i++) {
        uint32_t count = site->node->lane_at[i + 1] - site->node->lane_at[i];
        site->lanes[i].timers = calloc((size_t)count + 1, sizeof(uint32_t));
        if (site->lanes[i].timers == NULL)
            return false;
    }
    return site->words != NULL;
}

struct signal_site *signal_site_of(struct gw_signal_engine *engine, uint32_t node)
{
    const struct gw_edge_node_config *config = gw_registry_node(engine->signals->registry, node);
    struct signal_site *site = engine->sites[node];

    if (site != NULL)
        return site;
    site = calloc(1, sizeof(*site));
    if (site == NULL)
        return NULL;
    site->node = &engine->signals->nodes[node];
    if (!take_memory(engine->signals, site)) {
        signal_site_destroy(engine->signals, site);
        return NULL;
    }
    const struct gw_device_config *first = config->devices[0];
    const struct gw_device_config *last = config->devices[config->device_count - 1];
    site->series_at = first->series_at;
    site->series_end = last->series_at + (uint32_t)last->type->metric_count;
    clear_instances(engine->signals, site);
    engine->sites[node] = site;
    return site;
}

void signal_site_destroy(const struct gw_signals *signals, struct signal_site *site)
{
    if (site == NULL)
        return;
    for (uint32_t i = 0; i < signals->lane_count; i++) {
        signal_queue_finish(&site->lanes[i].queue);
        free(site->lanes[i].timers);
    }
    free(site->words);
    free(site->suppressions);
    free(site);
}

int signal_site_suppress(struct signal_site *site, uint32_t device, int64_t from_ms,
                         int64_t until_ms)
{
    if (site->suppression_count == SIGNAL_MAX_SUPPRESSIONS)
        return -ENOBUFS;
    if (site->suppressions == NULL)
        site->suppressions = calloc(SIGNAL_MAX_SUPPRESSIONS, sizeof(*site->suppressions));
    if (site->suppressions == NULL)
        return -ENOMEM;
    site->suppressions[site->suppression_count++] =
        (struct signal_suppression){device, from_ms, until_ms};
    return 0;
}

int64_t signal_site_suppressed_ms(const struct signal_site *site, uint32_t device, int64_t now_ms)
{
    int64_t until_ms = 0;

    for (uint32_t i = 0; i < site->suppression_count; i++) {
        const struct signal_suppression *suppression = &site->suppressions[i];
        if (suppression->device == device && suppression->from_ms <= now_ms &&
            suppression->until_ms > now_ms && suppression->until_ms > until_ms)
            until_ms = suppression->until_ms;
    }
    return until_ms;
}

/* --- timers: an indexed heap --- */

struct heap {
    const struct gw_signals *signals;
    struct signal_site *site;
    struct signal_lane *lane;
    uint32_t number; /* of the lane */
    uint32_t first;  /* instance of the lane */
};

static struct heap heap_of(const struct gw_signals *signals, struct signal_site *site,
                           uint32_t lane)
{
    return (struct heap){signals, site, &site->lanes[lane], lane, site->node->lane_at[lane]};
}

static struct instance_state *state_at(const struct heap *heap, uint32_t timer)
{
    const struct signal_run run = signal_run_of(heap->signals, heap->site, heap->number,
                                                heap->first + heap->lane->timers[timer]);

    return run_state(&run);
}

/* Those that are due at once have an order that does not depend on how they came here. */
static bool is_before(const struct heap *heap, uint32_t a, uint32_t b)
{
    int64_t a_ms = state_at(heap, a)->due_ms, b_ms = state_at(heap, b)->due_ms;

    return a_ms != b_ms ? a_ms < b_ms : heap->lane->timers[a] < heap->lane->timers[b];
}

static void swap(const struct heap *heap, uint32_t a, uint32_t b)
{
    uint32_t *timers = heap->lane->timers, other = timers[a];

    timers[a] = timers[b];
    timers[b] = other;
    state_at(heap, a)->heap_at = a;
    state_at(heap, b)->heap_at = b;
}

static void sift(const struct heap *heap, uint32_t at)
{
    uint32_t child;

    while (at > 0 && is_before(heap, at, (at - 1) / 2)) {
        swap(heap, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    while ((child = 2 * at + 1) < heap->lane->timer_count) {
        if (child + 1 < heap->lane->timer_count && is_before(heap, child + 1, child))
            child++;
        if (!is_before(heap, child, at))
            return;
        swap(heap, at, child);
        at = child;
    }
}

static void take_out(const struct heap *heap, struct instance_state *state)
{
    uint32_t at = state->heap_at, last = heap->lane->timer_count - 1;

    if (at != last)
        swap(heap, at, last);
    heap->lane->timer_count--;
    state->heap_at = SIGNAL_NONE;
    if (at != last)
        sift(heap, at);
}

void signal_site_rearm(const struct gw_signals *signals, struct signal_site *site, uint32_t lane,
                       struct signal_run *run)
{
    struct instance_state *state = run_state(run);
    int64_t until_ms =
        state->is_held_back ? signal_site_suppressed_ms(site, run->device, run->now_ms) : 0;
    int64_t due_ms = signal_instance_due_ms(run, until_ms);

    if (due_ms == state->due_ms)
        return;
    struct heap heap = heap_of(signals, site, lane);
    state->due_ms = due_ms;
    if (due_ms == SIGNAL_NEVER) {
        if (state->heap_at != SIGNAL_NONE)
            take_out(&heap, state);
        return;
    }
    if (state->heap_at == SIGNAL_NONE) {
        state->heap_at = heap.lane->timer_count++;
        heap.lane->timers[state->heap_at] = run->instance - heap.first;
    }
    sift(&heap, state->heap_at);
}

/* --- computing --- */

static void judge(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                  struct signal_run *run)
{
    struct instance_state *state = run_state(run);

    state->is_listed = false;
    if (run->signal->raise != NULL && (state->is_dirty || run->signal->looks_at_inputs)) {
        state->is_dirty = false;
        signal_instance_judge(&engine->teller, run,
                              signal_site_suppressed_ms(site, run->device, run->now_ms) > 0);
    }
    signal_site_rearm(engine->signals, site, lane, run);
}

/* Alarms are judged when all of an instant has been taken. */
static bool is_listed(struct gw_signal_engine *engine, struct signal_run *run)
{
    struct instance_state *state = run_state(run);

    if (run->signal->raise == NULL)
        return false;
    if (state->is_listed)
        return true;
    if (engine->dirty_count == engine->dirty_capacity) {
        uint32_t capacity = engine->dirty_capacity > 0 ? 2 * engine->dirty_capacity : 64;
        uint32_t *dirty = realloc(engine->dirty, capacity * sizeof(*dirty));
        if (dirty == NULL)
            return false; /* judged at once: better than never */
        engine->dirty = dirty;
        engine->dirty_capacity = capacity;
    }
    engine->dirty[engine->dirty_count++] = run->instance;
    state->is_listed = true;
    return true;
}

/* Samples of one device mostly come together. */
static const struct gw_device_config *device_of(struct gw_signal_engine *engine, uint32_t series)
{
    const struct gw_metric_config *metric;

    if (series - engine->device->series_at >= engine->device->type->metric_count)
        engine->device = gw_registry_series_device(engine->signals->registry, series, &metric);
    return engine->device;
}

struct place {
    uint32_t instance, input;
};

static void take_input(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                       const struct place *place, const struct signal_record *record)
{
    struct signal_run run = signal_run_of(engine->signals, site, lane, place->instance);

    run.now_ms = record->time_ms;
    signal_instance_take(&engine->teller, &run, place->input, record);
    if (!is_listed(engine, &run))
        judge(engine, site, lane, &run);
}

/* Those who look at it as at a sibling's. */
static void take_linked(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                        uint32_t device, const struct signal_record *record)
{
    const struct gw_signals *signals = engine->signals;

    for (uint32_t i = signals->link_at[device]; i < signals->link_at[device + 1]; i++) {
        const struct signal_link *link = &signals->links[i];
        bool is_of = record->kind == RECORD_OFFLINE || link->series == record->subject;
        if (link->lane == lane && is_of)
            take_input(engine, site, lane, &(struct place){link->instance, link->input}, record);
    }
}

static void take_sample(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                        const struct signal_record *record)
{
    const struct gw_signals *signals = engine->signals;
    if ((signals->series_lanes[record->subject] >> lane & 1) == 0)
        return; /* of a state that was saved when somebody looked at it */
    const struct gw_device_config *device = device_of(engine, record->subject);
    const struct signal_post *post = signal_post_of(signals, device->index, lane);

    if (post->binding_at != SIGNAL_NONE) {
        const uint32_t *tap_at = &signals->tap_at[signals->bindings[post->binding_at]->taps_at +
                                                  (record->subject - device->series_at)];
        for (uint32_t i = tap_at[0]; i < tap_at[1]; i++) {
            const struct signal_tap *tap = &signals->taps[i];
            if (tap->lane == lane)
                take_input(engine, site, lane,
                           &(struct place){post->instance_at + tap->binding, tap->input}, record);
        }
    }
    if (signals->sibling_count > 0)
        take_linked(engine, site, lane, device->index, record);
}

static void take_offline(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                         const struct signal_record *record)
{
    const struct gw_signals *signals = engine->signals;
    uint32_t end = site->node->lane_at[lane + 1];
    uint32_t at = signal_post_of(signals, record->subject, lane)->instance_at;

    for (; at < end && signals->instances[at] == record->subject; at++) {
        const struct signal *signal = signal_run_of(signals, site, lane, at).signal;
        for (uint32_t i = 0; i < signal->input_count; i++)
            if (signal->inputs[i].sibling == NULL)
                take_input(engine, site, lane, &(struct place){at, i}, record);
    }
    if (signals->sibling_count > 0)
        take_linked(engine, site, lane, record->subject, record);
}

static void take_instant(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane)
{
    int64_t now_ms = engine->instant.records[0].time_ms;

    for (uint32_t i = 0; i < engine->instant.count; i++) {
        const struct signal_record *record = &engine->instant.records[i];
        if (record->kind == RECORD_OFFLINE)
            take_offline(engine, site, lane, record);
        else
            take_sample(engine, site, lane, record);
    }
    for (uint32_t i = 0; i < engine->dirty_count; i++) {
        struct signal_run run = signal_run_of(engine->signals, site, lane, engine->dirty[i]);
        run.now_ms = now_ms;
        judge(engine, site, lane, &run);
    }
    engine->dirty_count = 0;
}

static void run_timers(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane,
                       int64_t until_ms)
{
    struct heap heap = heap_of(engine->signals, site, lane);

    while (heap.lane->timer_count > 0 && state_at(&heap, 0)->due_ms <= until_ms) {
        int64_t due_ms = state_at(&heap, 0)->due_ms;
        struct signal_run run =
            signal_run_of(engine->signals, site, lane, heap.first + heap.lane->timers[0]);
        run.now_ms = due_ms;
        signal_instance_tick(&engine->teller, &run);
        judge(engine, site, lane, &run);
        if (run_state(&run)->due_ms == due_ms) { /* nothing may stand still */
            run_state(&run)->due_ms = SIGNAL_NEVER;
            take_out(&heap, run_state(&run));
        }
    }
}

void signal_site_drain(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane)
{
    struct signal_lane *of = &site->lanes[lane];
    int64_t lateness_ms = engine->signals->lateness_ms[lane];
    int64_t mark_ms = site->last_ms - lateness_ms;

    mark_ms = mark_ms > site->advanced_ms ? mark_ms : site->advanced_ms;
    for (;;) {
        int64_t time_ms = signal_queue_time_ms(&of->queue);
        run_timers(engine, site, lane, time_ms < mark_ms ? time_ms : mark_ms);
        if (time_ms >= mark_ms || signal_queue_take(&of->queue, &engine->instant) != 0)
            break;
        take_instant(engine, site, lane);
    }
    of->clock_ms = mark_ms > of->clock_ms ? mark_ms : of->clock_ms;
}
