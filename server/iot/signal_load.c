/* An edge node's state from bytes, which may be anybody's. */
#include <errno.h>

#include "server/core/instant.h"
#include "server/iot/signal_private.h"

#define MAX_WINDOW_AGE_MS (INT64_C(70) * 86400000) /* no window is open for so long */

/* --- reading: failure sticks --- */

struct taking {
    struct gw_str rest;
    bool is_wrong;
    struct gw_signal_engine *engine;
    const struct gw_edge_node_config *node;
    struct signal_site *site;
};

static uint64_t take(struct taking *taking, size_t bytes)
{
    uint64_t number = 0;

    if (taking->rest.len < bytes) {
        taking->is_wrong = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        number |= (uint64_t)(uint8_t)taking->rest.ptr[i] << (8 * i);
    taking->rest = gw_str_tail(taking->rest, bytes);
    return number;
}

static struct gw_str take_bytes(struct taking *taking, size_t len)
{
    struct gw_str text = {taking->rest.ptr, len};

    if (taking->rest.len < len) {
        taking->is_wrong = true;
        return GW_STR("");
    }
    taking->rest = gw_str_tail(taking->rest, len);
    return text;
}

static struct gw_str take_text(struct taking *taking)
{
    return take_bytes(taking, (size_t)take(taking, 4));
}

static int64_t take_time(struct taking *taking)
{
    int64_t time_ms = (int64_t)take(taking, 8);

    if (time_ms < 0 || time_ms > GW_INSTANT_MAX_MS) {
        taking->is_wrong = true;
        return 0;
    }
    return time_ms;
}

/* NULL: it is no device of the node (any more). */
static const struct gw_device_config *take_device(struct taking *taking)
{
    const struct gw_device_config *device =
        gw_registry_find_id(taking->engine->signals->registry, take_text(taking));

    return device != NULL && device->node == taking->node->index ? device : NULL;
}

/* --- instances --- */

static bool is_time(int64_t time_ms, int64_t least_ms)
{
    return time_ms >= least_ms && time_ms <= GW_INSTANT_MAX_MS;
}

static bool are_inputs_sound(const struct signal_run *run, int64_t clock_ms)
{
    const struct signal *signal = run->signal;

    for (uint32_t i = 0; i < signal->input_count; i++) {
        const struct signal_input *input = &signal->inputs[i];
        int64_t stamp = run_input(run, i)->stamp;
        if (stamp < 0 || stamp >> INPUT_FLAG_BITS > clock_ms)
            return false;
        if (input->debounce_at == SIGNAL_NONE)
            continue;
        const struct debounce_state *waiting = (void *)(run->words + input->debounce_at);
        if (!is_time(waiting->since_ms, -1))
            return false;
    }
    return true;
}

static bool is_window_sound(const struct signal_run *run, int64_t clock_ms)
{
    const struct signal_window *window = &run->signal->window;

    if (window->kind == SIGNAL_WINDOW_NONE || run_window(run)->start_ms == -1)
        return true;
    int64_t start_ms = run_window(run)->start_ms;
    if (!is_time(start_ms, 0) || start_ms < clock_ms - MAX_WINDOW_AGE_MS || start_ms > clock_ms)
        return false;
    return (window->kind != SIGNAL_WINDOW_TUMBLING && window->kind != SIGNAL_WINDOW_SLIDING) ||
           start_ms % window->every_ms == 0;
}

static bool is_condition_sound(const struct signal_run *run,
                               const struct signal_condition *condition)
{
    if (condition->since_at != SIGNAL_NONE &&
        !is_time((int64_t)run->words[run->signal->conditions_at + condition->since_at], -1))
        return false;
    for (uint32_t i = 0; i < condition->part_count; i++)
        if (!is_condition_sound(run, &condition->parts[i]))
            return false;
    return true;
}

static bool is_alarm_sound(const struct signal_run *run)
{
    const struct signal *signal = run->signal;

    if (signal->raise == NULL)
        return true;
    const struct alarm_state *alarm = run_alarm(run);
    return is_time(alarm->evidence_from_ms, -1) && is_time(alarm->raised_ms, 0) &&
           is_time(alarm->window_from_ms, 0) && is_condition_sound(run, signal->raise) &&
           (signal->clear == NULL || is_condition_sound(run, signal->clear));
}

bool signal_state_restore(struct signal_run *run, int64_t clock_ms)
{
    struct instance_state *state = run_state(run);
    bool has_alarm = run->signal->raise != NULL;

    *state = (struct instance_state){.due_ms = SIGNAL_NEVER,
                                     .heap_at = SIGNAL_NONE,
                                     .is_raised = has_alarm && state->is_raised == 1,
                                     .is_held_back = has_alarm && state->is_held_back == 1};
    return are_inputs_sound(run, clock_ms) && is_window_sound(run, clock_ms) && is_alarm_sound(run);
}

/* The instance of that signal in the lane; SIGNAL_NONE: there is none (any more). */
static uint32_t find_instance(const struct taking *taking, uint32_t lane, uint32_t device,
                              struct gw_str name, struct gw_str fingerprint)
{
    const struct gw_signals *signals = taking->engine->signals;
    uint32_t end = taking->site->node->lane_at[lane + 1];

    for (uint32_t i = signal_site_first(signals, taking->site, lane, device);
         i < end && signals->instances[i].device == device; i++) {
        const struct signal *signal = signals->bindings[signals->instances[i].binding]->signal;
        if (gw_str_equal(signal->name, name))
            return gw_str_equal(fingerprint, gw_str_from((const char *)signal->fingerprint,
                                                         SIGNAL_FINGERPRINT_BYTES))
                       ? i
                       : SIGNAL_NONE;
    }
    return SIGNAL_NONE;
}

static void take_instance(struct taking *taking, uint32_t lane)
{
    const struct gw_device_config *device = take_device(taking);
    struct gw_str name = take_text(taking);
    struct gw_str fingerprint = take_bytes(taking, SIGNAL_FINGERPRINT_BYTES);
    uint32_t words = (uint32_t)take(taking, 4), instance = SIGNAL_NONE;

    if (taking->rest.len / 8 < words)
        taking->is_wrong = true;
    if (taking->is_wrong)
        return;
    if (device != NULL && lane != SIGNAL_NONE)
        instance = find_instance(taking, lane, device->index, name, fingerprint);
    if (instance == SIGNAL_NONE) {
        (void)take_bytes(taking, (size_t)words * 8);
        return;
    }
    int64_t clock_ms = taking->site->lanes[lane].clock_ms;
    struct signal_run run =
        signal_run_of(taking->engine->signals, taking->site, instance, clock_ms);
    if (words != run.signal->words || run_state(&run)->due_ms != SIGNAL_NEVER) {
        taking->is_wrong = true;
        return;
    }
    for (uint32_t i = 0; i < words; i++)
        run.words[i] = take(taking, 8);
    if (signal_state_restore(&run, clock_ms))
        signal_site_rearm(taking->engine->signals, taking->site, lane, &run);
    else
        taking->is_wrong = true;
}

/* --- lanes --- */

static void take_record(struct taking *taking, uint32_t lane)
{
    struct signal_record record = {.time_ms = take_time(taking)};
    uint64_t bits = take(taking, 8);

    memcpy(&record.number, &bits, sizeof(bits));
    record.kind = (uint8_t)take(taking, 1);
    record.quality = (uint8_t)take(taking, 1);
    record.is_text = take(taking, 1) == 1;
    const struct gw_device_config *device = take_device(taking);
    struct gw_str name = take_text(taking);
    if (record.kind > RECORD_OFFLINE || record.quality > GW_QUALITY_STALE || record.time_ms == 0 ||
        isinf(record.number))
        taking->is_wrong = true;
    if (taking->is_wrong || device == NULL || lane == SIGNAL_NONE)
        return;
    record.subject = device->index;
    if (record.kind == RECORD_SAMPLE) {
        const struct gw_metric_config *metric = gw_device_type_find_name(device->type, name);
        if (metric == NULL)
            return;
        record.subject = gw_device_series(device, metric);
    }
    if (record.time_ms < taking->site->lanes[lane].clock_ms ||
        signal_queue_push(&taking->site->lanes[lane].queue, &record) != 0)
        taking->is_wrong = true;
}

static void take_lane(struct taking *taking)
{
    const struct gw_signals *signals = taking->engine->signals;
    int64_t lateness_ms = take_time(taking), clock_ms = take_time(taking);
    uint32_t lane = SIGNAL_NONE;

    for (uint32_t i = 0; i < signals->lane_count; i++)
        if (signals->lateness_ms[i] == lateness_ms)
            lane = i;
    if (lane != SIGNAL_NONE && taking->site->lanes[lane].clock_ms > 0)
        taking->is_wrong = true; /* twice the same */
    if (lane != SIGNAL_NONE && !taking->is_wrong)
        taking->site->lanes[lane].clock_ms = clock_ms;
    uint64_t count = take(taking, 4);
    for (uint64_t i = 0; i < count && !taking->is_wrong; i++)
        take_record(taking, lane);
    count = take(taking, 4);
    for (uint64_t i = 0; i < count && !taking->is_wrong; i++)
        take_instance(taking, lane);
}

static void take_suppression(struct taking *taking)
{
    const struct gw_device_config *device = take_device(taking);
    int64_t from_ms = take_time(taking), until_ms = take_time(taking);

    if (taking->is_wrong || device == NULL || until_ms <= from_ms)
        return;
    if (signal_site_suppress(taking->site, device->index, from_ms, until_ms) != 0)
        taking->is_wrong = true;
}

static void take_site(struct taking *taking)
{
    taking->site->last_ms = take_time(taking);
    taking->site->advanced_ms = take_time(taking);
    uint64_t count = take(taking, 4);
    for (uint64_t i = 0; i < count && !taking->is_wrong; i++)
        take_suppression(taking);
}

int gw_signal_engine_load(struct gw_signal_engine *engine, const struct gw_edge_node_config *node,
                          struct gw_str bytes)
{
    struct taking taking = {.rest = bytes, .engine = engine, .node = node};

    gw_signal_engine_forget(engine, node);
    if (take(&taking, 4) != SIGNAL_SAVE_MAGIC || !gw_str_equal(take_text(&taking), node->id))
        return -EINVAL;
    uint64_t lanes = take(&taking, 1);
    if (taking.is_wrong || lanes > SIGNAL_MAX_LANES)
        return -EINVAL;
    if (lanes == 0)
        return taking.rest.len == 0 ? 0 : -EINVAL;
    taking.site = signal_site_of(engine, node->index);
    if (taking.site == NULL)
        return -ENOMEM;
    take_site(&taking);
    for (uint64_t i = 0; i < lanes && !taking.is_wrong; i++)
        take_lane(&taking);
    if (!taking.is_wrong && taking.rest.len == 0)
        return 0;
    gw_signal_engine_forget(engine, node);
    return -EINVAL;
}
