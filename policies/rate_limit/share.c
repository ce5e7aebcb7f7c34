#include "share.h"

#include "server/core/clock.h"

#define NOT_SOON_TICKS GCRA_MAX_ROOM_TICKS

static struct limit_answer take_rate(const struct share_question *question,
                                     const struct limit *limit, struct share *share)
{
    uint64_t amount = limit_share(limit->amount, question->sharers);
    uint64_t burst = limit_share(limit->burst, question->sharers);
    uint64_t weight = question->weight < burst ? question->weight : burst;
    uint64_t now_ticks = gcra_ticks(question->now_ns);
    struct gcra_rate rate;

    /* Smaller numbers than those accepted: too slow to fill up is all that can happen. */
    if (gcra_rate_init(amount, limit->window_ns, burst, &rate) != 0)
        rate = (struct gcra_rate){NOT_SOON_TICKS / burst, NOT_SOON_TICKS};
    struct limit_answer answer = gcra_take(&share->full_at_ticks, &rate, weight, now_ticks);
    if (answer.is_admitted)
        share_owe(limit, share, weight, question->now_ns);
    return answer;
}

static struct window_rule local_rule(const struct limit *limit, uint64_t amount)
{
    return (struct window_rule){amount, limit->window.length_us,
                                (amount + LIMIT_LOCAL_CELLS - 1) / LIMIT_LOCAL_CELLS};
}

static struct limit_answer take_window(const struct share_question *question,
                                       const struct limit *limit, struct share *share)
{
    uint64_t amount = limit_share(limit->amount, question->sharers);
    const struct window_rule rule = local_rule(limit, amount);

    uint64_t weight = question->weight < amount ? question->weight : amount;
    struct limit_answer answer =
        window_take(&share->window, &rule, weight, question->now_ns / GW_NS_PER_US);
    if (answer.is_admitted)
        share_owe(limit, share, weight, question->now_ns);
    return answer;
}

static struct limit_answer take_quota(const struct share_question *question,
                                      const struct limit *limit, struct share *share)
{
    struct calendar_period period =
        calendar_period_at(limit->unit, limit->offset_s, question->wall_s);

    if (!limit->is_open)
        return (struct limit_answer){.is_admitted = false};
    if (share->period != period.number)
        share->owed = 0;
    share->period = period.number;
    share_owe(limit, share, question->weight, question->now_ns);
    return (struct limit_answer){
        .is_admitted = true,
        .remaining = limit->amount > share->owed ? limit->amount - share->owed : 0,
        .reset_ns = (uint64_t)(period.end_s - question->wall_s) * GW_NS_PER_SECOND,
    };
}

static struct limit_answer take_slot(const struct share_question *question,
                                     const struct limit *limit)
{
    uint64_t amount = limit_share(limit->amount, question->sharers);
    bool is_free = question->slots_held < amount;

    return (struct limit_answer){
        .is_admitted = is_free,
        .remaining = is_free ? amount - question->slots_held - 1 : 0,
        .reset_ns = is_free ? 0 : GW_NS_PER_SECOND,
    };
}

static struct limit_answer take(const struct share_question *question, const struct limit *limit,
                                struct share *share)
{
    share->window.cells = share->cells;
    share->window.capacity = GW_COUNT_OF(share->cells);
    switch (limit->kind) {
    case LIMIT_RATE:
        return take_rate(question, limit, share);
    case LIMIT_WINDOW:
        return take_window(question, limit, share);
    case LIMIT_QUOTA:
        return take_quota(question, limit, share);
    case LIMIT_CONCURRENT:
        break;
    }
    return take_slot(question, limit);
}

int share_take(const struct share_question *question, struct share *shares,
               struct limit_answer *out_answers)
{
    struct share after[PLAN_MAX_LIMITS];
    size_t count = question->group->limit_count;
    int refused = SHARE_ADMITS;

    for (size_t i = 0; i < count; i++) {
        after[i] = shares[i];
        out_answers[i] = take(question, question->group->limits[i], &after[i]);
        if (!out_answers[i].is_admitted && refused == SHARE_ADMITS)
            refused = (int)i;
    }
    for (size_t i = 0; i < count && refused == SHARE_ADMITS; i++)
        shares[i] = after[i];
    return refused;
}

void share_owe(const struct limit *limit, struct share *share, uint64_t units, uint64_t now_ns)
{
    uint64_t now_ticks = gcra_ticks(now_ns);

    share->owed += units;
    if (limit->kind != LIMIT_RATE)
        return;
    if (share->owed_at_ticks < now_ticks)
        share->owed_at_ticks = now_ticks;
    share->owed_at_ticks += limit->rate.step_ticks * units;
}

uint64_t share_take_owed(const struct limit *limit, struct share *share, uint64_t now_ns)
{
    const struct window_rule rule = local_rule(limit, limit->amount);
    uint64_t owed = share->owed;

    share->window.cells = share->cells;
    share->window.capacity = GW_COUNT_OF(share->cells);
    if (limit->kind == LIMIT_RATE) {
        owed = gcra_owed(share->owed_at_ticks, &limit->rate, gcra_ticks(now_ns));
    } else if (limit->kind == LIMIT_WINDOW) {
        uint64_t total = window_total(&share->window, &rule, now_ns / GW_NS_PER_US);
        owed = owed < total ? owed : total; /* the rest is older than a window */
    }
    share->owed = share->owed_at_ticks = 0;
    return limit->kind == LIMIT_CONCURRENT ? 0 : owed;
}
