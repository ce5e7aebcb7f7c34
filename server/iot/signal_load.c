/* An edge node's state from bytes, which may be anybody's. */
#include <errno.h>

#include "server/core/instant.h"
#include "server/iot/signal_private.h"

#define NAMES_BLOCK_BYTES (64u << 10)
#define MAX_NAMES_BYTES (64u << 20)
#define MAX_WINDOW_AGE_MS (INT64_C(70) * 86400000) /* no window is open for so long */

/* --- reading: failure sticks --- */

/* A device as it was when the state was saved. */
struct saved_device {
    const struct gw_device_config *device; /* NULL: it is none of the node (any more) */
    const uint32_t *metrics; /* those of its type now, by their numbers then, or SIGNAL_NONE */
    uint32_t metric_count;
};

struct taking {
    struct gw_str rest;
    bool is_wrong;
    struct gw_arena arena;
    struct saved_device *devices;
    uint32_t device_count;
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
           (signal->window.kind == SIGNAL_WINDOW_NONE || is_time(alarm->window_from_ms[0], 0)) &&
           is_condition_sound(run, signal->raise) &&
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
    const struct signal_post *post = signal_post_of(signals, device, lane);
    uint32_t end = taking->site->node->lane_at[lane + 1];

    for (uint32_t i = post->instance_at; i < end && signals->instances[i] == device; i++) {
        const struct signal_run run = signal_run_of(signals, taking->site, lane, i);
        uint8_t own[SIGNAL_FINGERPRINT_BYTES];
        if (!gw_str_equal(run.signal->name, name))
            continue;
        signal_fingerprint(&run, own);
        return gw_str_equal(fingerprint, gw_str_from((const char *)own, sizeof(own))) ? i
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
    struct signal_run run = signal_run_of(taking->engine->signals, taking->site, lane, instance);
    run.now_ms = clock_ms;
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

static void *take_memory(struct taking *taking, size_t count, size_t bytes)
{
    void *memory = gw_arena_calloc(&taking->arena, count + 1, bytes);

    if (memory == NULL)
        taking->is_wrong = true;
    return memory;
}

struct names { /* of metrics, as they were */
    struct gw_str *items;
    uint32_t count;
};

static void take_metric_names(struct taking *taking, struct names *names)
{
    uint64_t count = take(taking, 4);

    if (count > taking->rest.len / 4)
        taking->is_wrong = true;
    if (taking->is_wrong)
        return;
    names->count = (uint32_t)count;
    names->items = take_memory(taking, count, sizeof(*names->items));
    for (uint64_t i = 0; i < count && !taking->is_wrong; i++)
        names->items[i] = take_text(taking);
}

static void find_metrics(struct taking *taking, const struct names *names,
                         struct saved_device *saved)
{
    uint32_t *metrics = take_memory(taking, names->count, sizeof(*metrics));

    for (uint32_t i = 0; i < names->count && !taking->is_wrong; i++) {
        const struct gw_metric_config *metric =
            gw_device_type_find_name(saved->device->type, names->items[i]);
        metrics[i] = metric != NULL ? metric->index : SIGNAL_NONE;
    }
    saved->metrics = metrics;
}

static void take_names(struct taking *taking)
{
    uint64_t count = take(taking, 4);
    const struct saved_device *last = NULL; /* whose metrics have been found */
    struct names names = {NULL, 0};

    if (count > taking->rest.len / 5)
        taking->is_wrong = true;
    if (taking->is_wrong)
        return;
    taking->device_count = (uint32_t)count;
    taking->devices = take_memory(taking, count, sizeof(*taking->devices));
    for (uint64_t i = 0; i < count && !taking->is_wrong; i++) {
        struct saved_device *saved = &taking->devices[i];
        saved->device = take_device(taking);
        if (take(taking, 1) != 1) {
            take_metric_names(taking, &names);
            last = NULL;
        }
        saved->metric_count = names.count;
        if (saved->device == NULL || taking->is_wrong)
            continue;
        if (last != NULL && last->device->type == saved->device->type)
            saved->metrics = last->metrics;
        else
            find_metrics(taking, &names, saved);
        last = saved;
    }
}

/* False: it is wrong, or the device is no more. */
static bool take_place(struct taking *taking, unsigned flags, struct signal_place *place)
{
    if ((flags & SIGNAL_SAME_TIME) == 0)
        place->time_ms = take_time(taking);
    if ((flags & SIGNAL_SAME_DEVICE) == 0)
        place->device = (uint32_t)take(taking, 4);
    if ((flags & SIGNAL_NEXT_METRIC) == 0)
        place->metric = (uint32_t)take(taking, 2);
    if (place->time_ms == 0 || place->device >= taking->device_count ||
        ((flags & SIGNAL_OFFLINE) == 0 &&
         place->metric >= taking->devices[place->device].metric_count))
        taking->is_wrong = true;
    return !taking->is_wrong && taking->devices[place->device].device != NULL;
}

static double take_value(struct taking *taking, bool is_short)
{
    uint64_t bits = take(taking, is_short ? 4 : 8);
    uint32_t short_bits = (uint32_t)bits;
    float short_value;
    double value;

    memcpy(&short_value, &short_bits, sizeof(short_value));
    memcpy(&value, &bits, sizeof(value));
    return is_short ? (double)short_value : value;
}

/* `place`: of the one before, and a metric further. */
static void take_record(struct taking *taking, uint32_t lane, struct signal_place *place)
{
    unsigned flags = (unsigned)take(taking, 1);
    bool is_ours = take_place(taking, flags, place);
    uint32_t metric = place->metric++;
    struct signal_record record = {.time_ms = place->time_ms,
                                   .number = take_value(taking, (flags & SIGNAL_SHORT) != 0),
                                   .kind = (flags & SIGNAL_OFFLINE) != 0 ? RECORD_OFFLINE
                                                                         : RECORD_SAMPLE,
                                   .quality = (uint8_t)(flags >> SIGNAL_QUALITY_SHIFT & 3),
                                   .is_text = (flags & SIGNAL_TEXT) != 0};

    if (isinf(record.number))
        taking->is_wrong = true;
    if (taking->is_wrong || !is_ours || lane == SIGNAL_NONE)
        return;
    const struct saved_device *saved = &taking->devices[place->device];
    record.subject = saved->device->index;
    if (record.kind == RECORD_SAMPLE) {
        if (saved->metrics[metric] == SIGNAL_NONE)
            return;
        record.subject = saved->device->series_at + saved->metrics[metric];
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
    struct signal_place place = {0, 0, 0};
    for (uint64_t i = 0; i < count && !taking->is_wrong; i++)
        take_record(taking, lane, &place);
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
    take_names(taking);
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
    gw_arena_init(&taking.arena, NAMES_BLOCK_BYTES, MAX_NAMES_BYTES);
    take_site(&taking);
    for (uint64_t i = 0; i < lanes && !taking.is_wrong; i++)
        take_lane(&taking);
    gw_arena_finish(&taking.arena);
    if (!taking.is_wrong && taking.rest.len == 0)
        return 0;
    gw_signal_engine_forget(engine, node);
    return -EINVAL;
}
