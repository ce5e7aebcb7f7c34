#include "gcra.h"

#include <errno.h>

#define NS_PER_SECOND UINT64_C(1000000000)

int gcra_rate_init(uint64_t limit, uint64_t window_ns, uint64_t burst, struct gcra_rate *out_rate)
{
    uint64_t window_ticks;
    uint64_t step_ticks;

    if (limit == 0 || window_ns == 0 || burst == 0)
        return -EINVAL;
    if (window_ns > UINT64_MAX / 4)
        return -ERANGE;
    window_ticks = gcra_ticks(window_ns);
    if (limit > window_ticks / (GCRA_TICKS_PER_SECOND / GCRA_MAX_PER_SECOND))
        return -ERANGE;
    step_ticks = window_ticks / limit + (window_ticks % limit >= limit - limit / 2);
    if (step_ticks > GCRA_MAX_ROOM_TICKS / burst)
        return -ERANGE;

    *out_rate = (struct gcra_rate){.step_ticks = step_ticks, .room_ticks = step_ticks * burst};
    return 0;
}

/* 16 ticks are 1000 ns. Whole seconds first: the product must not overflow. */
uint64_t gcra_ticks(uint64_t ns)
{
    return ns / NS_PER_SECOND * GCRA_TICKS_PER_SECOND + ns % NS_PER_SECOND * 2 / 125;
}

/* Upwards, so that who waits that long is admitted. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
    return ticks / GCRA_TICKS_PER_SECOND * NS_PER_SECOND +
           (ticks % GCRA_TICKS_PER_SECOND * 125 + 1) / 2;
}

static struct limit_answer admitted(const struct gcra_rate *rate, uint64_t debt_ticks)
{
    uint64_t left_ticks = rate->room_ticks - debt_ticks;
    uint64_t remaining = left_ticks / rate->step_ticks;

    return (struct limit_answer){
        .is_admitted = true,
        .remaining = remaining,
        .reset_ns = ticks_to_ns(remaining > 0 ? debt_ticks : rate->step_ticks - left_ticks),
    };
}

struct limit_answer gcra_take(uint64_t *full_at_ticks, const struct gcra_rate *rate,
                              uint64_t weight, uint64_t now_ticks)
{
    uint64_t full_at = *full_at_ticks > now_ticks ? *full_at_ticks : now_ticks;

    /* Nobody owes more than a whole burst: a clock that stepped back, or a limit that was lowered,
     * must not shut anyone out for longer. */
    if (full_at - now_ticks > rate->room_ticks)
        full_at = now_ticks + rate->room_ticks;

    uint64_t owed_ticks = full_at - now_ticks;
    uint64_t left_ticks = rate->room_ticks - owed_ticks;
    struct limit_answer refused = {.remaining = left_ticks / rate->step_ticks};
    if (weight > rate->room_ticks / rate->step_ticks) {
        refused.reset_ns = ticks_to_ns(rate->room_ticks);
        return refused;
    }
    if (rate->step_ticks * weight > left_ticks) {
        refused.reset_ns = ticks_to_ns(rate->step_ticks * weight - left_ticks);
        return refused;
    }
    *full_at_ticks = full_at + rate->step_ticks * weight;
    return admitted(rate, owed_ticks + rate->step_ticks * weight);
}

uint64_t gcra_owed(uint64_t full_at_ticks, const struct gcra_rate *rate, uint64_t now_ticks)
{
    uint64_t owed_ticks = full_at_ticks > now_ticks ? full_at_ticks - now_ticks : 0;

    if (owed_ticks > rate->room_ticks)
        owed_ticks = rate->room_ticks;
    return owed_ticks / rate->step_ticks + (owed_ticks % rate->step_ticks > 0);
}
