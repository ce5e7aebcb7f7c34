#include "policies/jwt/dpop.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "policies/jwt/htu.h"
#include "policies/jwt/jose.h"
#include "server/core/scope.h"
#include "server/crypto/base64url.h"
#include "server/crypto/jwk.h"
#include "server/crypto/random.h"
#include "server/json/reader.h"

#define MAX_DEPTH 8
#define DIGEST_LEN 43 /* base64url of a SHA-256 */
#define SECRET_ALGORITHMS (1u << GW_HS256 | 1u << GW_HS384 | 1u << GW_HS512)

static const char *const verdict_texts[DPOP_VERDICT_COUNT] = {
    [DPOP_OK] = "the proof is valid",
    [DPOP_MALFORMED] = "the proof is not a well-formed DPoP proof",
    [DPOP_TYPE] = "the proof is not of type dpop+jwt",
    [DPOP_ALGORITHM] = "the algorithm of the proof is not accepted",
    [DPOP_KEY] = "the proof has no key that can be used",
    [DPOP_SIGNATURE] = "the signature of the proof does not verify",
    [DPOP_METHOD] = "the proof is for another method",
    [DPOP_URI] = "the proof is for another URI",
    [DPOP_TIME] = "the proof is too old or not valid yet",
    [DPOP_TOKEN] = "the proof is for another token",
    [DPOP_NONCE] = "the proof needs a nonce of this server",
    [DPOP_BINDING] = "the token is not bound to the key of the proof",
    [DPOP_REPLAYED] = "the proof was used before",
    [DPOP_NO_MEMORY] = "the proof cannot be handled",
};

const char *dpop_verdict_text(enum dpop_verdict verdict)
{
    return verdict_texts[verdict];
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The claims as they stand; ptr NULL: absent. */
struct proof_claims {
    struct gw_str id, method, uri, token_digest, nonce;
    int64_t issued_s;
};

/* NumericDate: the fraction, if there is one, is cut. */
static bool get_date(const struct gw_json_tape *tape, struct gw_str name, int64_t *out)
{
    uint32_t at = gw_json_get(tape, 0, name);
    struct gw_str literal, whole;
    uint64_t seconds;

    if (at == GW_JSON_NONE || gw_json_type(tape, at) != GW_JSON_NUMBER)
        return false;
    literal = gw_json_number(tape, at);
    (void)gw_str_split(&literal, '.', &whole);
    if (gw_str_to_u64(whole, &seconds) != 0 || seconds > INT64_MAX / 2)
        return false;
    *out = (int64_t)seconds;
    return true;
}

static int read_object(struct gw_arena *arena, struct gw_str text, struct gw_json_tape *out_tape)
{
    const struct gw_json_limits limits = {DPOP_MAX_PROOF_BYTES, MAX_DEPTH};
    struct gw_json_error why;
    int rc = gw_json_read(arena, text, &limits, out_tape, &why);

    if (rc == -ENOMEM)
        return rc;
    return rc == 0 && gw_json_type(out_tape, 0) == GW_JSON_OBJECT && !out_tape->has_duplicates
               ? 0
               : -EINVAL;
}

static enum dpop_verdict read_claims(struct gw_arena *arena, struct gw_str payload,
                                     struct proof_claims *out)
{
    struct gw_json_tape tape;
    int rc = read_object(arena, payload, &tape);

    if (rc == -ENOMEM)
        return DPOP_NO_MEMORY;
    if (rc != 0 || !jose_get_string(&tape, GW_STR("jti"), &out->id) ||
        !jose_get_string(&tape, GW_STR("htm"), &out->method) ||
        !jose_get_string(&tape, GW_STR("htu"), &out->uri) ||
        !jose_get_string(&tape, GW_STR("ath"), &out->token_digest) ||
        !jose_get_string(&tape, GW_STR("nonce"), &out->nonce) ||
        !get_date(&tape, GW_STR("iat"), &out->issued_s))
        return DPOP_MALFORMED;
    if (out->id.len == 0 || out->id.len > DPOP_MAX_JTI_BYTES || out->method.ptr == NULL ||
        out->uri.ptr == NULL)
        return DPOP_MALFORMED;
    return DPOP_OK;
}

/* --- the key ---------------------------------------------------------------------------------- */

static void scope_json(json_t **value)
{
    json_decref(*value);
}

static void scope_text(char **text)
{
    free(*text);
}

static void scope_set(struct gw_jwk_set **set)
{
    gw_jwk_set_destroy(*set);
}

/* RFC 7518, section 6, and RFC 8037, section 2: members that only a private or shared key has. */
static bool has_private_part(const json_t *jwk)
{
    static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (json_object_get(jwk, names[i]) != NULL)
            return true;
    }
    return false;
}

/* The header's jwk verifies the proof; its thumbprint. */
static enum dpop_verdict verify(const struct jose_token *token, const struct dpop_rules *rules,
                                uint8_t out_thumbprint[GW_SHA256_BYTES])
{
    const struct gw_jwk_rules jwk_rules = {.min_rsa_bits = rules->min_rsa_bits};
    json_error_t unused;
    GW_SCOPED(scope_json)
    json_t *header =
        json_loadb(token->header.ptr, token->header.len, JSON_REJECT_DUPLICATES, &unused);
    const json_t *jwk = json_object_get(header, "jwk");
    GW_SCOPED(scope_set) struct gw_jwk_set *set = NULL;
    struct gw_error why;

    if (!json_is_object(jwk) || has_private_part(jwk) || json_object_get(jwk, "keys") != NULL)
        return DPOP_KEY;
    GW_SCOPED(scope_text) char *text = json_dumps(jwk, JSON_COMPACT);
    int rc = text == NULL ? -ENOMEM : gw_jwk_set_create(gw_str_of(text), &jwk_rules, &set, &why);
    if (rc != 0)
        return rc == -ENOMEM ? DPOP_NO_MEMORY : DPOP_KEY;
    if (!gw_jwk_allows(&set->keys[0], token->alg))
        return DPOP_KEY;
    rc = gw_signature_verify(set->keys[0].key, token->alg, token->signed_text, token->signature);
    if (rc != 0)
        return rc == -ENOMEM ? DPOP_NO_MEMORY : DPOP_SIGNATURE;
    memcpy(out_thumbprint, set->keys[0].thumbprint, GW_SHA256_BYTES);
    return DPOP_OK;
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool is_digest_of(struct gw_str text, struct gw_str expected)
{
    uint8_t digest[GW_DIGEST_MAX_BYTES];
    char encoded[DIGEST_LEN];

    gw_digest_compute(GW_SHA256, text, digest);
    gw_base64url_encode(digest, GW_SHA256_BYTES, encoded);
    return gw_secret_equal(gw_str_from(encoded, sizeof(encoded)), expected);
}

static bool is_one_of(struct gw_str uri, const struct dpop_request *request)
{
    for (size_t i = 0; i < request->uri_count; i++) {
        if (gw_str_equal(uri, request->uris[i]))
            return true;
    }
    return false;
}

static enum dpop_verdict check_claims(struct gw_arena *arena, const struct proof_claims *claims,
                                      const struct dpop_rules *rules,
                                      const struct dpop_request *request)
{
    struct gw_str uri;

    if (!gw_str_equal(claims->method, request->method))
        return DPOP_METHOD;
    int rc = htu_normalize(arena, claims->uri, &uri);
    if (rc == -ENOMEM)
        return DPOP_NO_MEMORY;
    if (rc != 0 || !is_one_of(uri, request))
        return DPOP_URI;
    if (claims->issued_s > request->now_s + rules->leeway_s ||
        claims->issued_s + rules->max_age_s < request->now_s)
        return DPOP_TIME;
    if (claims->token_digest.ptr == NULL || !is_digest_of(request->token, claims->token_digest))
        return DPOP_TOKEN;
    if (rules->nonces != NULL &&
        (claims->nonce.ptr == NULL ||
         !dpop_nonce_is_good(rules->nonces, claims->nonce, request->now_s)))
        return DPOP_NONCE;
    return DPOP_OK;
}

/* Why jose.h does not take it for a token, in our words. */
static enum dpop_verdict read_proof(struct gw_arena *arena, struct gw_str text,
                                    const struct dpop_rules *rules, struct jose_token *out)
{
    switch (jose_read(arena, text, DPOP_MAX_PROOF_BYTES, out)) {
    case JOSE_OK:
        break;
    case JOSE_ALG_UNKNOWN:
        return DPOP_ALGORITHM;
    case JOSE_NO_MEMORY:
        return DPOP_NO_MEMORY;
    default:
        return DPOP_MALFORMED;
    }
    if (out->type != JOSE_TYPE_DPOP)
        return DPOP_TYPE;
    if (((rules->algorithms & ~SECRET_ALGORITHMS) >> out->alg & 1) == 0)
        return DPOP_ALGORITHM;
    return DPOP_OK;
}

enum dpop_verdict dpop_judge(struct gw_arena *arena, struct gw_str proof,
                             const struct dpop_rules *rules, const struct dpop_request *request,
                             struct dpop_proof *out_proof)
{
    struct proof_claims claims;
    struct dpop_proof proved;
    struct jose_token token;
    enum dpop_verdict verdict = read_proof(arena, proof, rules, &token);

    if (verdict == DPOP_OK)
        verdict = read_claims(arena, token.payload, &claims);
    if (verdict == DPOP_OK)
        verdict = check_claims(arena, &claims, rules, request);
    if (verdict == DPOP_OK)
        verdict = verify(&token, rules, proved.thumbprint);
    if (verdict != DPOP_OK)
        return verdict;
    uint8_t id[GW_DIGEST_MAX_BYTES];
    gw_digest_compute(GW_SHA256, claims.id, id);
    memcpy(proved.id, id, sizeof(proved.id));
    proved.valid_until_s = claims.issued_s + rules->max_age_s;
    *out_proof = proved;
    return DPOP_OK;
}

/* --- the token's binding ---------------------------------------------------------------------- */

bool dpop_is_bound(struct gw_arena *arena, struct gw_str confirmation)
{
    struct gw_json_tape tape;

    if (confirmation.len == 0)
        return false;
    /* What cannot be read binds to something that nobody has. */
    return read_object(arena, confirmation, &tape) != 0 ||
           gw_json_get(&tape, 0, GW_STR("jkt")) != GW_JSON_NONE;
}

enum dpop_verdict dpop_check_binding(struct gw_arena *arena, struct gw_str confirmation,
                                     const uint8_t thumbprint[GW_SHA256_BYTES])
{
    struct gw_json_tape tape;
    struct gw_str bound;
    char encoded[DIGEST_LEN];

    int rc = confirmation.len == 0 ? -EINVAL : read_object(arena, confirmation, &tape);
    if (rc == -ENOMEM)
        return DPOP_NO_MEMORY;
    gw_base64url_encode(thumbprint, GW_SHA256_BYTES, encoded);
    if (rc != 0 || !jose_get_string(&tape, GW_STR("jkt"), &bound) || bound.ptr == NULL ||
        !gw_secret_equal(bound, gw_str_from(encoded, sizeof(encoded))))
        return DPOP_BINDING;
    return DPOP_OK;
}
