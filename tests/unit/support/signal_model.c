#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/signal_model_private.h"

#define NEVER INT64_MAX

void model_need(bool is_there)
{
    if (!is_there)
        abort(); /* the model is too small for the test */
}

int model_compare_moments(struct moment a, struct moment b)
{
    if (a.time_ms != b.time_ms)
        return a.time_ms < b.time_ms ? -1 : 1;
    return a.phase - b.phase;
}

/* --- inputs ----------------------------------------------------------------------------------- */

struct hearing { /* of an input, sample by sample */
    struct model *model;
    uint32_t input;
    bool is_known, has_base;
    double number, candidate;
    int64_t heard_ms, since_ms; /* since_ms: of the candidate; NEVER: there is none */
};

static void note_change(struct hearing *hearing, struct moment at)
{
    struct line *line = &hearing->model->lines[hearing->input];

    model_need(line->count < MODEL_MAX_CHANGES);
    line->changes[line->count++] =
        (struct change){at, hearing->is_known, hearing->number, hearing->heard_ms};
}

static double step(const struct model_input *input, double before, double now)
{
    double around = now - before + input->modulus;

    if (now >= before)
        return now - before;
    if (input->modulus > 0 && around <= input->modulus / 2)
        return around;
    return now - input->zero;
}

static void count_in(struct hearing *hearing, struct moment at, double number)
{
    struct model *model = hearing->model;
    const struct model_input *input = &model->signal->inputs[hearing->input];
    double by = hearing->has_base ? step(input, hearing->number, number) : 0;

    model_need(model->point_count < MODEL_MAX_POINTS);
    model->points[model->point_count++] =
        (struct point){at, number, by, hearing->input, input->series->number};
    hearing->number = number;
    hearing->is_known = hearing->has_base = true;
    hearing->heard_ms = at.time_ms;
    hearing->since_ms = NEVER;
    note_change(hearing, at);
}

static bool is_fresh(const struct hearing *hearing, int64_t time_ms)
{
    return hearing->is_known &&
           time_ms - hearing->heard_ms <= hearing->model->signal->inputs[hearing->input].max_age_ms;
}

static void hear(struct hearing *hearing, const struct model_sample *sample)
{
    const struct model_input *input = &hearing->model->signal->inputs[hearing->input];
    struct moment at = {sample->time_ms, 1};
    bool was_fresh = is_fresh(hearing, sample->time_ms);
    bool is_small = input->deadband > 0 && was_fresh &&
                    fabs(sample->number - hearing->number) < input->deadband;
    bool is_other = input->debounce_ms > 0 && was_fresh && sample->number != hearing->number;

    if (sample->is_none || sample->quality > input->worst_quality || input->is_unreadable) {
        hearing->is_known = false;
        hearing->since_ms = NEVER;
        note_change(hearing, at);
        return;
    }
    if (is_small || is_other) {
        if (!is_small && (hearing->since_ms == NEVER || hearing->candidate != sample->number)) {
            hearing->since_ms = sample->time_ms;
            hearing->candidate = sample->number;
        }
        hearing->heard_ms = sample->time_ms;
        note_change(hearing, at);
        return;
    }
    count_in(hearing, at, sample->number);
}

static void settle(struct hearing *hearing, int64_t until_ms)
{
    const struct model_input *input = &hearing->model->signal->inputs[hearing->input];

    if (hearing->since_ms != NEVER && hearing->since_ms + input->debounce_ms <= until_ms)
        count_in(hearing, (struct moment){hearing->since_ms + input->debounce_ms, 0},
                 hearing->candidate);
}

static void hear_all(struct model *model, uint32_t input, int64_t end_ms)
{
    const struct model_series *series = model->signal->inputs[input].series;
    struct hearing hearing = {.model = model, .input = input, .since_ms = NEVER};
    size_t at = 0, death = 0;

    while (at < series->count || death < series->death_count) {
        int64_t sample_ms = at < series->count ? series->samples[at].time_ms : NEVER;
        int64_t death_ms = death < series->death_count ? series->deaths_ms[death] : NEVER;
        int64_t time_ms = sample_ms <= death_ms ? sample_ms : death_ms;
        const struct model_sample dead = {.time_ms = time_ms, .is_none = true};
        settle(&hearing, time_ms);
        if (sample_ms <= death_ms)
            hear(&hearing, &series->samples[at++]);
        else if (death++, true)
            hear(&hearing, &dead);
    }
    settle(&hearing, end_ms);
}

static int compare_points(const void *a, const void *b)
{
    const struct point *left = a, *right = b;
    int order = model_compare_moments(left->at, right->at);

    if (order != 0)
        return order;
    if (left->series != right->series && left->at.phase == 1)
        return left->series < right->series ? -1 : 1;
    return left->input < right->input ? -1 : left->input > right->input;
}

/* --- values of a window ----------------------------------------------------------------------- */

/* The points of a window: of one input, and which of all. */
struct view {
    const struct model *model;
    size_t from, to; /* points */
    int64_t from_ms, to_ms;
    struct moment last; /* of what belongs to it */
};

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* NAN: nothing was known. */
static double seconds_in(const struct view *view, const struct model_value *value)
{
    const struct line *line = &view->model->lines[value->input];
    const struct model_input *input = &view->model->signal->inputs[value->input];
    double ms = NAN;

    for (size_t i = 0; i < line->count; i++) {
        const struct change *change = &line->changes[i];
        int64_t from_ms = change->at.time_ms, to_ms = change->heard_ms + input->max_age_ms;
        if (i + 1 < line->count && line->changes[i + 1].at.time_ms < to_ms)
            to_ms = line->changes[i + 1].at.time_ms;
        from_ms = from_ms > view->from_ms ? from_ms : view->from_ms;
        to_ms = to_ms < view->to_ms ? to_ms : view->to_ms;
        if (!change->is_known || to_ms < from_ms ||
            model_compare_moments(change->at, view->last) > 0)
            continue;
        ms = isnan(ms) ? 0 : ms;
        ms += change->number == value->state ? (double)(to_ms - from_ms) : 0;
    }
    return ms / 1000;
}

static double of_line(const double *x, const double *y, size_t count, int64_t per_ms)
{
    double x_mean = 0, y_mean = 0, xx = 0, xy = 0;

    for (size_t i = 0; i < count; i++) {
        x_mean += x[i] / (double)count;
        y_mean += y[i] / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        xx += (x[i] - x_mean) * (x[i] - x_mean);
        xy += (x[i] - x_mean) * (y[i] - y_mean);
    }
    return count > 1 && xx > 0 ? xy / xx * ((double)per_ms / 1000) : NAN;
}

static double of_sorted(double *y, size_t count, double percent)
{
    size_t rank = 1;

    qsort(y, count, sizeof(*y), compare_numbers);
    while (rank < count && (double)rank * 100 < percent * (double)count)
        rank++;
    return y[rank - 1];
}

static double of_numbers(const struct model_value *value, const struct view *view, double *x,
                         double *y, size_t count, double increments)
{
    double sum = 0, squares = 0, least = INFINITY, greatest = -INFINITY;

    if (value->function == MODEL_COUNT)
        return (double)count;
    if (count == 0)
        return NAN;
    for (size_t i = 0; i < count; i++) {
        sum += y[i];
        least = fmin(least, y[i]);
        greatest = fmax(greatest, y[i]);
    }
    for (size_t i = 0; i < count; i++)
        squares += (y[i] - sum / (double)count) * (y[i] - sum / (double)count);
    switch (value->function) {
    case MODEL_MIN:
        return least;
    case MODEL_MAX:
        return greatest;
    case MODEL_MEAN:
        return sum / (double)count;
    case MODEL_SUM:
        return sum;
    case MODEL_FIRST:
        return y[0];
    case MODEL_LAST:
        return y[count - 1];
    case MODEL_DELTA:
        return increments;
    case MODEL_RATE:
        return view->to_ms > view->from_ms
                   ? increments * (double)value->per_ms / (double)(view->to_ms - view->from_ms)
                   : NAN;
    case MODEL_PERCENTILE:
        return of_sorted(y, count, value->percent);
    case MODEL_STDDEV:
        return count > 1 ? sqrt(squares / (double)(count - 1)) : NAN;
    default:
        return of_line(x, y, count, value->per_ms);
    }
}

static double compute_value(const struct view *view, const struct model_value *value,
                            const double *before)
{
    static double x[MODEL_MAX_POINTS], y[MODEL_MAX_POINTS];
    double increments = 0;
    size_t count = 0;

    if (value->function == MODEL_SUBTRACT)
        return before[value->parts[0]] - before[value->parts[1]];
    if (value->function == MODEL_DIVIDE)
        return before[value->parts[1]] != 0 ? before[value->parts[0]] / before[value->parts[1]]
                                            : NAN;
    if (value->function == MODEL_DURATION)
        return seconds_in(view, value);
    for (size_t i = view->from; i < view->to; i++) {
        const struct point *point = &view->model->points[i];
        if (point->input != value->input)
            continue;
        x[count] = (double)(point->at.time_ms - view->from_ms) / 1000;
        y[count++] = point->number;
        increments += point->increment;
    }
    return of_numbers(value, view, x, y, count, increments);
}

static struct closing *close_view(struct model *model, const struct view *view, struct moment at)
{
    struct closing *closing = &model->closings[model->closing_count++];

    model_need(model->closing_count < MODEL_MAX_CLOSINGS);
    *closing =
        (struct closing){.at = at,
                         .event = {'w', view->from_ms, view->to_ms, view->to - view->from, {0}},
                         .is_told = view->to > view->from};
    for (uint32_t i = 0; i < model->signal->value_count; i++) {
        const struct model_value *value = &model->signal->values[i];
        closing->event.values[i] = compute_value(view, value, closing->event.values);
        if (value->function == MODEL_DURATION && !isnan(closing->event.values[i]))
            closing->is_told = true;
    }
    return closing;
}

/* --- windows ---------------------------------------------------------------------------------- */

static size_t first_point(const struct model *model, int64_t time_ms)
{
    size_t at = 0;

    while (at < model->point_count && model->points[at].at.time_ms < time_ms)
        at++;
    return at;
}

const struct change *model_change_at(const struct model *model, uint32_t input, struct moment at)
{
    const struct line *line = &model->lines[input];
    const struct change *last = NULL;

    for (size_t i = 0; i < line->count && model_compare_moments(line->changes[i].at, at) <= 0; i++)
        last = &line->changes[i];
    return last;
}

/* Time in a state goes on by itself. */
static bool is_held(const struct model *model, int64_t time_ms)
{
    for (uint32_t i = 0; i < model->signal->input_count; i++) {
        const struct change *change = model_change_at(model, i, (struct moment){time_ms, -1});
        if (model->signal->inputs[i].has_durations && change != NULL && change->is_known &&
            time_ms - change->heard_ms <= model->signal->inputs[i].max_age_ms)
            return true;
    }
    return false;
}

static void close_aligned(struct model *model, int64_t from_ms, int64_t end_ms)
{
    const struct model_signal *signal = model->signal;
    bool is_sliding = signal->window == MODEL_SLIDING, is_open = false;

    for (int64_t start_ms = from_ms - from_ms % signal->every_ms;
         start_ms + signal->every_ms <= end_ms; start_ms += signal->every_ms) {
        int64_t to_ms = start_ms + signal->every_ms;
        struct view view = {model,
                            first_point(model, to_ms - signal->length_ms),
                            first_point(model, to_ms),
                            to_ms - signal->length_ms,
                            to_ms,
                            {to_ms, -1}};
        is_open = is_open || first_point(model, start_ms) < view.to;
        if (!is_open)
            continue;
        const struct closing *closing = close_view(model, &view, (struct moment){to_ms, 0});
        is_open = is_held(model, to_ms) || (is_sliding && closing->is_told);
    }
}

/* When the window that is open ends by time alone. */
static int64_t window_end(const struct model *model, const struct view *view)
{
    const struct model_signal *signal = model->signal;
    int64_t end_ms = view->from_ms + signal->max_ms;

    if (signal->window == MODEL_SESSION && view->to > view->from) {
        int64_t gap_ms = model->points[view->to - 1].at.time_ms + signal->length_ms;
        end_ms = gap_ms < end_ms ? gap_ms : end_ms;
    }
    return end_ms;
}

static void close_open(struct model *model, struct view *view, struct moment at)
{
    bool is_session = model->signal->window == MODEL_SESSION;

    view->last =
        is_session ? model->points[view->to - 1].at : (struct moment){at.time_ms, at.phase};
    view->last.phase -= at.phase == 0 && !is_session; /* it ended before what time does then */
    view->to_ms = view->last.time_ms;
    close_view(model, view, at);
    view->from = view->to;
}

static void close_others(struct model *model, int64_t end_ms)
{
    const struct model_signal *signal = model->signal;
    struct view view = {model, 0, 0, 0, 0, {0, 0}};
    double amount = 0;

    for (size_t i = 0; i < model->point_count; i++) {
        const struct point *point = &model->points[i];
        if (view.to > view.from && window_end(model, &view) <= point->at.time_ms)
            close_open(model, &view, (struct moment){window_end(model, &view), 0});
        if (view.to == view.from) {
            view.from_ms = point->at.time_ms;
            amount = 0;
        }
        view.to = i + 1;
        if (signal->window == MODEL_SESSION || point->input != signal->of)
            continue;
        amount += signal->window == MODEL_OF_COUNT ? 1 : point->increment;
        if (amount >= signal->amount)
            close_open(model, &view, point->at);
    }
    if (view.to > view.from && window_end(model, &view) <= end_ms)
        close_open(model, &view, (struct moment){window_end(model, &view), 0});
}

/* --- all of it -------------------------------------------------------------------------------- */

static void tell_windows(struct model *model, struct model_events *out)
{
    const struct model_signal *signal = model->signal;

    for (size_t i = 0; i < model->closing_count; i++) {
        const struct closing *closing = &model->closings[i];
        model->results = closing->event.values;
        if (!closing->is_told ||
            (signal->when != UINT32_MAX && !model_holds(model, signal->when, closing->at)))
            continue;
        model_need(out->count < MODEL_MAX_EVENTS);
        out->items[out->count++] = closing->event;
    }
    model->results = NULL;
}

void model_compute(const struct model_signal *signal, int64_t from_ms, int64_t end_ms,
                   struct model_events *out)
{
    struct model *model = calloc(1, sizeof(*model));

    model_need(model != NULL);
    model->signal = signal;
    out->count = 0;
    for (uint32_t i = 0; i < signal->input_count; i++)
        hear_all(model, i, end_ms);
    qsort(model->points, model->point_count, sizeof(struct point), compare_points);
    if (signal->window == MODEL_TUMBLING || signal->window == MODEL_SLIDING)
        close_aligned(model, from_ms, end_ms);
    else if (signal->window != MODEL_NONE)
        close_others(model, end_ms);
    if (signal->has_event)
        tell_windows(model, out);
    if (signal->has_alarm)
        model_judge_all(model, from_ms, end_ms, out);
    free(model);
}
