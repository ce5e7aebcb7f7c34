/* What a signal says: an event, whose id is made of what caused it, and of nothing else. */
#include <errno.h>
#include <stdio.h>

#include "server/core/clock.h"
#include "server/crypto/random.h"
#include "server/iot/signal_private.h"

#define ID_BYTES 16
#define MAX_PLAIN 1e15 /* beyond, a double has no fraction worth writing */

/* An object that is put together; failure sticks. */
struct writing {
    struct gw_value_builder object;
    const struct signal_run *run;
    bool has_failed;
};

static void add(struct writing *writing, const char *name, struct gw_value value)
{
    bool is_lost = value.type == GW_JSON_STRING && value.text.ptr == NULL;

    if (is_lost || gw_value_add_member(&writing->object, gw_str_of(name), value) != 0)
        writing->has_failed = true;
}

static struct gw_value instant_value(struct gw_arena *arena, int64_t time_ms)
{
    char text[GW_CLOCK_TEXT_BYTES];

    gw_clock_text(text, time_ms);
    return gw_value_string(gw_arena_copy(arena, gw_str_of(text)));
}

static struct gw_value integer_value(struct writing *writing, uint64_t number)
{
    struct gw_value value = gw_value_null();

    if (gw_value_integer(writing->object.arena, (int64_t)number, &value) != 0)
        writing->has_failed = true;
    return value;
}

/* A decimal with up to six digits behind the point, as quantities have. */
static struct gw_str decimal(struct gw_arena *arena, double number)
{
    char text[400];
    int len = snprintf(text, sizeof(text), fabs(number) < MAX_PLAIN ? "%.6f" : "%.0f", number);
    size_t end = (size_t)len;

    if (memchr(text, '.', end) != NULL) {
        while (text[end - 1] == '0')
            end--;
        end -= text[end - 1] == '.' ? 1 : 0;
    }
    if (end == 2 && text[0] == '-' && text[1] == '0')
        return gw_arena_copy(arena, GW_STR("0"));
    return gw_arena_copy(arena, gw_str_from(text, end));
}

/* --- values --- */

static void add_measure(struct writing *values, struct gw_str name, struct gw_value number,
                        struct gw_str unit)
{
    struct writing measure = {.object = {.arena = values->object.arena}};

    add(&measure, "value", number);
    if (unit.len > 0)
        add(&measure, "unit", gw_value_string(unit));
    if (measure.has_failed ||
        gw_value_add_member(&values->object, name, gw_value_built_object(&measure.object)) != 0)
        values->has_failed = true;
}

/* Of the same kind as the samples, and so in their unit. */
static bool has_units_of_samples(const struct signal_value *value)
{
    return value->input != SIGNAL_NONE && value->function != SIGNAL_COUNT &&
           value->function != SIGNAL_RATE && value->function != SIGNAL_DURATION &&
           value->function != SIGNAL_TREND;
}

static void add_results(struct writing *values, const double *results)
{
    const struct signal_run *run = values->run;
    struct gw_arena *arena = values->object.arena;

    for (uint32_t i = 0; i < run->signal->value_count; i++) {
        const struct signal_value *value = &run->signal->values[i];
        if (!value->is_told || isnan(results[i]))
            continue;
        struct gw_str unit = value->unit;
        if (unit.len == 0 && has_units_of_samples(value))
            unit = run->binding->metrics[value->input]->unit;
        add_measure(values, value->name, gw_value_string(decimal(arena, results[i])), unit);
    }
}

/* Of a text that no document names, only that it is another one is known: empty. */
static struct gw_str text_of(const struct gw_signals *signals, double code)
{
    for (size_t i = 0; i < signals->text_count; i++)
        if (signal_text_code(signals->texts[i]) == code)
            return signals->texts[i];
    return GW_STR("");
}

static void add_inputs(struct writing *values)
{
    const struct signal_run *run = values->run;
    struct gw_arena *arena = values->object.arena;

    for (uint32_t i = 0; i < run->signal->input_count; i++) {
        const struct signal_input *input = &run->signal->inputs[i];
        const struct input_state *state = run_input(run, i);
        if (!input_is_known_at(input, state, run->now_ms))
            continue;
        struct gw_str text =
            input->is_text ? text_of(run->signals, state->value) : decimal(arena, state->value);
        if (text.len > 0)
            add_measure(values, input->name, gw_value_string(text), run->binding->metrics[i]->unit);
    }
}

static struct gw_value values_of(const struct signal_run *run, struct writing *of,
                                 const double *results, bool has_inputs)
{
    struct writing values = {.object = {.arena = of->object.arena}, .run = run};

    if (results != NULL)
        add_results(&values, results);
    if (has_inputs)
        add_inputs(&values);
    of->has_failed = of->has_failed || values.has_failed;
    return gw_value_built_object(&values.object);
}

static struct gw_value lineage_of(struct writing *of, const struct gw_signal_event *event)
{
    const struct signal_run *run = of->run;
    struct gw_arena *arena = of->object.arena;
    struct writing lineage = {.object = {.arena = arena}};
    struct gw_value_builder series = {.arena = arena};

    for (uint32_t i = 0; i < run->signal->input_count; i++) {
        struct gw_str name = run->binding->metrics[i]->name;
        struct gw_str text = gw_arena_printf(
            arena, "%.*s/%.*s", GW_STR_ARG(signal_source(run, i)->id), GW_STR_ARG(name));
        if (text.ptr == NULL || gw_value_add_item(&series, gw_value_string(text)) != 0)
            of->has_failed = true;
    }
    add(&lineage, "from", instant_value(arena, event->from_ms));
    add(&lineage, "to", instant_value(arena, event->to_ms));
    add(&lineage, "series", gw_value_built_array(&series));
    of->has_failed = of->has_failed || lineage.has_failed;
    return gw_value_built_object(&lineage.object);
}

/* --- enrichment --- */

static struct gw_str placeholder(const struct gw_signal_event *event, struct gw_arena *arena,
                                 struct gw_str name)
{
    const struct gw_device_config *device = event->device;
    bool is_from = gw_str_equal(name, GW_STR("from"));
    char text[GW_CLOCK_TEXT_BYTES];

    if (gw_str_equal(name, GW_STR("plant")))
        return device->plant;
    if (gw_str_equal(name, GW_STR("equipment")))
        return device->equipment;
    if (gw_str_equal(name, GW_STR("asset")))
        return device->asset;
    if (gw_str_equal(name, GW_STR("device")))
        return device->id;
    if (!is_from && !gw_str_equal(name, GW_STR("to")))
        return (struct gw_str){0};
    gw_clock_text(text, is_from ? event->from_ms : event->to_ms);
    return gw_arena_copy(arena, gw_str_of(text));
}

/* What is no placeholder stays as it stands. */
static struct gw_str fill(const struct gw_signal_event *event, struct gw_arena *arena,
                          struct gw_str text)
{
    struct gw_str filled = GW_STR("");

    while (text.len > 0) {
        size_t open = gw_str_find(text, '{'), close = gw_str_find(text, '}');
        bool is_named = open < close && close < text.len;
        struct gw_str name =
            is_named ? gw_str_from(text.ptr + open + 1, close - open - 1) : (struct gw_str){0};
        struct gw_str put = placeholder(event, arena, name);
        size_t end = is_named ? close + 1 : text.len;
        const struct gw_str parts[] = {filled, gw_str_from(text.ptr, put.ptr != NULL ? open : end),
                                       put};
        filled = gw_arena_join(arena, parts, 3);
        text = gw_str_tail(text, end);
    }
    return filled;
}

static int enrich(const struct signal_enrichment *enrichment, struct gw_arena *arena,
                  struct gw_signal_event *event)
{
    struct gw_value_builder parameters = {.arena = arena};

    event->enrich_parameters = gw_value_null();
    if (enrichment->operation.len == 0)
        return 0;
    for (uint32_t i = 0; i < enrichment->parameter_count; i++) {
        const struct gw_value_member *parameter = &enrichment->parameters[i];
        struct gw_str text = fill(event, arena, parameter->value.text);
        if (text.ptr == NULL ||
            gw_value_add_member(&parameters, parameter->name, gw_value_string(text)) != 0)
            return -ENOMEM;
    }
    event->enrich_operation = enrichment->operation;
    event->enrich_member = enrichment->member;
    event->enrich_parameters = gw_value_built_object(&parameters);
    return 0;
}

bool gw_signals_ask(const struct gw_signals *signals, struct gw_arena *arena,
                    struct gw_signal_event *event)
{
    for (size_t i = 0; i < signals->signal_count; i++) {
        const struct signal *signal = signals->signals[i];
        if (gw_str_equal(signal->name, event->signal))
            return signal->enrichment.operation.len > 0 &&
                   enrich(&signal->enrichment, arena, event) == 0;
    }
    return false;
}

/* --- the event --- */

static struct gw_str id_of(struct signal_teller *teller, const struct gw_signal_event *event,
                           uint32_t version, struct gw_str cause, char out[2 * ID_BYTES + 1])
{
    uint8_t digest[GW_SHA256_BYTES];
    struct gw_str text =
        gw_arena_printf(&teller->arena, "%.*s\n%u\n%.*s\n%.*s", GW_STR_ARG(event->signal), version,
                        GW_STR_ARG(event->device->id), GW_STR_ARG(cause));

    if (text.ptr == NULL)
        return text;
    gw_digester_compute(teller->digester, GW_SHA256, text, digest);
    gw_hex_encode(digest, ID_BYTES, out);
    return gw_str_from(out, 2 * (size_t)ID_BYTES);
}

static void add_subject(struct writing *writing, const struct gw_signal_event *event)
{
    const struct gw_device_config *device = event->device;

    add(writing, "signal", gw_value_string(event->signal));
    add(writing, "version", integer_value(writing, writing->run->signal->version));
    add(writing, "plant", gw_value_string(device->plant));
    add(writing, "equipment", gw_value_string(device->equipment));
    if (device->asset.len > 0)
        add(writing, "asset", gw_value_string(device->asset));
    add(writing, "device", gw_value_string(device->id));
}

static void add_alarm(struct writing *writing, const struct gw_signal_event *event)
{
    struct gw_arena *arena = writing->object.arena;
    struct writing alarm = {.object = {.arena = arena}};
    bool is_raised = event->alarm == GW_ALARM_RAISED;

    add(&alarm, "state", gw_value_string(is_raised ? GW_STR("raised") : GW_STR("cleared")));
    add(&alarm, "severity", gw_value_string(gw_str_of(event->severity)));
    add(&alarm, "raisedAt", instant_value(arena, run_alarm(writing->run)->raised_ms));
    if (!is_raised)
        add(&alarm, "clearedAt", instant_value(arena, event->time_ms));
    writing->has_failed = writing->has_failed || alarm.has_failed;
    add(writing, "alarm", gw_value_built_object(&alarm.object));
}

/* The arena's block is there from the beginning and large enough for any event. */
static void tell(struct signal_teller *teller, struct writing *writing,
                 struct gw_signal_event *event, struct gw_str cause)
{
    char id[2 * ID_BYTES + 1];

    add(writing, "sampleCount", integer_value(writing, event->sample_count));
    add(writing, "lineage", lineage_of(writing, event));
    if (enrich(&writing->run->signal->enrichment, writing->object.arena, event) != 0)
        writing->has_failed = true;
    event->id = id_of(teller, event, writing->run->signal->version, cause, id);
    event->data = gw_value_built_object(&writing->object);
    if (writing->has_failed || event->id.ptr == NULL)
        event->data = gw_value_null();
    teller->events->on_event(teller->events->self, event);
    gw_arena_reset(&teller->arena);
}

static struct gw_signal_event event_of(const struct signal_run *run)
{
    return (struct gw_signal_event){.signal = run->signal->name,
                                    .device =
                                        gw_registry_device(run->signals->registry, run->device),
                                    .time_ms = run->now_ms,
                                    .is_local = run->signal->is_local,
                                    .local = run->signal->local};
}

void signal_tell_window(struct signal_teller *teller, const struct signal_run *run,
                        const struct signal_result *result)
{
    struct gw_arena *arena = &teller->arena;
    struct writing writing = {.object = {.arena = arena}, .run = run};
    struct gw_signal_event event = event_of(run);

    event.type = run->signal->window_type;
    event.time_ms = result->to_ms;
    event.from_ms = result->first_ms;
    event.to_ms = result->last_ms;
    event.sample_count = result->count;
    add_subject(&writing, &event);
    add(&writing, "from", instant_value(arena, result->from_ms));
    add(&writing, "to", instant_value(arena, result->to_ms));
    add(&writing, "values", values_of(run, &writing, result->values, false));
    tell(teller, &writing, &event,
         gw_arena_printf(arena, "window/%lld/%lld", (long long)result->from_ms,
                         (long long)result->to_ms));
}

void signal_tell_alarm(struct signal_teller *teller, const struct signal_run *run,
                       enum gw_alarm_change change)
{
    const struct alarm_state *alarm = run_alarm(run);
    bool is_raised = change == GW_ALARM_RAISED;
    struct gw_arena *arena = &teller->arena;
    struct writing writing = {.object = {.arena = arena}, .run = run};
    struct gw_signal_event event = event_of(run);

    event.type = is_raised ? run->signal->raised_type : run->signal->cleared_type;
    if (event.type.len == 0)
        return;
    event.from_ms = alarm->evidence_from_ms >= 0 ? alarm->evidence_from_ms : run->now_ms;
    event.to_ms = run->now_ms;
    event.sample_count = alarm->evidence_count;
    event.alarm = change;
    event.severity = run->signal->severity;
    add_subject(&writing, &event);
    add(&writing, "from", instant_value(arena, event.from_ms));
    add(&writing, "to", instant_value(arena, event.to_ms));
    add_alarm(&writing, &event);
    add(&writing, "values",
        values_of(run, &writing, run->signal->value_count > 0 ? run_results(run) : NULL, true));
    tell(teller, &writing, &event,
         gw_arena_printf(arena, "%s/%lld", is_raised ? "raised" : "cleared",
                         (long long)run->now_ms));
}
