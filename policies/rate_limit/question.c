#include "question.h"

#include "server/contract/operation.h"
#include "server/core/clock.h"

#define DECISIONS "millgate_rate_limit_decisions_total", "Decisions of the rate limit."
static const struct gw_metric metrics[2][3] = {
    {{DECISIONS, "result=\"admitted\",mode=\"leased\"", false},
     {DECISIONS, "result=\"admitted\",mode=\"exact\"", false},
     {DECISIONS, "result=\"admitted\",mode=\"local\"", false}},
    {{DECISIONS, "result=\"refused\",mode=\"leased\"", false},
     {DECISIONS, "result=\"refused\",mode=\"exact\"", false},
     {DECISIONS, "result=\"refused\",mode=\"local\"", false}},
};

static void on_granted(struct grant *grant);

static struct grant *add_grant(struct question *question, const struct plan_group *group)
{
    struct gw_exchange *ex = question->ex;
    uint32_t weight = ex->operation->weight;
    struct grant *grant = gw_arena_calloc(
        &ex->arena, 1, sizeof(*grant) + group->limit_count * sizeof(grant->answers[0]));

    if (grant == NULL)
        return NULL;
    grant->limiter = question->limiter;
    grant->group = group;
    grant->weight = weight > 0 ? weight : 1;
    grant->key = subject_key(ex, &group->scope, group->plan->name);
    grant->done = on_granted;
    grant->self = question;
    grant->refused_by = -1;
    return grant->key.ptr != NULL ? grant : NULL;
}

struct question *question_create(struct limiter *limiter, struct gw_exchange *ex,
                                 const struct plan *plan)
{
    struct question *question = gw_arena_calloc(&ex->arena, 1, sizeof(*question));

    if (question == NULL)
        return NULL;
    question->limiter = limiter;
    question->ex = ex;
    question->plan = plan;
    for (size_t i = 0; i < plan->group_count; i++) {
        question->grants[i] = add_grant(question, &plan->groups[i]);
        if (question->grants[i] == NULL)
            return NULL;
    }
    return question;
}

/* --- the end --- */

static void undo(struct question *question)
{
    for (size_t i = 0; i < question->plan->group_count; i++)
        grant_undo(question->grants[i]);
}

/* Of those who refuse, the one to wait for longest. */
static const struct grant *find_refusal(const struct question *question)
{
    const struct grant *refusal = NULL;

    for (size_t i = 0; i < question->plan->group_count; i++) {
        const struct grant *grant = question->grants[i];
        if (grant->refused_by >= 0 &&
            (refusal == NULL || grant->answers[grant->refused_by].reset_ns >
                                    refusal->answers[refusal->refused_by].reset_ns))
            refusal = grant;
    }
    return refusal;
}

static void on_exchange_end(void *slot)
{
    slot_release(slot, true);
}

static enum gw_verdict admit(struct question *question)
{
    for (size_t i = 0; i < question->plan->group_count; i++) {
        struct grant *grant = question->grants[i];
        grant_close(grant);
        if (grant->slot == NULL)
            continue;
        if (gw_arena_defer(&question->ex->arena, on_exchange_end, grant->slot) != 0) {
            undo(
                question); /* those already deferred are not given back twice: their slot is NULL */
            return gw_exchange_reject(question->ex, "overloaded", NULL, 0);
        }
        grant->slot = NULL;
    }
    return GW_NEXT;
}

static enum gw_verdict refuse(struct question *question, const struct grant *refusal)
{
    const struct limit *limit = refusal->group->limits[refusal->refused_by];
    const struct limiter *limiter = question->limiter;

    undo(question);
    if (refusal->source == GRANT_LOCAL && refusal->account == NULL)
        return gw_exchange_reject(question->ex, "overloaded", NULL, GW_NS_PER_SECOND);
    if (refusal->source == GRANT_LOCAL && limit->kind == LIMIT_QUOTA)
        return gw_exchange_reject(question->ex, "unavailable",
                                  "The caller's quota cannot be counted at the moment.",
                                  limiter->breaker.pause_ns);
    return gw_exchange_reject_with(question->ex, "rate-limited", limit->refusal, limit->member,
                                   refusal->answers[refusal->refused_by].reset_ns);
}

static enum gw_verdict conclude(struct question *question)
{
    enum grant_source source = GRANT_MEMORY;
    const struct grant *refusal = find_refusal(question);

    question->is_decided = true;
    for (size_t i = 0; i < question->plan->group_count; i++) {
        if (question->grants[i]->source > source)
            source = question->grants[i]->source;
    }
    limiter_count(question->limiter, &metrics[refusal != NULL][source], 1);
    return refusal == NULL ? admit(question) : refuse(question, refusal);
}

/* --- asking --- */

static void on_granted(struct grant *grant)
{
    struct question *question = grant->self;

    if (grant->source == GRANT_LOCAL)
        grant_locally(grant, question->ex->wall_ns);
    question->waiting--;
    if (question->waiting == 0)
        gw_exchange_resume(question->ex, conclude(question));
}

/* true if nobody needs to be asked. */
static bool ask_memory(struct question *question, bool is_known[PLAN_MAX_LIMITS])
{
    bool are_all_known = true;

    for (size_t i = 0; i < question->plan->group_count; i++) {
        bool is_full;
        is_known[i] = grant_from_memory(question->grants[i], &is_full);
        if (is_full) { /* every subject that is remembered has a request under way */
            is_known[i] = true;
            question->grants[i]->source = GRANT_LOCAL;
            question->grants[i]->refused_by = 0;
        }
        if (is_known[i] && question->grants[i]->refused_by >= 0)
            return true;
        are_all_known = are_all_known && is_known[i];
    }
    return are_all_known;
}

static void ask_redis(struct grant *grant, struct question *question)
{
    struct take_args *args = gw_arena_alloc(&question->ex->arena, sizeof(*args));

    if (args != NULL && grant_ask(grant, args))
        question->waiting++;
    else
        grant_locally(grant, question->ex->wall_ns);
}

enum gw_verdict question_ask(struct question *question)
{
    bool is_known[PLAN_MAX_LIMITS] = {false};

    if (ask_memory(question, is_known))
        return conclude(question);
    for (size_t i = 0; i < question->plan->group_count; i++) {
        if (!is_known[i])
            ask_redis(question->grants[i], question);
    }
    return question->waiting > 0 ? GW_WAIT : conclude(question);
}

void question_abandon(struct question *question)
{
    if (!question->is_decided)
        undo(question);
}
