#include "policies/jwt/bearer.h"

#include "server/core/buf.h"
#include "server/http/challenge.h"

#define MAX_CHALLENGE_BYTES 4096

enum bearer_found bearer_find(const struct gw_exchange *ex, struct gw_str *out_token)
{
    const struct gw_field *found = NULL;

    for (size_t i = 0; i < ex->request.field_count; i++) {
        const struct gw_field *field = &ex->request.fields[i];
        if (!gw_str_equal_nocase(field->name, GW_STR("Authorization")))
            continue;
        if (found != NULL)
            return BEARER_MALFORMED;
        found = field;
    }
    if (found == NULL)
        return BEARER_NONE;

    struct gw_str value = gw_str_trim(found->value);
    size_t scheme_len = gw_str_find(value, ' ');
    struct gw_str scheme = gw_str_from(value.ptr, scheme_len);
    bool is_dpop = gw_str_equal_nocase(scheme, GW_STR("DPoP"));
    if (!is_dpop && !gw_str_equal_nocase(scheme, GW_STR("Bearer")))
        return BEARER_NONE;
    struct gw_str token = gw_str_trim(gw_str_tail(value, scheme_len));
    if (token.len == 0)
        return BEARER_MALFORMED;
    *out_token = token;
    return is_dpop ? BEARER_DPOP_TOKEN : BEARER_TOKEN;
}

enum gw_verdict bearer_refuse(struct gw_exchange *ex, struct gw_str realm, const char *error,
                              const char *description)
{
    struct gw_buf challenge;
    enum gw_verdict verdict = gw_exchange_reject(ex, "unauthorized", description, 0);

    gw_buf_init(&challenge, MAX_CHALLENGE_BYTES);
    gw_buf_printf(&challenge, "Bearer realm=\"%.*s\", error=\"%s\", error_description=\"%s\"",
                  GW_STR_ARG(realm), error, description);
    gw_challenge_add(ex, &challenge);
    return verdict;
}
