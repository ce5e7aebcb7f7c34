/* Tries: which target is asked, what becomes of it, and whether another one is. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/upstream/proxy_private.h"
#include "server/upstream/retry.h"
#include "server/upstream/upstreams.h"

static uint64_t now_of(const struct proxy *proxy)
{
    return gw_loop_now_ns(proxy->ex->worker->loop);
}

/* --- the end of one --- */

void proxy_try_report(struct proxy_try *attempt, enum gw_target_outcome outcome)
{
    if (attempt->is_reported)
        return;
    attempt->is_reported = true;
    gw_target_report(attempt->proxy->backend, attempt->target, attempt->is_probe, outcome,
                     now_of(attempt->proxy));
}

void proxy_try_end(struct proxy_try *attempt)
{
    if (attempt->target == NULL)
        return;
    proxy_try_report(attempt, GW_TARGET_UNKNOWN);
    gw_target_end(attempt->target);
    attempt->target = NULL;
    attempt->call = NULL;
}

void proxy_try_cancel(struct proxy_try *attempt)
{
    if (attempt->call != NULL && gw_http_call_was_sent(attempt->call))
        attempt->proxy->ex->record.was_sent = true;
    gw_http_call_cancel(attempt->call);
    proxy_try_end(attempt);
}

void proxy_try_cancel_all(struct proxy *proxy)
{
    gw_timer_stop(&proxy->timer);
    proxy_try_cancel(&proxy->tries[0]);
    proxy_try_cancel(&proxy->tries[1]);
}

struct proxy_try *proxy_try_other(struct proxy_try *attempt)
{
    struct proxy *proxy = attempt->proxy;
    struct proxy_try *other = &proxy->tries[attempt == &proxy->tries[0]];

    return other->call != NULL ? other : NULL;
}

/* --- the start of one --- */

static struct gw_str join_target(struct proxy *proxy, struct gw_str base)
{
    if (base.len == 0)
        return proxy->path;
    return gw_arena_printf(&proxy->ex->arena, "%.*s%.*s", GW_STR_ARG(base),
                           GW_STR_ARG(proxy->path));
}

static int start(struct proxy *proxy, struct proxy_try *attempt, size_t index, uint64_t now_ns)
{
    const struct gw_target_config *config = &proxy->backend->config->targets[index];
    struct gw_http_request request = proxy->request;

    request.target = join_target(proxy, config->base_path);
    request.host = config->authority;
    request.body = gw_str_from(proxy->kept.bytes, proxy->kept.len);
    if (proxy->is_request_ended)
        request.body_bytes = (int64_t)proxy->kept.len;
    if (proxy->deadline_ns > 0)
        request.total_ns = proxy->deadline_ns > now_ns ? proxy->deadline_ns - now_ns : 1;
    if (request.target.ptr == NULL || !proxy_gate_write_deadline(proxy, now_ns))
        return -ENOMEM;
    *attempt = (struct proxy_try){
        .proxy = proxy, .target = proxy->backend->targets[index], .url = config->url};
    proxy->scope.tried |= UINT32_C(1) << index;
    proxy->attempts++;
    proxy->ex->record.attempts = proxy->attempts;
    proxy->ex->record.target = config->url;
    attempt->is_probe = gw_target_begin(attempt->target, now_ns);
    int rc = gw_http_call_start(attempt->target->origin, &request, &proxy_events, attempt,
                                &attempt->call);
    if (rc != 0)
        proxy_try_end(attempt);
    return rc;
}

/* Returns whether a try is under way; the response is set otherwise. */
static bool try_one(struct proxy *proxy, uint64_t now_ns)
{
    struct gw_backend_choice choice = gw_backend_choose(proxy->backend, proxy->scope, now_ns);

    if (choice.index == SIZE_MAX && proxy->scope.tried != 0) { /* all have had their turn */
        proxy->scope.tried = 0;
        choice = gw_backend_choose(proxy->backend, proxy->scope, now_ns);
    }
    if (choice.index == SIZE_MAX) {
        proxy->backend->state->stats.refused++;
        proxy_refuse(proxy, "backend-unavailable", NULL, choice.retry_ns);
        return false;
    }
    int rc = start(proxy, proxy->current, choice.index, now_ns);
    if (rc != 0)
        proxy_refuse(proxy,
                     rc == -ENOMEM  ? "overloaded"
                     : rc == -EBUSY ? "backend-overloaded"
                                    : "malformed-request",
                     NULL, 0);
    return rc == 0;
}

/* --- a hedge --- */

/* The first one is late: a second target is asked the same, and the first answer counts. */
static void on_late(struct gw_timer *timer)
{
    struct proxy *proxy = GW_CONTAINER_OF(timer, struct proxy, timer);
    struct gw_backend_stats *stats = &proxy->backend->state->stats;
    uint64_t now_ns = now_of(proxy);

    if (proxy->ex->state != GW_EXCHANGE_DECIDING || proxy->ex->record.upstream_status != 0)
        return;
    struct gw_backend_choice choice = gw_backend_choose(proxy->backend, proxy->scope, now_ns);
    if (choice.index == SIZE_MAX)
        return;
    if (!gw_budget_take(&proxy->backend->state->budget)) {
        stats->over_budget++;
        return;
    }
    stats->hedges += start(proxy, &proxy->tries[1], choice.index, now_ns) == 0;
}

static bool can_hedge(const struct proxy *proxy)
{
    return proxy->backend->config->hedge_ns > 0 && !proxy->request.asks_websocket &&
           proxy->ex->request.method == GW_METHOD_GET && proxy->is_request_ended &&
           proxy->kept.len == 0;
}

void proxy_try_first(struct proxy *proxy)
{
    const struct gw_backend_config *config = proxy->backend->config;
    uint64_t now_ns = now_of(proxy);

    gw_budget_earn(&proxy->backend->state->budget, config->retry.budget_percent);
    if (!try_one(proxy, now_ns))
        return;
    if (can_hedge(proxy))
        gw_timer_start(proxy->ex->worker->loop, &proxy->timer, config->hedge_ns, on_late);
    if (config->mirror.percent > 0 && !proxy->request.asks_websocket)
        proxy->mirror = gw_mirror_start(proxy->backend, proxy->ex, proxy->path);
    proxy_body_begin(proxy);
}

/* --- another one --- */

static void on_timer(struct gw_timer *timer)
{
    struct proxy *proxy = GW_CONTAINER_OF(timer, struct proxy, timer);

    if (proxy->ex->state == GW_EXCHANGE_DECIDING && try_one(proxy, now_of(proxy)))
        proxy_body_resume(proxy);
}

static void count_retry(struct gw_backend_stats *stats, enum gw_retry_reason reason)
{
    for (unsigned i = 0; i < GW_RETRY_REASON_COUNT; i++)
        stats->retries[i] += (unsigned)reason == 1U << i;
}

bool proxy_try_again(struct proxy *proxy, enum gw_retry_reason reason, bool was_sent)
{
    const struct gw_retry_rule *rule = &proxy->backend->config->retry;
    struct gw_backend_state *state = proxy->backend->state;
    uint64_t now_ns = now_of(proxy), wait_ns = 0;
    const struct gw_retry_case failed = {
        .reason = reason,
        .was_sent = was_sent,
        .is_repeatable = proxy->is_repeatable,
        .is_body_kept = proxy->kept.is_whole,
        .attempts = proxy->attempts,
        .untried = gw_backend_count_untried(proxy->backend, proxy->scope, now_ns),
    };

    if (proxy->ex->state != GW_EXCHANGE_DECIDING || !gw_retry_may(rule, &failed) ||
        (state->throttle.is_obeyed && state->throttle.until_ns > now_ns))
        return false;
    /* To go on to the next target before a byte has left is no repetition: it needs no budget. */
    bool is_fail_over = reason == GW_RETRY_CONNECT && failed.untried > 0;
    if (!is_fail_over)
        wait_ns = gw_retry_wait_ns(rule, proxy->attempts, &proxy->backend->upstreams->random);
    if (proxy->deadline_ns > 0 && now_ns + wait_ns >= proxy->deadline_ns)
        return false;
    if (!is_fail_over && !gw_budget_take(&state->budget)) {
        state->stats.over_budget++;
        return false;
    }
    count_retry(&state->stats, reason);
    gw_timer_start(proxy->ex->worker->loop, &proxy->timer, wait_ns, on_timer);
    return true;
}
