/* A token of any bytes against a fixed key set: the way of a request, and its inner steps on their
 * own, since no fuzzer forges a signature. */
#include <stdint.h>
#include <stdlib.h>

#include "policies/jwt/claims.h"
#include "policies/jwt/key_set.h"
#include "policies/jwt/token_cache.h"
#include "server/crypto/base64url.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define MAX_TOKEN_BYTES 8192

static const char jwks[] = "{\"keys\":[{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"vm1Gnl1CMumecwWxX92"
                           "o0AKjt0fI-tktk0B_q1-HjGBphA_UmUiagBF1Eq2WZbvqlQ6S04IONEmDaDYhxEXmTkboM"
                           "2M1EqByViQF7bTrX7hJl3NMA9X_n-xlhO5JlQnkRBeeaz0Y4-pemUUdbuZm4dW5RQMG0Py"
                           "bnFxmed8UtAVV1k-Pu4FLmdmwQvHkrv-SHplnBxzH_WbRsEP9KWUBqhU0-CneURRdGylYm"
                           "_j9R6gYh5Plo7No7eRoa8AtpVjjRYNR-GzCW2hutytyk2o5-ZbYTBHqscqMsRQOWNOI-ED"
                           "LDPlcdKT8pU3R4rjFcDtqJ0FE-ekosKbkEy-tpjgqHQ\",\"alg\":\"RS256\",\"use\""
                           ":\"sig\",\"kid\":\"cYj8JyUsRN8K-a88C8Q0l6e8K6WTD42DA5OheTVSdiA\"},{\"c"
                           "rv\":\"P-256\",\"kty\":\"EC\",\"x\":\"aiFO9VQcUWR8C8RVkvU0Ak911j0fP4Ck"
                           "FPWBJOAj7IE\",\"y\":\"s4QWJ2bsVBD2Gfta9ySBGOnbe2Fdyb-VnRjoBfhcyFQ\",\""
                           "alg\":\"ES256\",\"use\":\"sig\",\"kid\":\"bjRJ8JUMnipTq-BOG0Evn2PXoz2o"
                           "UMr9HEDtsiwXZaM\"}]}";

static struct gw_jwk_set *set;
static struct token_cache *cache;

static void prepare(void)
{
    const struct gw_jwk_rules rules = {0};
    struct gw_error why;

    if (gw_jwk_set_create(GW_STR(jwks), &rules, &set, &why) != 0)
        abort();
    cache = token_cache_create(65536, 50);
    if (cache == NULL)
        abort();
}

/* Reads a payload; what was read goes through the cache and must come out the same. */
static void read_claims(struct gw_arena *arena, struct gw_str token, struct gw_str payload)
{
    static const struct gw_str required[] = {GW_STR_INIT("iss")};
    static const struct gw_str audiences[] = {GW_STR_INIT("millgate")};
    const struct claims_form form = {.required = required, .required_count = 1};
    const struct claims_rules rules = {
        .audiences = audiences, .audience_count = 1, .needs_expiry = true, .leeway_s = 60};
    const struct claims *claims, *found;
    uint8_t thumbprint[GW_SHA256_BYTES];

    if (claims_read(arena, payload, JOSE_TYPE_NONE, &form, &claims) != JOSE_OK)
        return;
    enum jose_verdict verdict = claims_check(claims, &rules, 1800000000);
    struct token_key key = token_key_of(cache, token, 1);
    token_cache_add(cache, &key, set->keys[0].thumbprint, claims, INT64_MAX);
    found = token_cache_find(cache, &key, 0, arena, thumbprint);
    if (found == NULL)
        return; /* the arena was full, or the claims too large */
    if (claims_check(found, &rules, 1800000000) != verdict)
        abort();
    if (!gw_str_equal(claims_text(found, found->payload), payload))
        abort();
}

/* `bytes` as a header in front of nothing. */
static void read_as_header(struct gw_arena *arena, const uint8_t *bytes, size_t len)
{
    size_t text_len = gw_base64url_encoded_len(len);
    char *text = malloc(text_len + 2);
    struct jose_token token;

    if (text == NULL)
        return;
    gw_base64url_encode(bytes, len, text);
    memcpy(text + text_len, "..", 2);
    if (jose_read(arena, gw_str_from(text, text_len + 2), MAX_TOKEN_BYTES, &token) == JOSE_OK &&
        token.signature.len > 0)
        abort(); /* there is none */
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_str text = gw_str_from((const char *)bytes, len);
    const struct gw_jwk *key;
    struct jose_token token;
    struct gw_arena arena;

    if (set == NULL)
        prepare();
    gw_arena_init(&arena, 4096, 1 << 20);
    if (jose_read(&arena, text, MAX_TOKEN_BYTES, &token) == JOSE_OK) {
        if (key_set_verify(set, &token, &key, NULL) == JOSE_OK && key->key == NULL)
            abort();
        read_claims(&arena, text, token.payload);
    }
    read_as_header(&arena, bytes, len);
    if (len <= MAX_TOKEN_BYTES)
        read_claims(&arena, text, text);
    gw_arena_finish(&arena);
    return 0;
}
