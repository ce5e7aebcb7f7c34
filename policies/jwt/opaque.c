#include "policies/jwt/opaque.h"

#include "policies/jwt/binding.h"
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

/* What the answer left out is not held against the token (RFC 7662, section 2.2): the provider said
 * that it is active. Our audience is, unless the operator waives it. */
static enum jose_verdict check(const struct proof *proof, const struct jwt_issuer *issuer,
                               const struct claims *claims)
{
    struct claims_rules rules = issuer->rules;

    rules.type = JOSE_TYPE_NONE;
    rules.needs_expiry = false;
    if (claims->issuer.len == 0)
        rules.issuer = GW_STR("");
    if (claims->audiences.len == 0 && !issuer->introspect.needs_audience)
        rules.audience_count = 0;
    enum jose_verdict verdict = claims_check(claims, &rules, proof->now_s);
    if (verdict != JOSE_OK)
        return verdict;
    return binding_check(proof->arena, claims, proof->client_certificate,
                         issuer->needs_certificate);
}

enum jose_verdict opaque_prove(struct proof *proof, const struct token_key *key,
                               const struct jwt_issuer *issuer)
{
    const struct claims *claims = NULL;

    if (!issuer->has_introspection || !gw_str_has_prefix(proof->token, issuer->introspect.prefix))
        return JOSE_ISSUER;
    if (!introspect_is_token(proof->token))
        return JOSE_MALFORMED;
    enum jose_verdict verdict = look_up(proof, key, issuer, &claims);
    if (verdict == JOSE_OK)
        verdict = check(proof, issuer, claims);
    if (verdict == JOSE_OK && claims->subject.len == 0)
        verdict = JOSE_CLAIM_MISSING;
    if (verdict != JOSE_OK)
        return verdict;
    proof->issuer = issuer;
    proof->claims = claims;
    return JOSE_OK;
}

enum jose_verdict opaque_confirm(struct proof *proof, const struct token_key *key,
                                 const struct jwt_issuer *issuer)
{
    const struct claims *claims = NULL;

    if (!issuer->has_introspection || !issuer->introspect.asks_always)
        return JOSE_OK;
    enum jose_verdict verdict = look_up(proof, key, issuer, &claims);
    if (verdict == JOSE_OK)
        verdict = claims_check(claims, &(struct claims_rules){.leeway_s = issuer->rules.leeway_s},
                               proof->now_s);
    return verdict;
}
