/* The local share: what one worker admits by itself for one subject while Redis cannot be asked.
 *
 * Each of all workers of the fleet may admit max(1, amount / workers) of a limit; so all together
 * admit no more than the limit, or as many as there are workers. Pure. */
#pragma once

#include "plan.h"

/* What was admitted of one limit. All zeroes: nothing. It stays when Redis is back, so that one
 * outage after another does not admit the share again and again. */
struct share {
    uint64_t full_at_ticks; /* of a rate, as the share regains it */
    struct window window;   /* of a window; its cells are those below */
    struct window_cell cells[LIMIT_LOCAL_CELLS + 2];
    uint64_t owed;          /* of a window or quota: admitted, and Redis does not know */
    uint64_t owed_at_ticks; /* of a rate: the same, as the whole plan regains it */
    int64_t period;         /* of a quota: when it was admitted */
};

struct share_question {
    const struct plan_group *group;
    uint64_t sharers; /* workers of the fleet */
    uint64_t weight;
    uint64_t now_ns;     /* monotonic */
    int64_t wall_s;      /* since 1970 */
    uint64_t slots_held; /* of this subject, by this worker */
};

#define SHARE_ADMITS (-1)

/* All or nothing, on group->limit_count shares: SHARE_ADMITS, or the place of the limit that
 * refuses. Fills out_answers. A closed quota refuses with reset_ns 0: it says nothing about when.
 */
int share_take(const struct share_question *question, struct share *shares,
               struct limit_answer *out_answers);

/* How much of a limit Redis has yet to be told of; nothing is owed then. */
uint64_t share_take_owed(const struct limit *limit, struct share *share, uint64_t now_ns);
/* Redis was not told: it is owed again. */
void share_owe(const struct limit *limit, struct share *share, uint64_t units, uint64_t now_ns);
