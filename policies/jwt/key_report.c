#include "policies/jwt/key_report.h"

#include "server/core/clock.h"

void key_report_text(struct gw_buf *out, const char *name, struct gw_str text)
{
    bool is_first = out->len > 0 && out->ptr[out->len - 1] == '{';

    gw_buf_printf(out, "%s\"%s\":\"", is_first ? "" : ",", name);
    gw_buf_append_json(out, text);
    gw_buf_append_byte(out, '"');
}

void key_report_time(struct gw_buf *out, const char *name, uint64_t wall_ns)
{
    if (wall_ns == 0)
        gw_buf_printf(out, ",\"%s\":null", name);
    else
        gw_buf_printf(out, ",\"%s\":%llu.%03llu", name,
                      (unsigned long long)(wall_ns / GW_NS_PER_SECOND),
                      (unsigned long long)(wall_ns % GW_NS_PER_SECOND / GW_NS_PER_MS));
}

static const char *key_type(const struct gw_jwk *jwk)
{
    switch (gw_verify_key_kind(jwk->key)) {
    case GW_KEY_RSA:
        return "RSA";
    case GW_KEY_ED25519:
        return "OKP";
    case GW_KEY_SECRET:
        return "oct";
    default:
        return "EC";
    }
}

static void print_key(struct gw_buf *out, const struct gw_jwk *jwk)
{
    gw_buf_append_byte(out, '{');
    if (jwk->kid.ptr != NULL)
        key_report_text(out, "kid", jwk->kid);
    key_report_text(out, "kty", gw_str_of(key_type(jwk)));
    if (jwk->has_alg)
        key_report_text(out, "alg", gw_str_of(gw_signature_alg_name(jwk->alg)));
    key_report_text(out, "use", GW_STR("sig")); /* others are not kept */
    gw_buf_append_byte(out, '}');
}

void key_report_set(struct gw_buf *out, const struct gw_jwk_set *set)
{
    size_t count = set == NULL ? 0 : set->count;

    gw_buf_printf(out, ",\"key_count\":%zu,\"skipped\":%zu,\"keys\":[", count,
                  set == NULL ? 0 : set->skipped);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            gw_buf_append_byte(out, ',');
        print_key(out, &set->keys[i]);
    }
    gw_buf_append_byte(out, ']');
}

void key_report_generation(struct gw_buf *out, uint64_t generation)
{
    gw_buf_printf(out, ",\"generation\":\"%016llx\"", (unsigned long long)generation);
}
