/* Windows by event time. A sliding window is a ring of panes, of which the newest is open; all
 * others are one pane. */
#include <string.h>

#include "server/iot/signal_private.h"

#define PANE_WORDS (sizeof(struct pane) / sizeof(uint64_t))

static uint64_t *accumulator(struct pane *pane, const struct signal_value *value)
{
    return (uint64_t *)(void *)pane + value->at;
}

static bool is_of_input(const struct signal_value *value)
{
    return value->input != SIGNAL_NONE;
}

/* Of a session: the time in the state since its last sample, which is no part of it if it was the
 * last one. */
static double *tail(struct pane *pane, const struct signal_value *value)
{
    return (double *)(void *)accumulator(pane, value) + 1;
}

static double time_behind(const struct signal_run *run, int64_t since_ms, int64_t until_ms)
{
    int64_t last_ms = run_window(run)->start_ms + run_pane(run, 0)->last_ms;

    since_ms = since_ms > last_ms ? since_ms : last_ms;
    return until_ms > since_ms ? (double)(until_ms - since_ms) : 0;
}

static void clear_tails(const struct signal_run *run)
{
    const struct signal *signal = run->signal;

    for (uint32_t i = 0; signal->has_durations && i < signal->value_count; i++)
        if (signal->values[i].function == SIGNAL_DURATION)
            *tail(run_pane(run, 0), &signal->values[i]) = 0;
}

static void cut_tails(const struct signal_run *run)
{
    const struct signal *signal = run->signal;
    struct pane *pane = run_pane(run, 0);

    for (uint32_t i = 0; signal->has_durations && i < signal->value_count; i++)
        if (signal->values[i].function == SIGNAL_DURATION)
            *(double *)(void *)accumulator(pane, &signal->values[i]) -=
                *tail(pane, &signal->values[i]);
}

static void clear_pane(const struct signal_run *run, uint32_t index)
{
    const struct signal *signal = run->signal;
    struct pane *pane = run_pane(run, index);

    memset(pane, 0, sizeof(*pane));
    for (uint32_t i = 0; i < signal->value_count; i++)
        if (is_of_input(&signal->values[i]))
            signal_function_clear(&signal->values[i], accumulator(pane, &signal->values[i]));
    if (signal->window.kind == SIGNAL_WINDOW_SESSION)
        clear_tails(run);
}

/* The place in the ring of the pane that begins at `start_ms`. */
static uint32_t pane_index(const struct signal_window *window, int64_t start_ms)
{
    return window->panes == 1 ? 0 : (uint32_t)(start_ms / window->every_ms % window->panes);
}

static struct pane *open_pane(const struct signal_run *run)
{
    return run_pane(run, pane_index(&run->signal->window, run_window(run)->start_ms));
}

static bool is_aligned(const struct signal_window *window)
{
    return window->kind == SIGNAL_WINDOW_TUMBLING || window->kind == SIGNAL_WINDOW_SLIDING;
}

static void open_at(struct signal_run *run, int64_t time_ms)
{
    const struct signal_window *window = &run->signal->window;
    struct window_state *state = run_window(run);

    state->start_ms = is_aligned(window) ? time_ms - time_ms % window->every_ms : time_ms;
    if (window->of != SIGNAL_NONE)
        state->amount[0] = 0;
    for (uint32_t i = 0; i < window->panes; i++)
        clear_pane(run, i);
}

bool signal_window_add(struct signal_run *run, uint32_t input, double number, double increment)
{
    const struct signal *signal = run->signal;
    const struct signal_window *window = &signal->window;
    struct window_state *state = run_window(run);

    if (state->start_ms < 0)
        open_at(run, run->now_ms);
    struct pane *pane = open_pane(run);
    int64_t offset_ms = run->now_ms - state->start_ms;
    if (pane->count == 0)
        pane->first_ms = (uint32_t)offset_ms;
    pane->last_ms = (uint32_t)offset_ms;
    if (pane->count < UINT32_MAX)
        pane->count++;
    if (window->kind == SIGNAL_WINDOW_SESSION)
        clear_tails(run);
    const struct signal_input *of = &signal->inputs[input];
    for (uint32_t i = 0; i < of->fed_count; i++) {
        const struct signal_value *value = &signal->values[of->fed[i]];
        if (value->function != SIGNAL_DURATION) /* which goes by time: signal_window_hold() */
            signal_function_add(value, accumulator(pane, value), number, increment, offset_ms);
    }
    if (input != window->of)
        return false;
    state->amount[0] += window->kind == SIGNAL_WINDOW_COUNT ? 1 : increment;
    return state->amount[0] >= window->amount;
}

void signal_window_hold(struct signal_run *run, uint32_t input)
{
    const struct signal *signal = run->signal;
    const struct signal_input *of = &signal->inputs[input];
    const struct input_state *state = run_input(run, input);
    const struct window_state *window = run_window(run);

    if (!of->has_durations || !input_is_known(state) || window->start_ms < 0)
        return;
    int64_t since_ms = input_time_ms(state), until_ms = since_ms + of->max_age_ms;
    since_ms = since_ms > window->start_ms ? since_ms : window->start_ms;
    until_ms = until_ms < run->now_ms ? until_ms : run->now_ms;
    if (until_ms < since_ms)
        return;
    for (uint32_t i = 0; i < of->fed_count; i++) {
        const struct signal_value *value = &signal->values[of->fed[i]];
        if (value->function != SIGNAL_DURATION)
            continue;
        struct pane *pane = open_pane(run);
        bool is_in = signal_set_has(&value->states, state->value);
        signal_function_add(value, accumulator(pane, value), state->value,
                            is_in ? (double)(until_ms - since_ms) : 0, 0);
        if (is_in && signal->window.kind == SIGNAL_WINDOW_SESSION)
            *tail(pane, value) += time_behind(run, since_ms, until_ms);
    }
}

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

int64_t signal_window_due_ms(const struct signal_run *run)
{
    const struct signal_window *window = &run->signal->window;
    const struct window_state *state = run_window(run);

    if (window->kind == SIGNAL_WINDOW_NONE || state->start_ms < 0)
        return SIGNAL_NEVER;
    if (is_aligned(window))
        return state->start_ms + window->every_ms;
    int64_t end_ms = state->start_ms + window->max_ms;
    if (window->kind == SIGNAL_WINDOW_SESSION)
        end_ms = earlier(end_ms, state->start_ms + run_pane(run, 0)->last_ms + window->length_ms);
    return end_ms;
}

/* --- closing --- */

static double combine(const struct signal_value *value, const double *results)
{
    double result = results[value->parts[0]];

    for (uint32_t i = 1; i < value->part_count; i++) {
        double part = results[value->parts[i]];
        if (value->function == SIGNAL_ADD)
            result += part;
        else if (value->function == SIGNAL_SUBTRACT)
            result -= part;
        else
            result = part != 0 ? result / part : NAN;
    }
    return result;
}

static void compute(const struct signal_run *run, struct pane *pane, struct signal_result *result)
{
    const struct signal *signal = run->signal;

    for (uint32_t i = 0; i < signal->value_count; i++) {
        const struct signal_value *value = &signal->values[i];
        double number = is_of_input(value) ? signal_function_result(value, accumulator(pane, value),
                                                                    result->to_ms - result->from_ms)
                                           : combine(value, result->values);
        result->values[i] = isfinite(number) ? number : NAN;
    }
}

static void note_samples(const struct pane *pane, int64_t start_ms, struct signal_result *result)
{
    if (pane->count == 0)
        return;
    if (result->count == 0)
        result->first_ms = start_ms + pane->first_ms;
    result->last_ms = start_ms + pane->last_ms;
    result->count += pane->count;
}

/* Oldest first, so that sums come out the same each time. */
static void compute_sliding(const struct signal_run *run, struct signal_result *result)
{
    const struct signal *signal = run->signal;
    const struct signal_window *window = &signal->window;
    uint64_t words[PANE_WORDS + SIGNAL_MAX_VALUES * (SIGNAL_BINS / 2 + 2)];
    struct pane *sum = (void *)words;

    for (uint32_t k = 0; k < signal->value_count; k++)
        if (is_of_input(&signal->values[k]))
            signal_function_clear(&signal->values[k], accumulator(sum, &signal->values[k]));
    for (uint32_t i = 0; i < window->panes; i++) {
        int64_t start_ms = result->from_ms + i * window->every_ms;
        if (start_ms < 0) /* before 1970 */
            continue;
        struct pane *pane = run_pane(run, pane_index(window, start_ms));
        note_samples(pane, start_ms, result);
        for (uint32_t k = 0; k < signal->value_count; k++) {
            const struct signal_value *value = &signal->values[k];
            if (is_of_input(value))
                signal_function_merge(value, accumulator(sum, value), accumulator(pane, value),
                                      start_ms - result->from_ms);
        }
    }
    compute(run, sum, result);
}

/* Of time in a state there is something to tell. */
static bool has_durations(const struct signal *signal, const struct signal_result *result)
{
    for (uint32_t i = 0; signal->has_durations && i < signal->value_count; i++)
        if (signal->values[i].function == SIGNAL_DURATION && !isnan(result->values[i]))
            return true;
    return false;
}

/* Something of it goes on by time alone. */
static bool is_held(const struct signal_run *run)
{
    const struct signal *signal = run->signal;

    for (uint32_t i = 0; i < signal->input_count; i++)
        if (signal->inputs[i].has_durations &&
            input_is_known_at(&signal->inputs[i], run_input(run, i), run->now_ms))
            return true;
    return false;
}

static void go_on(struct signal_run *run, const struct signal_result *result)
{
    const struct signal_window *window = &run->signal->window;
    struct window_state *state = run_window(run);

    bool has_rest = window->kind == SIGNAL_WINDOW_SLIDING &&
                    (result->count > 0 || has_durations(run->signal, result));

    if (!is_aligned(window) || (!has_rest && !is_held(run))) {
        state->start_ms = -1; /* the next sample opens the one that it falls into */
        return;
    }
    state->start_ms += window->every_ms;
    clear_pane(run, pane_index(window, state->start_ms));
}

void signal_window_close(struct signal_run *run, struct signal_result *out_result)
{
    const struct signal *signal = run->signal;
    const struct signal_window *window = &signal->window;
    struct window_state *state = run_window(run);

    struct signal_run until = *run;
    if (window->kind == SIGNAL_WINDOW_SESSION)
        until.now_ms = state->start_ms + run_pane(run, 0)->last_ms;
    for (uint32_t i = 0; signal->has_durations && i < signal->input_count; i++)
        signal_window_hold(&until, i);
    out_result->count = 0;
    out_result->first_ms = out_result->last_ms = run->now_ms;
    out_result->from_ms = state->start_ms;
    out_result->to_ms = run->now_ms;
    if (window->kind == SIGNAL_WINDOW_SLIDING) {
        out_result->to_ms = state->start_ms + window->every_ms;
        out_result->from_ms = out_result->to_ms - window->length_ms;
        compute_sliding(run, out_result);
    } else {
        struct pane *pane = run_pane(run, 0);
        if (window->kind == SIGNAL_WINDOW_SESSION) {
            out_result->to_ms = until.now_ms;
            cut_tails(run);
        }
        note_samples(pane, state->start_ms, out_result);
        compute(run, pane, out_result);
    }
    go_on(run, out_result);
}
