#include "tests/unit/support/signal_draw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum metric { ANGLE, COUNTER, ENERGY, STATE, MODE, SHAKE, TURNS };

const char draw_registry[] =
    "types:\n"
    "  cnc:\n    metrics:\n      x: {source: X, unit: mm}\n      c: {source: C, rollover: 1000}\n"
    "      e: {source: E, factor: 0.5, offset: 3}\n      s: {source: S}\n      m: {source: M}\n"
    "  sensor: {metrics: {r: {source: R}, k: {source: K, rollover: 500}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: cnc, equipment: A, plant: '1', asset: A}\n"
    "  - {group: g, edge_node: n, device: b, type: cnc, equipment: B, plant: '1', asset: B}\n"
    "  - {group: g, edge_node: n, device: va, type: sensor, equipment: A, plant: '1', asset: A}\n"
    "  - {group: g, edge_node: n, device: vb, type: sensor, equipment: B, plant: '1', asset: B}\n";

static const struct {
    const char *name;
    bool is_of_sensor;
    double zero, modulus;
} metrics[DRAW_METRICS] = {{"x", false, 0, 0}, {"c", false, 0, 1000}, {"e", false, 3, 0},
                           {"s", false, 0, 0}, {"m", false, 0, 0},    {"r", true, 0, 0},
                           {"k", true, 0, 500}};
static const char *const modes[] = {"rest", "cut", "drill"};
static const char *const machine_names[] = {"a", "b"}, *const sensor_names[] = {"va", "vb"};

static uint32_t seed_now;

void draw_seed(uint32_t seed)
{
    seed_now = seed * 2654435769u + 1;
}

uint32_t draw(uint32_t below)
{
    seed_now = seed_now * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(seed_now ^ seed_now >> 13) * below >> 32);
}

static bool chance(uint32_t percent)
{
    return draw(100) < percent;
}

static int64_t pick(const int64_t *of, uint32_t count)
{
    return of[draw(count)];
}

#define PICK(...) \
    pick((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

/* --- samples ---------------------------------------------------------------------------------- */

static double next_number(enum metric metric, double before)
{
    switch (metric) {
    case COUNTER:
        return chance(3) ? 0 : fmod(before + draw(60), 1000);
    case TURNS:
        return chance(3) ? 0 : fmod(before + draw(25), 500);
    case ENERGY:
        return chance(3) ? 3 : before + draw(9) * 0.5;
    case STATE:
        return draw(4);
    case MODE:
        return draw(3);
    default:
        before += (draw(81) - 40.0) / 10;
        return round(10 * (before < 0 ? -before : before > 20 ? 40 - before : before)) / 10;
    }
}

static void draw_series(struct draw_plant *plant, uint32_t machine, enum metric metric)
{
    struct model_series *series = &plant->series[machine][metric];
    struct model_sample *samples = plant->samples[machine][metric];
    uint32_t pace = (uint32_t)PICK(3, 8, 20, 50);
    double number = metric == ENERGY ? 3 : 7;
    int64_t time_ms = DRAW_START;

    for (;;) {
        time_ms += MODEL_TICK_MS * (1 + draw(chance(2) ? 500 : 2 * pace));
        if (time_ms >= DRAW_START + DRAW_LENGTH_MS || series->count == 1000)
            break;
        number = next_number(metric, number);
        samples[series->count++] = (struct model_sample){
            .time_ms = time_ms,
            .number = number,
            .quality = (uint8_t)(chance(90) ? GW_QUALITY_GOOD : draw(3)),
            .is_none = chance(2),
        };
    }
    series->samples = samples;
    series->deaths_ms = plant->deaths_ms[machine][metrics[metric].is_of_sensor];
    series->death_count = 2;
}

void draw_samples(const struct signal_rig *rig, struct draw_plant *plant)
{
    *plant = (struct draw_plant){0};
    for (uint32_t machine = 0; machine < DRAW_MACHINES; machine++) {
        for (int i = 0; i < 2; i++) {
            int64_t *deaths_ms = plant->deaths_ms[machine][i];
            deaths_ms[0] = DRAW_START + MODEL_TICK_MS * (1 + draw(1000));
            deaths_ms[1] = deaths_ms[0] + MODEL_TICK_MS * (1 + draw(1000));
        }
        for (uint32_t i = 0; i < DRAW_METRICS; i++) {
            draw_series(plant, machine, (enum metric)i);
            plant->series[machine][i].number = signal_rig_series(
                rig, metrics[i].is_of_sensor ? sensor_names[machine] : machine_names[machine],
                metrics[i].name);
        }
    }
}

/* --- documents -------------------------------------------------------------------------------- */

static void write_ms(struct gw_buf *text, const char *name, int64_t ms)
{
    gw_buf_printf(text, "%s: PT%lld.%03lldS", name, (long long)(ms / 1000), (long long)(ms % 1000));
}

static void draw_input(struct draw_document *document, uint32_t index)
{
    static const char *const qualities[] = {"good", "uncertain", "any"};
    struct model_input *input = &document->model.inputs[index];
    uint32_t metric = draw(DRAW_METRICS), quality = draw(3);
    bool is_smooth = metric == ANGLE || metric == SHAKE;

    for (uint32_t i = 0; i < index; i++)
        if (document->metrics[i] == metric) {
            metric = (metric + 1) % DRAW_METRICS;
            i = UINT32_MAX; /* from the first one on again */
        }
    document->metrics[index] = metric;
    *input = (struct model_input){.zero = metrics[metric].zero,
                                  .modulus = metrics[metric].modulus,
                                  .deadband = is_smooth && chance(30) ? 2.25 : 0,
                                  .debounce_ms = chance(30) ? PICK(300, 2000, 7000) : 0,
                                  /* not known from the next tick on */
                                  .max_age_ms = PICK(2000, 10000, 60000) - 1,
                                  .worst_quality = (uint8_t)quality,
                                  .is_unreadable = metric == MODE};
    gw_buf_printf(&document->text, "  i%u: {metric: %s, quality: %s, ", index, metrics[metric].name,
                  qualities[quality]);
    if (metrics[metric].is_of_sensor)
        gw_buf_append_text(&document->text, "deviceType: sensor, ");
    if (input->deadband > 0)
        gw_buf_printf(&document->text, "deadband: %g, ", input->deadband);
    if (input->debounce_ms > 0) {
        write_ms(&document->text, "debounce", input->debounce_ms);
        gw_buf_append_text(&document->text, ", ");
    }
    write_ms(&document->text, "maxAge", input->max_age_ms);
    gw_buf_append_text(&document->text, "}\n");
}

/* What is written of a state, and what stands for it. */
static double draw_state(struct draw_document *document, uint32_t input, char out[16])
{
    uint32_t state = draw(3);
    bool is_text = document->metrics[input] == MODE;

    if (is_text)
        document->model.inputs[input].is_unreadable = false;
    snprintf(out, 16, is_text ? "%s" : "%.0s%u", is_text ? modes[state] : "", state);
    return state;
}

static bool is_counter(uint32_t metric)
{
    return metric == COUNTER || metric == ENERGY || metric == TURNS;
}

static enum model_function draw_function(uint32_t metric)
{
    if (metric == MODE || metric == STATE)
        return chance(30) ? MODEL_COUNT : MODEL_DURATION;
    if (is_counter(metric))
        return (enum model_function)PICK(MODEL_DELTA, MODEL_DELTA, MODEL_RATE, MODEL_LAST,
                                         MODEL_MAX);
    return (enum model_function)PICK(MODEL_COUNT, MODEL_MIN, MODEL_MAX, MODEL_MEAN, MODEL_SUM,
                                     MODEL_FIRST, MODEL_LAST, MODEL_PERCENTILE, MODEL_STDDEV,
                                     MODEL_TREND);
}

static bool is_exact(const struct model_value *value)
{
    return value->function <= MODEL_SUM || value->function == MODEL_LAST ||
           value->function == MODEL_DELTA;
}

/* False: it is one of an input. */
static bool draw_combination(struct draw_document *document, uint32_t index)
{
    struct model_value *value = &document->model.values[index];
    uint32_t a = index > 0 ? draw(index) : 0, b = index > 0 ? draw(index) : 0;

    if (index == 0 || !chance(25) || !is_exact(&document->model.values[a]) ||
        !is_exact(&document->model.values[b]))
        return false;
    *value = (struct model_value){.function = chance(50) ? MODEL_SUBTRACT : MODEL_DIVIDE,
                                  .parts = {a, b}};
    gw_buf_printf(&document->text, "  v%u: {%s: [v%u, v%u]}\n", index,
                  value->function == MODEL_DIVIDE ? "divide" : "subtract", a, b);
    return true;
}

static void draw_value(struct draw_document *document, uint32_t index)
{
    static const char *const names[] = {"count",  "min",      "max",   "mean", "sum",
                                        "first",  "last",     "delta", "rate", "percentile",
                                        "stddev", "duration", "trend"};
    struct model_value *value = &document->model.values[index];
    char state[16];

    if (draw_combination(document, index))
        return;
    *value = (struct model_value){.input = draw(document->model.input_count), .per_ms = 1000};
    value->function = draw_function(document->metrics[value->input]);
    gw_buf_printf(&document->text, "  v%u: {%s: i%u", index, names[value->function], value->input);
    if (value->function == MODEL_PERCENTILE) {
        value->percent = (double)PICK(1, 7, 50, 90, 95, 100);
        value->to = 32;
        gw_buf_printf(&document->text, ", percent: %g, from: 0, to: 32", value->percent);
    } else if (value->function == MODEL_DURATION) {
        value->state = draw_state(document, value->input, state);
        document->model.inputs[value->input].has_durations = true;
        gw_buf_printf(&document->text, ", states: [%s]", state);
    } else if (value->function == MODEL_RATE || value->function == MODEL_TREND) {
        value->per_ms = PICK(1000, 60000);
        gw_buf_append_text(&document->text, ", ");
        write_ms(&document->text, "per", value->per_ms);
    }
    gw_buf_append_text(&document->text, "}\n");
}

static void draw_window(struct draw_document *document)
{
    struct model_signal *model = &document->model;
    struct gw_buf *text = &document->text;

    model->window = (enum model_window)draw(6);
    model->of = draw(model->input_count);
    if (model->window == MODEL_AMOUNT && document->metrics[model->of] == MODE)
        model->window = MODEL_OF_COUNT;
    if (model->window == MODEL_NONE)
        return;
    model->max_ms = PICK(20000, 60000);
    model->every_ms = model->length_ms = PICK(7000, 10000, 30000, 60000);
    gw_buf_append_text(text, "window: {");
    if (model->window == MODEL_TUMBLING) {
        write_ms(text, "tumbling", model->length_ms);
    } else if (model->window == MODEL_SLIDING) {
        model->every_ms = PICK(5000, 10000);
        model->length_ms = model->every_ms * PICK(1, 3, 6, 12);
        write_ms(text, "sliding", model->length_ms);
        write_ms(text, ", every", model->every_ms);
    } else if (model->window == MODEL_SESSION) {
        model->length_ms = PICK(500, 2000, 5000, 15000);
        write_ms(text, "session", model->length_ms);
        write_ms(text, ", max", model->max_ms);
    } else {
        model->amount = model->window == MODEL_AMOUNT ? draw(100) + 20.5 : draw(20) + 1;
        gw_buf_printf(text, "%s: %g, of: i%u", model->window == MODEL_AMOUNT ? "amount" : "count",
                      model->amount, model->of);
        write_ms(text, ", max", model->max_ms);
    }
    gw_buf_append_text(text, "}\nvalues:\n");
    model->value_count = 1 + draw(MODEL_MAX_VALUES - 1);
    for (uint32_t i = 0; i < model->value_count; i++)
        draw_value(document, i);
}

/* --- conditions ------------------------------------------------------------------------------- */

static uint32_t draw_condition(struct draw_document *document, uint32_t depth, bool must_last);

/* A limit that no number meets. */
static double draw_limit(uint32_t metric)
{
    return (is_counter(metric) ? draw(300) : draw(20)) + 0.0437;
}

static void draw_threshold(struct draw_document *document, struct model_condition *condition,
                           double limit)
{
    bool is_above = chance(50), has_clear = chance(40);

    condition->kind = is_above ? MODEL_ABOVE : MODEL_BELOW;
    condition->limit = limit;
    condition->clear = has_clear ? limit + (is_above ? -3 : 3) : NAN;
    gw_buf_printf(&document->text, ", %s: %.4f", is_above ? "above" : "below", limit);
    if (has_clear)
        gw_buf_printf(&document->text, ", %s: %.4f", is_above ? "clearBelow" : "clearAbove",
                      condition->clear);
}

static void draw_leaf(struct draw_document *document, struct model_condition *condition,
                      bool must_last)
{
    struct model_signal *model = &document->model;
    char state[16];

    condition->value = model->value_count > 0 ? draw(model->value_count) : 0;
    enum model_function function = model->values[condition->value].function;
    condition->is_input = model->value_count == 0 || chance(60) || function == MODEL_PERCENTILE ||
                          function == MODEL_DURATION; /* for no time: 0, or not known */
    if (!condition->is_input) {
        gw_buf_printf(&document->text, "{value: v%u", condition->value);
        draw_threshold(document, condition, draw_limit(ANGLE));
        return;
    }
    condition->value = draw(model->input_count);
    uint32_t metric = document->metrics[condition->value];
    gw_buf_printf(&document->text, "{value: i%u", condition->value);
    if (!must_last && chance(15)) {
        condition->kind = MODEL_MISSING;
        condition->for_ms = PICK(3000, 10000, 30000);
        write_ms(&document->text, ", missing", condition->for_ms);
    } else if (metric == MODE || metric == STATE) {
        condition->kind = MODEL_EQUALS;
        condition->limit = draw_state(document, condition->value, state);
        gw_buf_printf(&document->text, ", equals: %s", state);
    } else {
        draw_threshold(document, condition, draw_limit(metric));
    }
}

static void draw_branch(struct draw_document *document, uint32_t index, uint32_t depth)
{
    static const char *const kinds[] = {"all", "any", "not"};
    enum model_kind kind = (enum model_kind)draw(3);
    uint32_t parts[3], count = kind == MODEL_NOT ? 1 : 1 + draw(3);

    gw_buf_printf(&document->text, "{%s: %s", kinds[kind], kind == MODEL_NOT ? "" : "[");
    for (uint32_t i = 0; i < count; i++) {
        gw_buf_append_text(&document->text, i > 0 ? ", " : "");
        parts[i] = draw_condition(document, depth + 1, false);
    }
    gw_buf_append_text(&document->text, kind == MODEL_NOT ? "" : "]");
    struct model_condition *condition = &document->model.conditions[index];
    condition->kind = kind;
    condition->part_count = count;
    memcpy(condition->parts, parts, sizeof(parts));
}

/* `must_last`: it holds at no time at once. Where `raise` and `clear` hold together, what comes of
 * it is nobody's wish. */
static uint32_t draw_condition(struct draw_document *document, uint32_t depth, bool must_last)
{
    uint32_t index = document->model.condition_count++;
    struct model_condition *condition = &document->model.conditions[index];

    *condition = (struct model_condition){.clear = NAN};
    if (depth < 2 && index < 4 && (chance(35) || must_last))
        draw_branch(document, index, depth);
    else
        draw_leaf(document, condition, must_last);
    if (condition->kind != MODEL_MISSING && (chance(40) || must_last)) {
        condition->for_ms = PICK(500, 5000, 10000, 20000);
        write_ms(&document->text, ", for", condition->for_ms);
    }
    gw_buf_append_text(&document->text, "}");
    return index;
}

static void draw_alarm(struct draw_document *document)
{
    struct model_signal *model = &document->model;

    model->has_alarm = model->window == MODEL_NONE || chance(60);
    if (!model->has_alarm)
        return;
    model->has_clear = chance(40);
    gw_buf_append_text(&document->text, "alarm:\n  raised: t.r.v1\n  cleared: t.c.v1\n  raise: ");
    model->raise = draw_condition(document, 0, model->has_clear);
    if (model->has_clear) {
        gw_buf_append_text(&document->text, "\n  clear: ");
        model->clear = draw_condition(document, 0, true);
    }
    gw_buf_append_text(&document->text, "\n");
}

static void draw_event(struct draw_document *document)
{
    struct model_signal *model = &document->model;
    uint32_t value = model->value_count > 0 ? draw(model->value_count) : 0;

    model->has_event = model->window != MODEL_NONE && (!model->has_alarm || chance(80));
    model->when = UINT32_MAX;
    if (!model->has_event)
        return;
    gw_buf_append_text(&document->text, "event: {type: t.w.v1");
    if (chance(30) && is_exact(&model->values[value])) {
        model->when = model->condition_count++;
        model->conditions[model->when] = (struct model_condition){
            .kind = MODEL_ABOVE, .value = value, .limit = draw_limit(ANGLE), .clear = NAN};
        gw_buf_printf(&document->text, ", when: {value: v%u, above: %.4f}", value,
                      model->conditions[model->when].limit);
    }
    gw_buf_append_text(&document->text, "}\n");
}

void draw_document(struct draw_document *document, const char *name, uint32_t lateness_ms)
{
    struct gw_buf text = document->text;

    *document = (struct draw_document){.text = text};
    gw_buf_clear(&document->text);
    gw_buf_printf(&document->text, "signal: %s\ndevices: [cnc]\n", name);
    write_ms(&document->text, "lateness", lateness_ms);
    gw_buf_append_text(&document->text, "\ninputs:\n");
    document->model.input_count = 1 + draw(3);
    for (uint32_t i = 0; i < document->model.input_count; i++)
        draw_input(document, i);
    draw_window(document);
    draw_alarm(document);
    draw_event(document);
    gw_buf_append_byte(&document->text, '\0');
    assert_false(document->text.has_failed);
}
