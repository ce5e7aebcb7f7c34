#include "grant.h"

#include <errno.h>

#include "errand.h"
#include "server/core/clock.h"

#define REFUSAL_NS (100 * GW_NS_PER_MS) /* a refusal is remembered, in leased mode: at most */

static const struct gw_metric metric_timeouts = {"millgate_rate_limit_redis_timeouts_total",
                                                 "Questions that Redis did not answer in time.",
                                                 NULL, false};

/* --- accounts --- */

/* What it has leased goes back; what it owes Redis is told it, if it can be. */
static void forget(void *self, struct account *account)
{
    struct limiter *limiter = self;
    struct lease_lot lot;

    while (lease_remove(&account->lease, 0, true, &lot))
        errand_give_back_lot(limiter, account, lot);
}

static struct account *open_account(struct grant *grant)
{
    if (grant->account == NULL)
        grant->account =
            ledger_open(grant->limiter->ledger, grant->key, grant->group, forget, grant->limiter);
    return grant->account;
}

static void pin(struct grant *grant)
{
    grant->is_pinned = grant->account != NULL;
    if (grant->is_pinned)
        grant->account->pins++;
}

static void unpin(struct grant *grant)
{
    if (grant->is_pinned)
        grant->account->pins--;
    grant->is_pinned = false;
}

/* --- from memory --- */

static void copy_told(struct grant *grant, uint64_t now_ns)
{
    const struct account *account = grant->account;
    uint64_t passed_ns = now_ns - account->told_ns;
    uint64_t left = lease_left(&account->lease, now_ns);

    for (size_t i = 0; i < grant->group->limit_count; i++) {
        struct limit_answer *answer = &grant->answers[i];
        *answer = account->told[i];
        answer->remaining += left;
        answer->reset_ns = answer->reset_ns > passed_ns ? answer->reset_ns - passed_ns : 0;
    }
}

static bool is_refused_still(const struct grant *grant, uint64_t now_ns)
{
    const struct account *account = grant->account;

    return now_ns < account->refused_until_ns && grant->weight >= account->refused_weight;
}

static void refuse_from_memory(struct grant *grant, uint64_t now_ns)
{
    grant->refused_by = grant->account->refused_by;
    copy_told(grant, now_ns);
    struct limit_answer *answer = &grant->answers[grant->refused_by];
    if (answer->reset_ns == 0)
        answer->reset_ns = 1; /* the moment has come, or nearly */
}

bool grant_from_memory(struct grant *grant, bool *out_is_full)
{
    struct limiter *limiter = grant->limiter;
    uint64_t now_ns = limiter_now_ns(limiter);
    bool needs_account = grant->group->is_leased || grant->group->slots != NULL;

    *out_is_full = needs_account && open_account(grant) == NULL;
    if (!needs_account && !gw_list_is_empty(&limiter->owing))
        grant->account = ledger_find(limiter->ledger, grant->key);
    if (*out_is_full || !grant->group->is_leased)
        return false;

    struct account *account = grant->account;
    grant->source = GRANT_MEMORY;
    account->lease.demand.units += grant->weight;
    if (!lease_take(&account->lease, grant->weight, now_ns)) {
        if (!is_refused_still(grant, now_ns))
            return false;
        refuse_from_memory(grant, now_ns);
        return true;
    }
    grant->is_granted = true;
    pin(grant); /* another subject may have to be waited for, and this one be given back then */
    copy_told(grant, now_ns);
    if (!account->is_asking && lease_is_low(&account->lease, now_ns))
        (void)errand_ask_ahead(limiter, account);
    return true;
}

/* --- from Redis --- */

static void keep_lease(struct grant *grant, const struct take_result *result)
{
    struct account *account = grant->account;
    struct limiter *limiter = grant->limiter;
    const struct lease_lot lot = {result->granted - grant->weight, grant->asked_ns + LEASE_LIFE_NS,
                                  result->now_us};

    if (lot.units == 0)
        return;
    if (!lease_add(&account->lease, lot)) {
        errand_give_back_lot(limiter, account, lot);
        return;
    }
    if (!gw_list_is_linked(&account->leased))
        gw_list_append(&limiter->leased, &account->leased);
}

static void keep_told(struct grant *grant, uint64_t now_ns)
{
    struct account *account = grant->account;

    account->told_ns = now_ns;
    for (size_t i = 0; i < grant->group->limit_count; i++)
        account->told[i] = grant->answers[i];
    account->refused_until_ns = 0;
    if (grant->refused_by < 0)
        return;
    uint64_t wait_ns = grant->answers[grant->refused_by].reset_ns;
    account->refused_until_ns = now_ns + (wait_ns < REFUSAL_NS ? wait_ns : REFUSAL_NS);
    account->refused_weight = grant->weight;
    account->refused_by = grant->refused_by;
}

static bool take_answer(struct grant *grant, const struct gw_reply *reply)
{
    struct take_result result;
    uint64_t now_ns = limiter_now_ns(grant->limiter);

    if (!take_reply_read(reply, grant->group, &result, grant->answers))
        return false;
    if (result.refused_by < 0 && result.granted < grant->weight)
        return false;
    grant->source = GRANT_REDIS;
    grant->refused_by = result.refused_by;
    grant->is_granted = result.refused_by < 0;
    grant->debited_us = result.now_us;
    if (grant->group->is_leased) {
        keep_told(grant, now_ns);
        if (grant->is_granted)
            keep_lease(grant, &result);
        copy_told(grant, now_ns);
    }
    if (grant->slot == NULL)
        return true;
    if (grant->is_granted) {
        slot_hold(grant->slot);
    } else {
        slot_release(grant->slot, false);
        grant->slot = NULL;
    }
    return true;
}

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct grant *grant = self;
    struct limiter *limiter = grant->limiter;

    grant->call = NULL;
    if (grant->want > grant->weight)
        grant->account->is_asking = false;
    if (rc == 0 && take_answer(grant, reply)) {
        gw_breaker_success(&limiter->breaker);
    } else {
        if (rc == -ETIMEDOUT)
            limiter_count(limiter, &metric_timeouts, 1);
        gw_breaker_failure(&limiter->breaker, limiter_now_ns(limiter));
        grant->source = GRANT_LOCAL; /* `done` decides so */
    }
    unpin(grant);
    grant->done(grant);
}

static uint64_t wanted(struct grant *grant, uint64_t now_ns)
{
    struct account *account = grant->account;

    if (account == NULL || !grant->group->is_leased || account->is_asking ||
        grant->limiter->breaker.is_open)
        return grant->weight;
    uint64_t size = lease_size(&account->lease.demand, grant->group->lease_max, now_ns);
    return size > grant->weight ? size : grant->weight;
}

bool grant_ask(struct grant *grant, struct take_args *args)
{
    struct limiter *limiter = grant->limiter;
    struct account *account = grant->account;
    uint64_t now_ns = limiter_now_ns(limiter);

    if (!gw_breaker_allows(&limiter->breaker, now_ns))
        return false;
    if (account != NULL && gw_list_is_linked(&account->owing))
        (void)errand_settle(limiter, account); /* before we ask: it goes the same way */
    if (grant->group->slots != NULL && grant->slot == NULL)
        grant->slot = slot_create(limiter, account);
    grant->args = args;
    grant->asked_ns = now_ns;
    grant->want = wanted(grant, now_ns);
    struct take_question question = {
        .group = grant->group,
        .key = grant->key,
        .holder = gw_str_from(limiter->holder, LIMITER_HOLDER_BYTES),
        .weight = grant->weight,
        .want = grant->want,
        .held =
            account != NULL && grant->group->is_leased ? lease_left(&account->lease, now_ns) : 0,
        .timeout_ns = limiter->timeout_ns,
    };
    if (grant->slot != NULL) {
        question.slot_key = gw_str_from(grant->slot->key, grant->slot->key_len);
        question.slot_name = gw_str_of(grant->slot->name);
    }
    take_args_fill(args, &question);
    if ((grant->group->slots == NULL || grant->slot != NULL) &&
        gw_redis_eval(limiter->worker->redis, &args->eval, on_answer, grant, &grant->call) == 0) {
        if (account != NULL && grant->want > grant->weight)
            account->is_asking = true;
        pin(grant);
        return true;
    }
    gw_breaker_failure(&limiter->breaker, now_ns);
    return false;
}

/* --- without Redis --- */

void grant_locally(struct grant *grant, uint64_t wall_ns)
{
    struct limiter *limiter = grant->limiter;
    struct account *account = open_account(grant);
    bool may_be_known = grant->slot != NULL && grant->asked_ns > 0;

    grant->source = GRANT_LOCAL;
    grant->refused_by = 0;
    if (grant->group->slots != NULL && grant->slot == NULL && account != NULL)
        grant->slot = slot_create(limiter, account);
    bool has_room = account != NULL && (grant->group->slots == NULL || grant->slot != NULL);
    if (has_room) {
        const struct share_question question = {
            .group = grant->group,
            .sharers = limiter_sharers(limiter),
            .weight = grant->weight,
            .now_ns = limiter_now_ns(limiter),
            .wall_s = (int64_t)(wall_ns / GW_NS_PER_SECOND),
            .slots_held = account->slots_held,
        };
        grant->refused_by = share_take(&question, account->shares, grant->answers);
    }
    grant->is_granted = grant->refused_by < 0;
    if (grant->is_granted) {
        if (!gw_list_is_linked(&account->owing))
            gw_list_append(&limiter->owing, &account->owing);
        if (grant->slot != NULL)
            slot_hold(grant->slot);
    } else if (grant->slot != NULL) {
        slot_release(grant->slot, may_be_known);
        grant->slot = NULL;
    }
}

/* --- undoing --- */

void grant_close(struct grant *grant)
{
    unpin(grant);
}

void grant_undo(struct grant *grant)
{
    struct limiter *limiter = grant->limiter;

    if (grant->call != NULL) {
        gw_redis_cancel(grant->call);
        grant->call = NULL;
        if (grant->want > grant->weight)
            grant->account->is_asking = false;
        gw_breaker_cancel(&limiter->breaker);
    } else if (grant->is_granted && grant->source == GRANT_REDIS) {
        errand_give_back(limiter, grant->group, grant->key, grant->weight, grant->debited_us);
    } else if (grant->is_granted && grant->source == GRANT_MEMORY) {
        lease_put_back(&grant->account->lease, grant->weight, limiter_now_ns(limiter));
    }
    grant_close(grant);
    if (grant->slot != NULL) {
        slot_release(grant->slot, true);
        grant->slot = NULL;
    }
}
