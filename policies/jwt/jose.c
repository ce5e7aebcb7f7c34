#include "policies/jwt/jose.h"

#include <errno.h>

#include "server/crypto/base64url.h"
#include "server/json/reader.h"

#define MAX_HEADER_BYTES 4096
#define MAX_HEADER_DEPTH 16
#define MAX_KID_BYTES 1024
#define PARTS 3
#define JWE_PARTS 5

static const char *const verdict_texts[JOSE_VERDICT_COUNT] = {
    [JOSE_OK] = "the token is valid",
    [JOSE_TOO_LONG] = "the token is too long",
    [JOSE_MALFORMED] = "the token is not a well-formed compact JWS",
    [JOSE_ENCRYPTED] = "encrypted tokens are not accepted",
    [JOSE_NESTED] = "nested tokens are not accepted",
    [JOSE_DUPLICATE_NAME] = "a name stands twice in the token",
    [JOSE_ALG_UNKNOWN] = "the algorithm is not offered",
    [JOSE_ALG_NOT_ALLOWED] = "the algorithm is not allowed for this issuer",
    [JOSE_CRITICAL] = "the token asks for an extension that is not offered",
    [JOSE_KEY_UNKNOWN] = "no key of the issuer fits the token",
    [JOSE_KEYS_ABSENT] = "the issuer's keys are not available",
    [JOSE_BAD_SIGNATURE] = "the signature does not verify",
    [JOSE_TOO_MANY_FAILURES] = "too many tokens from this address were bad",
    [JOSE_CLAIMS_MALFORMED] = "the claims are not well-formed",
    [JOSE_CLAIM_MISSING] = "a required claim is missing",
    [JOSE_ISSUER] = "the issuer is not accepted here",
    [JOSE_AUDIENCE] = "the token is for another audience",
    [JOSE_TYPE] = "the token is of another type",
    [JOSE_EXPIRED] = "the token has expired",
    [JOSE_REVOKED] = "the token was revoked",
    [JOSE_NOT_YET] = "the token is not valid yet",
    [JOSE_NOT_BOUND] = "the token is not bound to a client certificate",
    [JOSE_OTHER_CERTIFICATE] = "the token is bound to another client certificate",
    [JOSE_INACTIVE] = "the token is not active",
    [JOSE_NOT_ASKED] = "the issuer cannot be asked about the token",
    [JOSE_NO_MEMORY] = "the token cannot be handled",
};

const char *jose_verdict_text(enum jose_verdict verdict)
{
    return verdict_texts[verdict];
}

static enum jose_verdict split(struct gw_str text, struct gw_str parts[PARTS])
{
    struct gw_str rest = text, part;
    size_t count = 0;

    while (gw_str_split(&rest, '.', &part)) {
        if (count < PARTS)
            parts[count] = part;
        count++;
    }
    if (count == JWE_PARTS)
        return JOSE_ENCRYPTED;
    return count == PARTS && parts[0].len > 0 ? JOSE_OK : JOSE_MALFORMED;
}

static enum jose_verdict decode(struct gw_arena *arena, struct gw_str text, struct gw_str *out)
{
    size_t len = gw_base64url_decoded_bytes(text.len);
    char *bytes = gw_arena_alloc(arena, len + 1);

    if (bytes == NULL)
        return JOSE_NO_MEMORY;
    if (gw_base64url_decode(text, (uint8_t *)bytes) != 0)
        return JOSE_MALFORMED;
    *out = gw_str_from(bytes, len);
    return JOSE_OK;
}

/* Media types, without case; "application/" may be left out. */
static enum jose_type read_type(struct gw_str typ)
{
    if (gw_str_has_prefix_nocase(typ, GW_STR("application/")))
        typ = gw_str_tail(typ, sizeof("application/") - 1);
    if (gw_str_equal_nocase(typ, GW_STR("JWT")))
        return JOSE_TYPE_JWT;
    if (gw_str_equal_nocase(typ, GW_STR("at+jwt")))
        return JOSE_TYPE_AT_JWT;
    return gw_str_equal_nocase(typ, GW_STR("dpop+jwt")) ? JOSE_TYPE_DPOP : JOSE_TYPE_OTHER;
}

bool jose_get_string(const struct gw_json_tape *tape, struct gw_str name, struct gw_str *out)
{
    uint32_t at = gw_json_get(tape, 0, name);

    *out = gw_str_from(NULL, 0);
    if (at == GW_JSON_NONE)
        return true;
    if (gw_json_type(tape, at) != GW_JSON_STRING)
        return false;
    *out = gw_json_string(tape, at);
    return true;
}

static enum jose_verdict read_members(const struct gw_json_tape *tape, struct jose_token *token)
{
    struct gw_str alg, typ, cty, kid;

    if (gw_json_get(tape, 0, GW_STR("enc")) != GW_JSON_NONE)
        return JOSE_ENCRYPTED;
    /* We understand no extension, so whatever is critical is refused (RFC 7515, section 4.1.11);
     * an unencoded payload (RFC 7797) even if it forgot to say so. */
    uint32_t b64 = gw_json_get(tape, 0, GW_STR("b64"));
    if (gw_json_get(tape, 0, GW_STR("crit")) != GW_JSON_NONE ||
        (b64 != GW_JSON_NONE && gw_json_type(tape, b64) != GW_JSON_TRUE))
        return JOSE_CRITICAL;
    if (!jose_get_string(tape, GW_STR("alg"), &alg) ||
        !jose_get_string(tape, GW_STR("typ"), &typ) ||
        !jose_get_string(tape, GW_STR("cty"), &cty) ||
        !jose_get_string(tape, GW_STR("kid"), &kid) || alg.ptr == NULL || kid.len > MAX_KID_BYTES)
        return JOSE_MALFORMED;
    if (gw_signature_alg_parse(alg, &token->alg) != 0)
        return JOSE_ALG_UNKNOWN;
    if (cty.ptr != NULL && read_type(cty) == JOSE_TYPE_JWT)
        return JOSE_NESTED;
    token->type = typ.ptr == NULL ? JOSE_TYPE_NONE : read_type(typ);
    token->kid = kid;
    return JOSE_OK;
}

static enum jose_verdict read_header(struct gw_arena *arena, struct jose_token *token)
{
    static const struct gw_json_limits limits = {MAX_HEADER_BYTES, MAX_HEADER_DEPTH};
    struct gw_json_error why;
    struct gw_json_tape tape;
    int rc = gw_json_read(arena, token->header, &limits, &tape, &why);

    if (rc == -ENOMEM)
        return JOSE_NO_MEMORY;
    if (rc != 0 || gw_json_type(&tape, 0) != GW_JSON_OBJECT)
        return JOSE_MALFORMED;
    if (tape.has_duplicates)
        return JOSE_DUPLICATE_NAME;
    return read_members(&tape, token);
}

enum jose_verdict jose_read(struct gw_arena *arena, struct gw_str text, size_t max_bytes,
                            struct jose_token *out_token)
{
    struct gw_str parts[PARTS] = {{NULL, 0}};
    struct jose_token token = {0};

    if (text.len > max_bytes)
        return JOSE_TOO_LONG;
    enum jose_verdict verdict = split(text, parts);
    if (verdict == JOSE_OK)
        verdict = decode(arena, parts[0], &token.header);
    if (verdict == JOSE_OK)
        verdict = read_header(arena, &token);
    if (verdict == JOSE_OK)
        verdict = decode(arena, parts[1], &token.payload);
    if (verdict == JOSE_OK)
        verdict = decode(arena, parts[2], &token.signature);
    if (verdict != JOSE_OK)
        return verdict;
    token.signed_text = gw_str_from(text.ptr, parts[0].len + 1 + parts[1].len);
    *out_token = token;
    return JOSE_OK;
}
