/* An issuer with a file of keys as the administrator sees it. The file itself is read by a reload:
 * what can be flushed are the verdicts that were made with it. */
#include "policies/jwt/issuer.h"
#include "policies/jwt/key_report.h"

static const struct jwt_issuer *issuer_of(const struct gw_worker_tenant *tenant)
{
    return GW_CONTAINER_OF(tenant, const struct jwt_issuer, tenant);
}

static struct gw_str get_name(const struct gw_worker_tenant *tenant)
{
    return issuer_of(tenant)->name;
}

static void print(const struct gw_worker_tenant *tenant, struct gw_buf *out)
{
    const struct jwt_issuer *issuer = issuer_of(tenant);

    gw_buf_append_byte(out, '{');
    key_report_text(out, "source", GW_STR("jwks_file"));
    key_report_generation(out, issuer->generation);
    gw_buf_printf(out, ",\"is_in_use\":true,\"flushes\":%u", issuer->file_flushes);
    key_report_set(out, issuer->file_keys);
    gw_buf_append_byte(out, '}');
}

static bool act(struct gw_worker_tenant *tenant, struct gw_str name)
{
    if (!gw_str_equal(name, GW_STR("flush")))
        return false;
    GW_CONTAINER_OF(tenant, struct jwt_issuer, tenant)->file_flushes++;
    return true;
}

const struct gw_worker_exhibit jwt_issuer_file_exhibit = {
    .kind = "issuers",
    .name = get_name,
    .print = print,
    .act = act,
};
