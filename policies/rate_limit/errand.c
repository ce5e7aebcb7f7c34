#include "errand.h"

#include "server/core/clock.h"
#include "slot.h"
#include "take.h"

#define MAX_ERRANDS 1024
#define ERRANDS_PER_BLOCK 8
#define PATIENCE_NS GW_NS_PER_SECOND /* nobody waits */

struct errand {
    struct gw_list node; /* among the free ones or those under way */
    struct limiter *limiter;
    struct account *account;                                           /* pinned, or NULL */
    void (*done)(struct errand *errand, const struct gw_reply *reply); /* NULL: it failed */
    struct gw_redis_call *call;
    uint64_t asked_ns;
    uint64_t told[PLAN_MAX_LIMITS]; /* of what was granted without Redis */
    struct take_args args;
    char key[SLOT_KEY_BYTES];
    char name[SLOT_NAME_BYTES];
};

static const struct gw_metric metric_lost = {
    "millgate_rate_limit_errands_lost_total",
    "Refunds, leases and slots that Redis was not told of.", NULL, false};
static const struct gw_metric metric_refunded = {"millgate_rate_limit_refunded_total",
                                                 "Requests counted in advance and given back.",
                                                 NULL, false};

static void give_up(struct errand *errand)
{
    struct limiter *limiter = errand->limiter;

    if (errand->account != NULL)
        errand->account->pins--;
    gw_list_remove(&errand->node);
    gw_list_prepend(&limiter->free_errands, &errand->node);
}

static struct errand *take_errand(struct limiter *limiter, struct gw_str key)
{
    if (limiter->worker == NULL || key.len > SLOT_KEY_BYTES)
        return NULL;
    if (gw_list_is_empty(&limiter->free_errands) && limiter->errand_count < MAX_ERRANDS) {
        struct errand *block = gw_arena_calloc(&limiter->memory, ERRANDS_PER_BLOCK, sizeof(*block));
        for (size_t i = 0; block != NULL && i < ERRANDS_PER_BLOCK; i++)
            gw_list_append(&limiter->free_errands, &block[i].node);
        limiter->errand_count += block != NULL ? ERRANDS_PER_BLOCK : 0;
    }
    struct gw_list *node = gw_list_take(&limiter->free_errands);
    if (node == NULL) {
        limiter_count(limiter, &metric_lost, 1);
        return NULL;
    }
    struct errand *errand = GW_LIST_ITEM(node, struct errand, node);
    errand->limiter = limiter;
    errand->account = NULL;
    errand->done = NULL;
    errand->call = NULL;
    gw_list_append(&limiter->errands, &errand->node);
    memcpy(errand->key, key.ptr, key.len);
    errand->args.keys[0] = gw_str_from(errand->key, key.len);
    return errand;
}

static void on_done(void *self, int rc, const struct gw_reply *reply)
{
    struct errand *errand = self;
    bool is_good = rc == 0 && reply->type != GW_REPLY_ERROR;

    if (!is_good)
        limiter_count(errand->limiter, &metric_lost, 1);
    if (errand->done != NULL)
        errand->done(errand, is_good ? reply : NULL);
    give_up(errand);
}

static bool run(struct errand *errand)
{
    struct limiter *limiter = errand->limiter;

    errand->args.eval.key_count = 1;
    if (gw_redis_eval(limiter->worker->redis, &errand->args.eval, on_done, errand, &errand->call) ==
        0)
        return true;
    limiter_count(limiter, &metric_lost, 1);
    give_up(errand);
    return false;
}

static void pin(struct errand *errand, struct account *account)
{
    errand->account = account;
    account->pins++;
}

/* --- leases --- */

static void keep_lease(struct errand *errand, const struct take_result *result)
{
    struct account *account = errand->account;
    struct limiter *limiter = errand->limiter;
    const struct lease_lot lot = {result->granted, errand->asked_ns + LEASE_LIFE_NS,
                                  result->now_us};

    account->told_ns = limiter_now_ns(limiter);
    if (result->granted == 0)
        return;
    if (!lease_add(&account->lease, lot)) {
        errand_give_back_lot(limiter, account, lot);
        return;
    }
    if (!gw_list_is_linked(&account->leased))
        gw_list_append(&limiter->leased, &account->leased);
}

static void on_lease(struct errand *errand, const struct gw_reply *reply)
{
    struct account *account = errand->account;
    struct limiter *limiter = errand->limiter;
    struct take_result result;

    account->is_asking = false;
    if (reply != NULL && take_reply_read(reply, account->group, &result, account->told)) {
        gw_breaker_success(&limiter->breaker);
        keep_lease(errand, &result);
    } else {
        gw_breaker_failure(&limiter->breaker, limiter_now_ns(limiter));
    }
}

bool errand_ask_ahead(struct limiter *limiter, struct account *account)
{
    uint64_t now_ns = limiter_now_ns(limiter);
    struct errand *errand;

    if (limiter->breaker.is_open)
        return false; /* requests probe */
    errand = take_errand(limiter, account_key(account));
    if (errand == NULL)
        return false;
    const struct take_question question = {
        .group = account->group,
        .key = errand->args.keys[0],
        .holder = gw_str_from(limiter->holder, LIMITER_HOLDER_BYTES),
        .want = lease_size(&account->lease.demand, account->group->lease_max, now_ns),
        .held = lease_left(&account->lease, now_ns),
        .timeout_ns = limiter->timeout_ns,
    };
    take_args_fill(&errand->args, &question);
    errand->asked_ns = now_ns;
    errand->done = on_lease;
    pin(errand, account);
    account->is_asking = true;
    if (run(errand))
        return true;
    account->is_asking = false;
    gw_breaker_failure(&limiter->breaker, now_ns);
    return false;
}

/* --- giving back --- */

static void give_back(struct limiter *limiter, const struct plan_group *group, struct gw_str key,
                      struct lease_lot lot, const uint64_t *held)
{
    struct errand *errand = take_errand(limiter, key);

    if (errand == NULL)
        return;
    take_args_init(&errand->args, &rate_limit_add, PATIENCE_NS);
    take_args_number(&errand->args, lot.debited_us, false);
    take_args_text(&errand->args,
                   held != NULL ? gw_str_from(limiter->holder, LIMITER_HOLDER_BYTES) : GW_STR(""));
    take_args_number(&errand->args, held != NULL ? *held : 0, false);
    for (size_t i = 0; i < group->limit_count; i++) {
        take_args_limit(&errand->args, group->limits[i]);
        take_args_number(&errand->args, lot.units, true);
    }
    if (run(errand))
        limiter_count(limiter, &metric_refunded, lot.units);
}

void errand_give_back(struct limiter *limiter, const struct plan_group *group, struct gw_str key,
                      uint64_t units, uint64_t debited_us)
{
    const struct lease_lot lot = {.units = units, .debited_us = debited_us};

    give_back(limiter, group, key, lot, NULL);
}

void errand_give_back_lot(struct limiter *limiter, struct account *account, struct lease_lot lot)
{
    uint64_t held = lease_left(&account->lease, limiter_now_ns(limiter));

    give_back(limiter, account->group, account_key(account), lot, &held);
}

/* --- what was granted without Redis --- */

/* It may be counted there or not: once more, rather than never. */
static void owe_again(struct errand *errand)
{
    struct account *account = errand->account;
    struct limiter *limiter = errand->limiter;

    for (size_t i = 0; i < account->group->limit_count; i++)
        share_owe(account->group->limits[i], &account->shares[i], errand->told[i],
                  limiter_now_ns(limiter));
    if (!gw_list_is_linked(&account->owing))
        gw_list_append(&limiter->owing, &account->owing);
}

static void on_settled(struct errand *errand, const struct gw_reply *reply)
{
    struct gw_breaker *breaker = &errand->limiter->breaker;

    if (reply != NULL) {
        gw_breaker_success(breaker);
    } else {
        gw_breaker_failure(breaker, limiter_now_ns(errand->limiter));
        owe_again(errand);
    }
}

bool errand_settle(struct limiter *limiter, struct account *account)
{
    const struct plan_group *group = account->group;
    uint64_t now_ns = limiter_now_ns(limiter);
    struct errand *errand = take_errand(limiter, account_key(account));

    if (errand == NULL)
        return false;
    take_args_init(&errand->args, &rate_limit_add, PATIENCE_NS);
    take_args_number(&errand->args, 0, false);
    take_args_text(&errand->args, GW_STR(""));
    take_args_number(&errand->args, 0, false);
    for (size_t i = 0; i < group->limit_count; i++) {
        errand->told[i] = share_take_owed(group->limits[i], &account->shares[i], now_ns);
        take_args_limit(&errand->args, group->limits[i]);
        take_args_number(&errand->args, errand->told[i], false);
    }
    errand->done = on_settled;
    gw_list_remove(&account->owing);
    pin(errand, account);
    if (run(errand))
        return true;
    owe_again(errand); /* given up, and not yet used again */
    return false;
}

/* --- slots --- */

void errand_slot(struct limiter *limiter, const struct slot *slot, uint64_t ttl_us)
{
    struct errand *errand = take_errand(limiter, gw_str_from(slot->key, slot->key_len));

    if (errand == NULL)
        return;
    take_args_init(&errand->args, &rate_limit_slot, PATIENCE_NS);
    memcpy(errand->name, slot->name, sizeof(errand->name));
    take_args_text(&errand->args, gw_str_of(errand->name));
    take_args_number(&errand->args, ttl_us, false);
    run(errand);
}

void errands_end(struct limiter *limiter)
{
    struct gw_list *next;

    gw_redis_flush(limiter->worker->redis); /* which may end some */
    for (struct gw_list *node = limiter->errands.next; node != &limiter->errands; node = next) {
        struct errand *errand = GW_LIST_ITEM(node, struct errand, node);
        next = node->next;
        gw_redis_cancel(errand->call);
        if (errand->account != NULL)
            errand->account->is_asking = false;
        give_up(errand);
    }
}
