#include "rate_limit.h"

#include <errno.h>
#include <stdlib.h>

#include "errand.h"
#include "fields.h"
#include "limiter.h"
#include "question.h"
#include "server/contract/operation.h"
#include "server/core/breaker.h"
#include "server/core/clock.h"
#include "server/crypto/random.h"
#include "server/observe/metrics.h"
#include "server/store/fleet.h"
#include "slot.h"

#define TICK_NS (100 * GW_NS_PER_MS)
#define SETTLED_PER_TICK 256
#define MEMORY_MAX_BYTES (64 * 1024 * 1024)

static const struct gw_option rate_limit_options[] = {
    {"plans", GW_SECTION, 0, 0, NULL, "The plans that contracts and consumers name.", plan_options,
     NULL, 0},
    {"redis_timeout", GW_DURATION, (int64_t)GW_NS_PER_MS, (int64_t)GW_NS_PER_SECOND, "20ms",
     "How long a decision may wait for Redis; then the local share decides.", NULL, NULL, 0},
    {"instances", GW_INT, 1, 10000, "1",
     "Gateways in the fleet, at least: without Redis each grants its part of a plan.", NULL, NULL,
     0},
    {"breaker_failures", GW_INT, 1, 1000, "5",
     "After so many failures in a row Redis is not asked for `breaker_pause`.", NULL, NULL, 0},
    {"breaker_pause", GW_DURATION, (int64_t)GW_NS_PER_MS, 60 * (int64_t)GW_NS_PER_SECOND, "1s",
     "Then one request at a time tries again.", NULL, NULL, 0},
    {"local_subjects", GW_INT, 1, 1000000, "10000",
     "Subjects whose leases and local shares a worker remembers; about 900 bytes each.", NULL, NULL,
     0},
    {0},
};

void limiter_count(struct limiter *limiter, const struct gw_metric *metric, uint64_t by)
{
    if (limiter->worker != NULL)
        gw_metrics_add(limiter->worker->metrics, metric, by);
}

uint64_t limiter_sharers(const struct limiter *limiter)
{
    uint64_t seen = gw_fleet_get_size(limiter->worker->fleet);

    return (seen > limiter->instances ? seen : limiter->instances) * limiter->worker->count;
}

/* --- what goes on beside requests --- */

static void return_leases(struct limiter *limiter, bool is_end)
{
    uint64_t now_ns = limiter_now_ns(limiter);
    struct gw_list *next;
    struct lease_lot lot;

    for (struct gw_list *node = limiter->leased.next; node != &limiter->leased; node = next) {
        struct account *account = GW_LIST_ITEM(node, struct account, leased);
        next = node->next;
        while (lease_remove(&account->lease, now_ns, is_end, &lot))
            errand_give_back_lot(limiter, account, lot);
        if (lease_left(&account->lease, now_ns) == 0)
            gw_list_remove(&account->leased);
    }
}

/* Redis is back: it is told what was granted meanwhile, also of those who do not come again. The
 * first of them is the breaker's probe, where it is open. */
static void settle(struct limiter *limiter)
{
    struct gw_breaker *breaker = &limiter->breaker;
    bool was_open = breaker->is_open;
    struct gw_list *next;
    unsigned told = 0;

    if (gw_list_is_empty(&limiter->owing) || !gw_redis_is_up(limiter->worker->redis) ||
        !gw_breaker_allows(breaker, limiter_now_ns(limiter)))
        return;
    for (struct gw_list *node = limiter->owing.next;
         node != &limiter->owing && told < (was_open ? 1 : SETTLED_PER_TICK); node = next) {
        next = node->next;
        told += errand_settle(limiter, GW_LIST_ITEM(node, struct account, owing));
    }
    if (was_open && told == 0)
        gw_breaker_cancel(breaker);
}

static void on_tick(struct gw_timer *timer)
{
    struct limiter *limiter = GW_CONTAINER_OF(timer, struct limiter, tick);

    gw_timer_start(limiter->worker->loop, timer, TICK_NS, on_tick);
    return_leases(limiter, false);
    slots_renew(limiter);
    settle(limiter);
}

static void leave(struct limiter *limiter)
{
    if (limiter->worker == NULL)
        return;
    gw_timer_stop(&limiter->tick);
    return_leases(limiter, true);
    errands_end(limiter);
    gw_list_remove(&limiter->tenant.node);
    limiter->worker = NULL;
}

static void on_worker_end(struct gw_worker_tenant *tenant)
{
    leave(GW_CONTAINER_OF(tenant, struct limiter, tenant));
}

static void join(struct limiter *limiter, struct gw_worker *worker)
{
    limiter->worker = worker;
    limiter->tenant.leave = on_worker_end;
    if (worker->tenants.next == NULL)
        gw_list_init(&worker->tenants);
    gw_list_append(&worker->tenants, &limiter->tenant.node);
    gw_timer_start(worker->loop, &limiter->tick, TICK_NS, on_tick);
}

/* --- the filter --- */

static void rate_limit_destroy(void *self)
{
    struct limiter *limiter = self;

    if (limiter == NULL)
        return;
    leave(limiter);
    plan_table_finish(&limiter->plans);
    ledger_destroy(limiter->ledger);
    gw_arena_finish(&limiter->memory);
    free(limiter);
}

static uint64_t integer_of(const json_t *config, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(config, key));
}

static int rate_limit_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));

    if (limiter == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the rate limit");
    gw_arena_init(&limiter->memory, 16 * 1024, MEMORY_MAX_BYTES);
    gw_list_init(&limiter->leased);
    gw_list_init(&limiter->owing);
    gw_list_init(&limiter->slots);
    gw_list_init(&limiter->free_errands);
    gw_list_init(&limiter->errands);
    gw_list_init(&limiter->free_slots);
    gw_random_hex(limiter->holder, LIMITER_HOLDER_BYTES / 2);
    limiter->timeout_ns = integer_of(config, "redis_timeout");
    limiter->instances = integer_of(config, "instances");
    limiter->breaker.max_failures = (unsigned)integer_of(config, "breaker_failures");
    limiter->breaker.pause_ns = integer_of(config, "breaker_pause");
    int rc = plan_table_init(&limiter->plans, json_object_get(config, "plans"), error);
    if (rc != 0)
        goto fail;
    limiter->ledger =
        ledger_create((size_t)integer_of(config, "local_subjects"), limiter->plans.max_limits);
    if (limiter->ledger == NULL) {
        rc = gw_error_set(error, -ENOMEM, "no memory for the rate limit's subjects");
        goto fail;
    }
    *out_self = limiter;
    return 0;

fail:
    rate_limit_destroy(limiter);
    return rc;
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    question_abandon(*gw_exchange_slot(ex, self));
}

static enum gw_verdict rate_limit_on_request(void *self, struct gw_exchange *ex)
{
    struct limiter *limiter = self;
    struct gw_str name = gw_operation_plan(ex->operation, ex->identity.plan);

    /* The contract names none, and the operator's floor has no default. */
    if (name.len == 0)
        return GW_NEXT;
    const struct plan *plan = plan_table_find(&limiter->plans, name);
    if (plan == NULL) { /* a snapshot that names it should not have come this far: fail closed */
        ex->record.detail = ex->identity.plan.len > 0
                                ? GW_STR("the consumer's plan is not configured")
                                : GW_STR("the operation's plan is not configured");
        return GW_FAIL;
    }
    if (limiter->worker == NULL)
        join(limiter, ex->worker);
    struct question *question = question_create(limiter, ex, plan);
    if (question == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    *gw_exchange_slot(ex, self) = question;
    enum gw_verdict verdict = question_ask(question);
    if (verdict == GW_WAIT)
        gw_exchange_on_cancel(ex, on_client_left);
    return verdict;
}

static enum gw_verdict rate_limit_on_response(void *self, struct gw_exchange *ex)
{
    const struct question *question = *gw_exchange_slot(ex, self);

    if (question != NULL && question->is_decided)
        fields_add(question);
    return GW_NEXT;
}

const struct gw_filter_type gw_rate_limit = {
    .name = "rate_limit",
    .options = rate_limit_options,
    .create = rate_limit_create,
    .destroy = rate_limit_destroy,
    .on_request = rate_limit_on_request,
    .on_response = rate_limit_on_response,
};
