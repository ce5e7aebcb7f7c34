/* The model's conditions: three-valued, anew at each moment. */
#include <math.h>

#include "tests/unit/support/signal_model_private.h"

enum truth { NO, UNKNOWN, YES };

static enum truth judge(struct model *model, uint32_t index, struct moment at);

static enum truth judge_leaf(struct model *model, uint32_t index, struct moment at)
{
    const struct model_condition *condition = &model->signal->conditions[index];
    const struct change *change =
        condition->is_input ? model_change_at(model, condition->value, at) : NULL;
    double number = NAN;

    if (condition->kind == MODEL_MISSING) {
        if (change == NULL || change->heard_ms == 0)
            return UNKNOWN;
        return at.time_ms - change->heard_ms >= condition->for_ms ? YES : NO;
    }
    if (!condition->is_input)
        number = model->results != NULL ? model->results[condition->value] : NAN;
    else if (change != NULL && change->is_known &&
             at.time_ms - change->heard_ms <= model->signal->inputs[condition->value].max_age_ms)
        number = change->number;
    if (isnan(number))
        return UNKNOWN;
    if (condition->kind == MODEL_EQUALS)
        return number == condition->limit ? YES : NO;
    bool is_above = condition->kind == MODEL_ABOVE;
    bool is_passed = is_above ? number > condition->limit : number < condition->limit;
    if (!isnan(condition->clear)) {
        bool is_beyond = is_above ? number < condition->clear : number > condition->clear;
        is_passed = is_passed || (model->is_latched[index] && !is_beyond);
        model->is_latched[index] = is_passed;
    }
    return is_passed ? YES : NO;
}

static enum truth judge_parts(struct model *model, uint32_t index, struct moment at)
{
    const struct model_condition *condition = &model->signal->conditions[index];
    bool has[3] = {false, false, false};

    for (uint32_t i = 0; i < condition->part_count; i++)
        has[judge(model, condition->parts[i], at)] = true;
    if (condition->kind == MODEL_NOT)
        return has[YES] ? NO : has[NO] ? YES : UNKNOWN;
    if (condition->kind == MODEL_ANY)
        return has[YES] ? YES : has[UNKNOWN] ? UNKNOWN : NO;
    return has[NO] ? NO : has[UNKNOWN] ? UNKNOWN : YES;
}

static enum truth judge(struct model *model, uint32_t index, struct moment at)
{
    const struct model_condition *condition = &model->signal->conditions[index];
    int64_t *since_ms = &model->since_ms[index];
    enum truth truth =
        condition->kind <= MODEL_NOT ? judge_parts(model, index, at) : judge_leaf(model, index, at);

    if (condition->for_ms == 0 || condition->kind == MODEL_MISSING)
        return truth;
    bool has_lasted = *since_ms >= 0 && at.time_ms - *since_ms >= condition->for_ms;
    if (truth == UNKNOWN && has_lasted && model->is_raised && !model->signal->has_clear)
        return truth; /* what an alarm stands on is not forgotten for what is not known */
    if (truth != YES) {
        *since_ms = -1;
        return truth;
    }
    *since_ms = *since_ms < 0 ? at.time_ms : *since_ms;
    return at.time_ms - *since_ms >= condition->for_ms ? YES : NO;
}

bool model_holds(struct model *model, uint32_t condition, struct moment at)
{
    return judge(model, condition, at) == YES;
}

static void forget(struct model *model, uint32_t index)
{
    const struct model_condition *condition = &model->signal->conditions[index];

    model->since_ms[index] = -1;
    model->is_latched[index] = false;
    for (uint32_t i = 0; i < condition->part_count; i++)
        forget(model, condition->parts[i]);
}

static void judge_alarm(struct model *model, struct moment at, struct model_events *out)
{
    const struct model_signal *signal = model->signal;
    bool is_clearing = model->is_raised && signal->has_clear;
    enum truth truth = judge(model, is_clearing ? signal->clear : signal->raise, at);
    enum truth wanted = model->is_raised && !is_clearing ? NO : YES;

    if (truth != wanted)
        return;
    model->is_raised = !model->is_raised;
    model_need(out->count < MODEL_MAX_EVENTS);
    out->items[out->count++] =
        (struct model_event){.kind = model->is_raised ? 'r' : 'c', .to_ms = at.time_ms};
    if (!signal->has_clear)
        return;
    forget(model, model->is_raised ? signal->clear : signal->raise);
    (void)judge(model, model->is_raised ? signal->clear : signal->raise, at); /* it begins now */
}

void model_judge_all(struct model *model, int64_t from_ms, int64_t end_ms, struct model_events *out)
{
    size_t closed = 0;

    for (uint32_t i = 0; i < MODEL_MAX_CONDITIONS; i++)
        model->since_ms[i] = -1;
    for (int64_t time_ms = from_ms; time_ms <= end_ms; time_ms += MODEL_TICK_MS)
        for (int phase = 0; phase < 2; phase++) {
            struct moment at = {time_ms, phase};
            for (; closed < model->closing_count &&
                   model_compare_moments(model->closings[closed].at, at) <= 0;
                 closed++)
                model->results = model->closings[closed].event.values;
            judge_alarm(model, at, out);
        }
}
