#include "policies/jwt/key_set.h"

#include <errno.h>

static bool is_candidate(const struct gw_jwk *jwk, const struct jose_token *token)
{
    if (token->kid.ptr != NULL && (jwk->kid.ptr == NULL || !gw_str_equal(jwk->kid, token->kid)))
        return false;
    return gw_jwk_allows(jwk, token->alg);
}

enum jose_verdict key_set_verify(const struct gw_jwk_set *set, const struct jose_token *token,
                                 const struct gw_jwk **out_key, unsigned *out_tries)
{
    enum jose_verdict verdict = JOSE_KEY_UNKNOWN;
    unsigned tries = 0;

    for (size_t i = 0; i < set->count && tries < KEY_SET_MAX_TRIES; i++) {
        const struct gw_jwk *jwk = &set->keys[i];

        if (!is_candidate(jwk, token))
            continue;
        tries++;
        int rc = gw_signature_verify(jwk->key, token->alg, token->signed_text, token->signature);
        if (rc == 0)
            *out_key = jwk;
        verdict = rc == 0 ? JOSE_OK : rc == -ENOMEM ? JOSE_NO_MEMORY : JOSE_BAD_SIGNATURE;
        if (verdict != JOSE_BAD_SIGNATURE)
            break;
    }
    if (out_tries != NULL)
        *out_tries = tries;
    return verdict;
}

bool key_set_has(const struct gw_jwk_set *set, const uint8_t thumbprint[GW_SHA256_BYTES])
{
    for (size_t i = 0; i < set->count; i++) {
        if (memcmp(set->keys[i].thumbprint, thumbprint, GW_SHA256_BYTES) == 0)
            return true;
    }
    return false;
}
