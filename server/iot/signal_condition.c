/* Conditions: three-valued, with hysteresis, and with a time for which they must hold. */
#include "server/iot/signal_private.h"

#define NO_TIME INT64_C(-1)

static uint64_t *word(const struct signal_run *run, uint32_t at)
{
    return run->words + run->signal->conditions_at + at;
}

static int64_t *since(const struct signal_run *run, const struct signal_condition *condition)
{
    return (int64_t *)(void *)word(run, condition->since_at);
}

static enum signal_truth truth_of(bool is_true)
{
    return is_true ? SIGNAL_TRUE : SIGNAL_FALSE;
}

/* --- what a leaf says --- */

static double look(const struct signal_run *run, const struct signal_condition *condition,
                   const double *results)
{
    if (!condition->is_input)
        return results != NULL ? results[condition->value] : NAN;
    const struct input_state *state = run_input(run, condition->value);
    return input_is_known_at(&run->signal->inputs[condition->value], state, run->now_ms)
               ? state->value
               : NAN;
}

static bool is_passed(enum signal_test test, double number, double limit)
{
    switch (test) {
    case SIGNAL_ABOVE:
        return number > limit;
    case SIGNAL_AT_LEAST:
        return number >= limit;
    case SIGNAL_BELOW:
        return number < limit;
    case SIGNAL_AT_MOST:
        return number <= limit;
    case SIGNAL_EQUALS:
        break;
    }
    return false;
}

/* Once passed, it takes the other limit to come back: `clear` itself still counts as passed. */
static bool is_beyond_clear(const struct signal_condition *condition, double number)
{
    bool is_upper = condition->test == SIGNAL_ABOVE || condition->test == SIGNAL_AT_LEAST;

    return is_upper ? number >= condition->clear : number <= condition->clear;
}

static enum signal_truth judge_test(struct signal_run *run,
                                    const struct signal_condition *condition, const double *results)
{
    double number = look(run, condition, results);

    if (isnan(number))
        return SIGNAL_UNKNOWN;
    if (condition->test == SIGNAL_EQUALS)
        return truth_of(signal_set_has(&condition->states, number));
    if (condition->latch_at == SIGNAL_NONE)
        return truth_of(is_passed(condition->test, number, condition->limit));
    uint64_t *latch = word(run, condition->latch_at);
    *latch = is_passed(condition->test, number, condition->limit) ||
             (*latch != 0 && is_beyond_clear(condition, number));
    return truth_of(*latch != 0);
}

/* Nothing has come for so long; of what never came, nothing is said. */
static enum signal_truth judge_missing(const struct signal_run *run,
                                       const struct signal_condition *condition)
{
    int64_t last_ms = input_time_ms(run_input(run, condition->value));

    if (last_ms == 0)
        return SIGNAL_UNKNOWN;
    return truth_of(run->now_ms - last_ms >= condition->for_ms);
}

/* --- the tree --- */

static enum signal_truth judge_parts(struct signal_run *run,
                                     const struct signal_condition *condition,
                                     const double *results, enum signal_truth *out_soon)
{
    bool is_any = condition->kind == SIGNAL_ANY;
    enum signal_truth now = is_any ? SIGNAL_FALSE : SIGNAL_TRUE, soon = now;

    for (uint32_t i = 0; i < condition->part_count; i++) { /* all: each remembers its time */
        enum signal_truth part_soon;
        enum signal_truth part =
            signal_condition_judge(run, &condition->parts[i], results, &part_soon);
        if (is_any ? part > now : part < now)
            now = part;
        if (is_any ? part_soon > soon : part_soon < soon)
            soon = part_soon;
    }
    if (condition->kind == SIGNAL_NOT) {
        now = (enum signal_truth)(SIGNAL_TRUE - now);
        soon = (enum signal_truth)(SIGNAL_TRUE - soon);
    }
    *out_soon = soon;
    return now;
}

static enum signal_truth last(struct signal_run *run, const struct signal_condition *condition,
                              enum signal_truth now)
{
    int64_t *since_ms = since(run, condition);
    bool has_lasted = *since_ms != NO_TIME && run->now_ms - *since_ms >= condition->for_ms;

    /* What a raised alarm stands on is not forgotten for what is not known for a while: it would be
     * cleared when that is known again, and has not changed. */
    if (now == SIGNAL_UNKNOWN && has_lasted && run_state(run)->is_raised &&
        run->signal->clear == NULL)
        return now;
    if (now != SIGNAL_TRUE) {
        *since_ms = NO_TIME;
        return now;
    }
    if (*since_ms == NO_TIME)
        *since_ms = run->now_ms;
    return truth_of(run->now_ms - *since_ms >= condition->for_ms);
}

enum signal_truth signal_condition_judge(struct signal_run *run,
                                         const struct signal_condition *condition,
                                         const double *results, enum signal_truth *out_soon)
{
    enum signal_truth now;

    switch (condition->kind) {
    case SIGNAL_TEST:
        now = *out_soon = judge_test(run, condition, results);
        break;
    case SIGNAL_MISSING:
        now = *out_soon = judge_missing(run, condition);
        return now;
    default:
        now = judge_parts(run, condition, results, out_soon);
        break;
    }
    return condition->since_at == SIGNAL_NONE ? now : last(run, condition, now);
}

/* When the first of its inputs is too old to be known, after which it holds no more. */
static int64_t expiry_ms(const struct signal_run *run, const struct signal_condition *condition)
{
    int64_t first_ms = SIGNAL_NEVER;

    if (condition->kind == SIGNAL_TEST && condition->is_input) {
        const struct input_state *state = run_input(run, condition->value);
        int64_t old_ms =
            input_time_ms(state) + run->signal->inputs[condition->value].max_age_ms + 1;
        return input_is_known(state) && old_ms > run->now_ms ? old_ms : SIGNAL_NEVER;
    }
    for (uint32_t i = 0; i < condition->part_count; i++) {
        int64_t part_ms = expiry_ms(run, &condition->parts[i]);
        first_ms = part_ms < first_ms ? part_ms : first_ms;
    }
    return first_ms;
}

int64_t signal_condition_due_ms(const struct signal_run *run,
                                const struct signal_condition *condition)
{
    int64_t due_ms = SIGNAL_NEVER, at_ms = SIGNAL_NEVER;

    if (condition->kind == SIGNAL_MISSING) {
        int64_t last_ms = input_time_ms(run_input(run, condition->value));
        at_ms = last_ms == 0 ? SIGNAL_NEVER : last_ms + condition->for_ms;
    } else if (condition->since_at != SIGNAL_NONE && *since(run, condition) != NO_TIME) {
        int64_t old_ms = expiry_ms(run, condition);
        at_ms = *since(run, condition) + condition->for_ms;
        at_ms = at_ms <= run->now_ms || old_ms < at_ms ? old_ms : at_ms;
    }
    if (at_ms > run->now_ms)
        due_ms = at_ms;
    for (uint32_t i = 0; i < condition->part_count; i++) {
        int64_t part_ms = signal_condition_due_ms(run, &condition->parts[i]);
        due_ms = part_ms < due_ms ? part_ms : due_ms;
    }
    return due_ms;
}

void signal_condition_forget(struct signal_run *run, const struct signal_condition *condition)
{
    if (condition->since_at != SIGNAL_NONE)
        *since(run, condition) = NO_TIME;
    if (condition->latch_at != SIGNAL_NONE)
        *word(run, condition->latch_at) = 0;
    for (uint32_t i = 0; i < condition->part_count; i++)
        signal_condition_forget(run, &condition->parts[i]);
}
