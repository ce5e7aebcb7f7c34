#include "policies/jwt/opaque.h"

#include "policies/jwt/introspect_answer.h"

static enum jose_verdict look_up(struct proof *proof, const struct token_key *key,
                                 const struct jwt_issuer *issuer, const struct claims **out_claims)
{
    enum introspection_state state = INTROSPECTION_UNKNOWN;

    if (proof->told.issuer == issuer) {
        state = proof->told.state;
        *out_claims = proof->told.claims;
    } else if (issuer->introspection != NULL) {
        state = introspection_find(issuer->introspection, key, proof->arena, out_claims);
    }
    if (state == INTROSPECTION_ACTIVE)
        return JOSE_OK;
    if (state == INTROSPECTION_INACTIVE)
        return JOSE_INACTIVE;
    if ((proof->asked & issuer->bit) != 0)
        proof->is_untold = true;
    else if (proof->asking == NULL)
        proof->asking = issuer;
    return JOSE_NOT_ASKED;
}

struct claims_rules opaque_rules(const struct jwt_issuer *issuer, const struct claims *claims)
{
    struct claims_rules rules = issuer->rules;

    rules.type = JOSE_TYPE_NONE;
    rules.needs_expiry = false;
    if (claims->issuer.len == 0)
        rules.issuer = GW_STR("");
    if (claims->audiences.len == 0 && !issuer->introspect.needs_audience)
        rules.audience_count = 0;
    return rules;
}

enum jose_verdict opaque_look_up(struct proof *proof, const struct token_key *key,
                                 const struct jwt_issuer *issuer, const struct claims **out_claims)
{
    if (!issuer->has_introspection || !gw_str_has_prefix(proof->token, issuer->introspect.prefix))
        return JOSE_ISSUER;
    return introspect_is_token(proof->token) ? look_up(proof, key, issuer, out_claims)
                                             : JOSE_MALFORMED;
}

enum jose_verdict opaque_confirm(struct proof *proof, const struct token_key *key,
                                 const struct jwt_issuer *issuer)
{
    const struct claims_rules rules = {.leeway_s = issuer->rules.leeway_s};
    const struct claims *claims = NULL;

    if (!issuer->has_introspection || !issuer->introspect.asks_always)
        return JOSE_OK;
    enum jose_verdict verdict = look_up(proof, key, issuer, &claims);
    return verdict == JOSE_OK ? claims_check(claims, &rules, proof->now_s) : verdict;
}
