/* Before a backend is asked: whether it may be, how long the caller waits, and whose turn it is. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/upstream/proxy_private.h"
#include "server/upstream/schedule.h"
#include "server/upstream/upstreams.h"

#define MAX_DEADLINE_MS UINT64_C(86400000)

/* --- may it be asked --- */

static bool is_held_back(struct proxy *proxy, uint64_t now_ns)
{
    const struct gw_backend_config *config = proxy->backend->config;
    struct gw_backend_state *state = proxy->backend->state;
    uint64_t now_s = proxy->ex->wall_ns / GW_NS_PER_SECOND;
    uint64_t end_s = config->maintenance_count == 0
                         ? 0
                         : gw_schedule_end(config->maintenance, config->maintenance_count, now_s);

    if (end_s > 0) {
        state->stats.held_back++;
        proxy_refuse(proxy, "maintenance", NULL, (end_s - now_s) * GW_NS_PER_SECOND);
        return true;
    }
    if (state->throttle.until_ns > now_ns && state->throttle.is_obeyed) {
        state->stats.held_back++;
        proxy_refuse(proxy, "backend-throttled", NULL, state->throttle.until_ns - now_ns);
        return true;
    }
    return false;
}

/* --- the caller's deadline --- */

static size_t find_field(const struct gw_http_request *request, struct gw_str name)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (gw_str_equal_nocase(request->fields[i].name, name))
            return i;
    }
    return SIZE_MAX;
}

/* Counted from the request's arrival: what the policies took is gone already. */
static bool take_deadline(struct proxy *proxy, uint64_t now_ns)
{
    struct gw_str name = proxy->backend->config->deadline_field;
    uint64_t limit_ms;

    proxy->deadline_at = find_field(&proxy->request, name);
    if (proxy->deadline_at == SIZE_MAX)
        return true;
    if (gw_str_to_u64(proxy->request.fields[proxy->deadline_at].value, &limit_ms) != 0 ||
        limit_ms == 0 || limit_ms > MAX_DEADLINE_MS) {
        proxy_refuse(proxy, "invalid-parameter",
                     "The request's time limit is not a number of milliseconds, up to a day.", 0);
        return false;
    }
    uint64_t deadline_ns = proxy->ex->now_ns + limit_ms * GW_NS_PER_MS;
    if (proxy->deadline_ns == 0 || deadline_ns < proxy->deadline_ns)
        proxy->deadline_ns = deadline_ns;
    if (proxy->deadline_ns > now_ns)
        return true;
    proxy_refuse(proxy, "backend-timeout", "The request's own time limit was over.", 0);
    return false;
}

bool proxy_gate_write_deadline(struct proxy *proxy, uint64_t now_ns)
{
    uint64_t left_ns = proxy->deadline_ns > now_ns ? proxy->deadline_ns - now_ns : 0;

    if (proxy->deadline_at == SIZE_MAX)
        return true;
    struct gw_str text =
        gw_arena_printf(&proxy->ex->arena, "%llu", (unsigned long long)(left_ns / GW_NS_PER_MS));
    proxy->fields[proxy->deadline_at].value = text;
    return text.ptr != NULL;
}

bool proxy_gate_passes(struct proxy *proxy)
{
    uint64_t now_ns = gw_loop_now_ns(proxy->ex->worker->loop);

    proxy->deadline_at = SIZE_MAX;
    if (is_held_back(proxy, now_ns))
        return false;
    return proxy->backend->config->deadline_field.len == 0 || take_deadline(proxy, now_ns);
}

/* --- whose turn it is --- */

static void on_launch(struct gw_timer *timer)
{
    struct proxy *proxy = GW_CONTAINER_OF(timer, struct proxy, timer);

    if (proxy->ex->state == GW_EXCHANGE_DECIDING)
        proxy_launch(proxy);
}

static void on_turn(struct gw_bulkhead_place *place)
{
    struct proxy *proxy = GW_CONTAINER_OF(place, struct proxy, place);

    gw_timer_start(proxy->ex->worker->loop, &proxy->timer, 0, on_launch);
}

static void on_wait_over(struct gw_timer *timer)
{
    struct proxy *proxy = GW_CONTAINER_OF(timer, struct proxy, timer);

    gw_bulkhead_leave(&proxy->place);
    if (proxy->ex->state == GW_EXCHANGE_DECIDING)
        proxy_refuse(proxy, "backend-overloaded", NULL, GW_NS_PER_SECOND);
}

void proxy_gate_enter(struct proxy *proxy)
{
    const struct gw_bulkhead_rule *rule = &proxy->backend->config->bulkhead;

    if (rule->max_requests == 0) {
        proxy_launch(proxy);
        return;
    }
    proxy->place.on_turn = on_turn;
    switch (gw_bulkhead_enter(&proxy->backend->state->bulkhead, rule, &proxy->place)) {
    case GW_BULKHEAD_IN:
        proxy_launch(proxy);
        break;
    case GW_BULKHEAD_QUEUED:
        gw_timer_start(proxy->ex->worker->loop, &proxy->timer, rule->queue_ns, on_wait_over);
        break;
    case GW_BULKHEAD_FULL:
        proxy_refuse(proxy, "backend-overloaded", NULL, GW_NS_PER_SECOND);
        break;
    }
}
