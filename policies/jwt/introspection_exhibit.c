/* An issuer that is asked about tokens as the administrator sees it. */
#include "policies/jwt/introspection_private.h"
#include "policies/jwt/key_report.h"

static const struct introspection *introspection_of(const struct gw_worker_tenant *tenant)
{
    return GW_CONTAINER_OF(tenant, const struct introspection, share.tenant);
}

static struct gw_str get_name(const struct gw_worker_tenant *tenant)
{
    return introspection_of(tenant)->config.name;
}

static size_t count_entries(const struct token_cache *cache)
{
    struct token_cache_stats stats;

    token_cache_get_stats(cache, &stats);
    return stats.entries;
}

static void print(const struct gw_worker_tenant *tenant, struct gw_buf *out)
{
    const struct introspection *introspection = introspection_of(tenant);
    const struct gw_form_place *place = &introspection->config.place;

    gw_buf_append_byte(out, '{');
    key_report_text(out, "source", GW_STR("introspection"));
    key_report_text(out, "host", place->authority);
    if (introspection->reason[0] != '\0')
        key_report_text(out, "last_failure", gw_str_of(introspection->reason));
    gw_buf_printf(out,
                  ",\"is_in_use\":%s,\"waiters\":%zu,\"active_tokens\":%zu,"
                  "\"inactive_tokens\":%zu}",
                  introspection->share.users > 0 ? "true" : "false", introspection->waiter_count,
                  count_entries(introspection->active), count_entries(introspection->inactive));
}

/* Flushed, all tokens are asked about again. */
static bool act(struct gw_worker_tenant *tenant, struct gw_str name)
{
    struct introspection *introspection =
        GW_CONTAINER_OF(tenant, struct introspection, share.tenant);

    if (!gw_str_equal(name, GW_STR("flush")))
        return false;
    introspection->flushes++;
    token_cache_clear(introspection->active);
    token_cache_clear(introspection->inactive);
    return true;
}

const struct gw_worker_exhibit introspection_exhibit = {
    .kind = "issuers",
    .name = get_name,
    .print = print,
    .act = act,
};
