/* A key source as the administrator sees it, and what he may have it do. */
#include "policies/jwt/key_report.h"
#include "policies/jwt/key_source_private.h"
#include "server/core/clock.h"

static const struct key_source *source_of(const struct gw_worker_tenant *tenant)
{
    return GW_CONTAINER_OF(tenant, const struct key_source, share.tenant);
}

static struct gw_str get_name(const struct gw_worker_tenant *tenant)
{
    return source_of(tenant)->config.name;
}

static const char *outcome_name(const struct key_source *source)
{
    static const char *const names[KEY_FETCHED_KINDS] = {"changed", "unchanged", "failed"};

    return names[source->outcome];
}

static void print_fetching(const struct key_source *source, struct gw_buf *out)
{
    uint64_t now_ns = gw_loop_now_ns(source->share.worker->loop);
    uint64_t due_ns = source->refresh_at_ns > now_ns ? source->refresh_at_ns - now_ns : 0;

    key_report_time(out, "last_fetch", source->fetched_wall_ns);
    if (source->fetched_wall_ns != 0)
        key_report_text(out, "last_outcome", gw_str_of(outcome_name(source)));
    if (source->reason[0] != '\0')
        key_report_text(out, "last_failure", gw_str_of(source->reason));
    gw_buf_printf(out, ",\"is_fetching\":%s",
                  key_fetch_is_running(&source->fetch) ? "true" : "false");
    if (source->refresh_at_ns != 0 && !key_fetch_is_running(&source->fetch))
        gw_buf_printf(out, ",\"next_fetch_seconds\":%llu",
                      (unsigned long long)(due_ns / GW_NS_PER_SECOND));
    gw_buf_printf(out, ",\"refetches_left\":%u,\"waiters\":%zu,\"flushes\":%u",
                  key_budget_left(&source->budget, now_ns), source->waiter_count, source->flushes);
}

static void print(const struct gw_worker_tenant *tenant, struct gw_buf *out)
{
    const struct key_source *source = source_of(tenant);
    const struct key_fetch_place *place = &source->config.place;
    uint64_t wall_ns = gw_clock_realtime_ns();
    bool is_discovery = place->jwks_uri.len == 0;

    gw_buf_append_byte(out, '{');
    key_report_text(out, "source", is_discovery ? GW_STR("discovery") : GW_STR("jwks_uri"));
    key_report_text(out, "url", is_discovery ? place->issuer : place->jwks_uri);
    key_report_generation(out, source->config.generation);
    gw_buf_printf(out, ",\"is_in_use\":%s", source->share.users > 0 ? "true" : "false");
    if (source->set != NULL)
        gw_buf_printf(
            out, ",\"age_seconds\":%llu",
            wall_ns > source->confirmed_wall_ns
                ? (unsigned long long)((wall_ns - source->confirmed_wall_ns) / GW_NS_PER_SECOND)
                : 0);
    print_fetching(source, out);
    key_report_set(out, source->set);
    gw_buf_append_byte(out, '}');
}

static bool act(struct gw_worker_tenant *tenant, struct gw_str name)
{
    if (!gw_str_equal(name, GW_STR("flush")))
        return false;
    key_source_flush(GW_CONTAINER_OF(tenant, struct key_source, share.tenant));
    return true;
}

const struct gw_worker_exhibit key_source_exhibit = {
    .kind = "issuers",
    .name = get_name,
    .print = print,
    .act = act,
};
