/* One request's question: may it pass each limit of its plan? The subjects are asked at once; when
 * one refuses, what the others granted is given back. */
#pragma once

#include "grant.h"
#include "server/filter/filter.h"

struct question {
    struct limiter *limiter;
    struct gw_exchange *ex;
    const struct plan *plan;
    struct grant *grants[PLAN_MAX_LIMITS]; /* one for each group */
    unsigned waiting;
    bool is_decided;
};

/* NULL: there is no memory for it. */
GW_MUST_CHECK
struct question *question_create(struct limiter *limiter, struct gw_exchange *ex,
                                 const struct plan *plan);
enum gw_verdict question_ask(struct question *question);
/* The client left while it waited. */
void question_abandon(struct question *question);
