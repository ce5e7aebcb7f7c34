/* A signal of one device: what a sample does to it, what time does, and its alarm. */
#include "server/iot/signal_private.h"

static struct debounce_state *debounce(const struct signal_run *run, uint32_t input)
{
    return (struct debounce_state *)(void *)(run->words + run->signal->inputs[input].debounce_at);
}

static bool is_debounced(const struct signal_input *input)
{
    return input->debounce_at != SIGNAL_NONE;
}

void signal_instance_clear(struct signal_run *run)
{
    const struct signal *signal = run->signal;
    struct instance_state *state = run_state(run);

    memset(run->words, 0, signal->words * sizeof(uint64_t));
    state->due_ms = SIGNAL_NEVER;
    state->heap_at = SIGNAL_NONE;
    for (uint32_t i = 0; i < signal->input_count; i++)
        if (is_debounced(&signal->inputs[i]))
            debounce(run, i)->since_ms = -1;
    if (signal->window.kind != SIGNAL_WINDOW_NONE)
        run_window(run)->start_ms = -1;
    if (signal->raise == NULL)
        return;
    run_alarm(run)->evidence_from_ms = -1;
    signal_condition_forget(run, signal->raise);
    if (signal->clear != NULL)
        signal_condition_forget(run, signal->clear);
    for (uint32_t i = 0; i < signal->value_count; i++)
        run_results(run)[i] = NAN;
}

/* --- windows --- */

static bool is_worth_telling(const struct signal_run *run, const struct signal_result *result)
{
    const struct signal *signal = run->signal;

    if (result->count > 0)
        return true;
    for (uint32_t i = 0; i < signal->value_count; i++) /* time in a state goes on by itself */
        if (signal->values[i].function == SIGNAL_DURATION && !isnan(result->values[i]))
            return true;
    return false;
}

/* What a window says speaks from its first sample on. */
static void note_evidence(struct signal_run *run, const struct signal_result *result)
{
    struct alarm_state *alarm = run_alarm(run);

    memcpy(run_results(run), result->values, run->signal->value_count * sizeof(double));
    run_state(run)->is_dirty = true;
    if (alarm->evidence_from_ms >= 0 || result->count == 0)
        return;
    alarm->window_from_ms[0] = result->first_ms;
    alarm->window_count = result->count < UINT32_MAX ? (uint32_t)result->count : UINT32_MAX;
}

static void close_window(struct signal_teller *teller, struct signal_run *run)
{
    const struct signal *signal = run->signal;
    struct signal_result result;
    enum signal_truth soon;

    signal_window_close(run, &result);
    if (signal->raise != NULL)
        note_evidence(run, &result);
    if (signal->window_type.len == 0 || !is_worth_telling(run, &result))
        return;
    if (signal->when == NULL ||
        signal_condition_judge(run, signal->when, result.values, &soon) == SIGNAL_TRUE)
        signal_tell_window(teller, run, &result);
}

/* --- samples --- */

/* By how much a counter has gone on. One that goes back has rolled over, if it has an end and that
 * is the shorter way; else it has been set back to where it begins. */
static double increment_of(const struct signal_run *run, uint32_t input, double number)
{
    const struct input_state *state = run_input(run, input);
    const struct signal_counter *counter = &run->binding->counters[input];

    if ((state->stamp & INPUT_HAS_BASE) == 0)
        return 0;
    if (number >= state->value)
        return number - state->value;
    double around = number - state->value + counter->modulus;
    if (counter->modulus > 0 && around >= 0 && around <= counter->modulus / 2)
        return around;
    return number >= counter->zero ? number - counter->zero : 0;
}

static void accept(struct signal_teller *teller, struct signal_run *run, uint32_t input,
                   double number)
{
    const struct signal *signal = run->signal;
    struct input_state *state = run_input(run, input);
    double increment = increment_of(run, input, number);

    state->value = number;
    state->stamp = (run->now_ms << INPUT_FLAG_BITS) | INPUT_KNOWN | INPUT_HAS_BASE;
    if (signal->window.kind != SIGNAL_WINDOW_NONE &&
        signal_window_add(run, input, number, increment))
        close_window(teller, run);
}

static void refresh(struct signal_run *run, uint32_t input)
{
    struct input_state *state = run_input(run, input);

    state->stamp =
        (run->now_ms << INPUT_FLAG_BITS) | (state->stamp & (INPUT_KNOWN | INPUT_HAS_BASE));
}

static bool is_acceptable(const struct signal_input *input, const struct signal_record *record)
{
    return record->quality <= input->worst_quality && record->is_text == input->is_text &&
           !isnan(record->number);
}

/* True: the change must show that it stays. */
static bool is_put_off(struct signal_run *run, uint32_t input, double number)
{
    struct debounce_state *waiting = debounce(run, input);
    const struct input_state *state = run_input(run, input);

    if (!input_is_known_at(&run->signal->inputs[input], state, run->now_ms) ||
        number == state->value) {
        waiting->since_ms = -1;
        return false;
    }
    if (waiting->since_ms < 0 || waiting->candidate != number)
        *waiting = (struct debounce_state){run->now_ms, number};
    return true;
}

void signal_instance_take(struct signal_teller *teller, struct signal_run *run, uint32_t input,
                          const struct signal_record *record)
{
    const struct signal_input *of = &run->signal->inputs[input];
    struct input_state *state = run_input(run, input);

    signal_window_hold(run, input);
    if (run->signal->raise != NULL && run_alarm(run)->evidence_count < UINT32_MAX)
        run_alarm(run)->evidence_count++;
    if (record->kind != RECORD_SAMPLE || !is_acceptable(of, record)) {
        state->stamp &= ~(int64_t)INPUT_KNOWN;
        if (is_debounced(of))
            debounce(run, input)->since_ms = -1;
        return;
    }
    if (of->deadband > 0 && input_is_known_at(of, state, run->now_ms) &&
        fabs(record->number - state->value) < of->deadband) {
        refresh(run, input);
        return;
    }
    if (is_debounced(of) && is_put_off(run, input, record->number)) {
        refresh(run, input);
        return;
    }
    accept(teller, run, input, record->number);
}

/* --- time --- */

static int64_t earlier(int64_t a_ms, int64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

void signal_instance_tick(struct signal_teller *teller, struct signal_run *run)
{
    const struct signal *signal = run->signal;

    if (signal_window_due_ms(run) <= run->now_ms)
        close_window(teller, run);
    for (uint32_t i = 0; i < signal->input_count; i++) {
        if (!is_debounced(&signal->inputs[i]))
            continue;
        struct debounce_state *waiting = debounce(run, i);
        if (waiting->since_ms < 0 ||
            waiting->since_ms + signal->inputs[i].debounce_ms > run->now_ms)
            continue;
        waiting->since_ms = -1;
        signal_window_hold(run, i);
        accept(teller, run, i, waiting->candidate);
    }
    if (signal->raise != NULL)
        run_state(run)->is_dirty = true;
}

int64_t signal_instance_due_ms(const struct signal_run *run, int64_t suppressed_until_ms)
{
    const struct signal *signal = run->signal;
    const struct instance_state *state = run_state(run);
    int64_t due_ms = signal_window_due_ms(run);

    for (uint32_t i = 0; i < signal->input_count; i++)
        if (is_debounced(&signal->inputs[i]) && debounce(run, i)->since_ms >= 0)
            due_ms = earlier(due_ms, debounce(run, i)->since_ms + signal->inputs[i].debounce_ms);
    if (signal->raise == NULL)
        return due_ms;
    if (!state->is_raised || signal->clear == NULL)
        due_ms = earlier(due_ms, signal_condition_due_ms(run, signal->raise));
    else
        due_ms = earlier(due_ms, signal_condition_due_ms(run, signal->clear));
    if (state->is_held_back)
        due_ms = earlier(due_ms, suppressed_until_ms > 0 ? suppressed_until_ms : run->now_ms);
    return due_ms;
}

/* --- the alarm --- */

static void gather(struct signal_run *run, bool speaks)
{
    struct alarm_state *alarm = run_alarm(run);

    if (!speaks) {
        alarm->evidence_from_ms = -1;
    } else if (alarm->evidence_from_ms < 0) {
        alarm->evidence_from_ms = alarm->window_count > 0 ? alarm->window_from_ms[0] : run->now_ms;
        alarm->evidence_count = alarm->window_count > 0 ? alarm->window_count : 1;
    }
    alarm->window_count = 0;
}

static void change(struct signal_teller *teller, struct signal_run *run, bool is_raised)
{
    const struct signal *signal = run->signal;
    struct alarm_state *alarm = run_alarm(run);

    if (is_raised)
        alarm->raised_ms = run->now_ms;
    signal_tell_alarm(teller, run, is_raised ? GW_ALARM_RAISED : GW_ALARM_CLEARED);
    run_state(run)->is_raised = is_raised;
    gather(run, false);
    if (signal->clear == NULL && is_raised)
        return;
    /* The other one begins anew: its turn is now, and not when something comes the next time. */
    const struct signal_condition *next = is_raised ? signal->clear : signal->raise;
    enum signal_truth soon;
    if (signal->clear != NULL)
        signal_condition_forget(run, next);
    (void)signal_condition_judge(run, next, run_results(run), &soon);
    gather(run, soon == SIGNAL_TRUE);
}

void signal_instance_judge(struct signal_teller *teller, struct signal_run *run, bool is_suppressed)
{
    const struct signal *signal = run->signal;
    struct instance_state *state = run_state(run);
    bool is_clearing = state->is_raised && signal->clear != NULL;
    enum signal_truth soon;
    enum signal_truth truth = signal_condition_judge(
        run, is_clearing ? signal->clear : signal->raise, run_results(run), &soon);
    enum signal_truth wanted = state->is_raised && !is_clearing ? SIGNAL_FALSE : SIGNAL_TRUE;

    gather(run, soon == wanted);
    state->is_held_back = false;
    if (truth != wanted)
        return;
    if (!state->is_raised && is_suppressed)
        state->is_held_back = true;
    else
        change(teller, run, !state->is_raised);
}
