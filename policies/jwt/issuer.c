#include "policies/jwt/issuer.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/core/scope.h"

#define HOUR_NS (INT64_C(3600) * (int64_t)GW_NS_PER_SECOND)

const struct gw_option jwt_issuer_options[] = {
    {"issuer", GW_STRING, 1, 1024, NULL, "The token's iss, compared exactly.",
     .flags = GW_OPTION_REQUIRED},
    {"jwks_file", GW_FILE, 1, GW_JWK_SET_MAX_BYTES, NULL,
     "The issuer's public keys: a JWK Set (RFC 7517).", .flags = GW_OPTION_REQUIRED},
    {"audiences", GW_LIST, 1, 32, NULL,
     "Who we are to this issuer: the token's aud must name one of these.",
     .flags = GW_OPTION_REQUIRED},
    {"algorithms", GW_LIST, 1, GW_SIGNATURE_ALG_COUNT,
     "[RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA]",
     "The signature algorithms allowed. HS256, HS384 and HS512 stand alone, with secrets (oct) as "
     "keys: whoever can verify these can sign."},
    {"typ", GW_ENUM, 0, 0, "any", "The token's typ; at+jwt is an access token (RFC 9068).",
     .words = "any JWT at+jwt"},
    {"leeway", GW_DURATION, 0, HOUR_NS, "60s", "How far the issuer's clock may be off."},
    {"needs_expiry", GW_BOOL, 0, 0, "true", "Refuse a token without exp."},
    {"required_claims", GW_LIST, 0, 32, "[]", "Claims that every token must have."},
    {"scope_claim", GW_STRING, 1, 256, NULL,
     "The claim with the scopes, a string or a list; if absent: scope, or else scp."},
    {"max_token_bytes", GW_BYTES, 256, 65536, "8KiB", "A longer token is refused."},
    {"min_rsa_bits", GW_INT, 2048, GW_RSA_MAX_BITS, "2048", "Shorter RSA keys are not used."},
    {"grants", GW_LIST, 0, 256, "[]",
     "The namespaces of APIs whose documents may name this issuer: /<layer>/<name>, or with * for "
     "a part."},
    {0},
};

static struct gw_str get_string(const json_t *config, const char *name)
{
    const json_t *value = json_object_get(config, name);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

#define SECRET_ALGORITHMS (1u << GW_HS256 | 1u << GW_HS384 | 1u << GW_HS512)

static int read_algorithms(struct jwt_issuer *issuer, const json_t *list, struct gw_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *name = json_array_get(list, i);
        enum gw_signature_alg alg;
        char where[48];

        snprintf(where, sizeof(where), "/algorithms/%zu", i);
        if (!json_is_string(name) ||
            gw_signature_alg_parse(gw_str_of(json_string_value(name)), &alg) != 0)
            return gw_error_set_at(error, -EINVAL, where,
                                   "this is not one of the signature algorithms offered");
        issuer->algorithms |= 1u << alg;
    }
    if ((issuer->algorithms & SECRET_ALGORITHMS) != 0 &&
        (issuer->algorithms & ~SECRET_ALGORITHMS) != 0)
        return gw_error_set_at(error, -EINVAL, "/algorithms",
                               "HS algorithms cannot stand beside those with public keys");
    return 0;
}

static size_t read_strings(const json_t *list, struct gw_str *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        out[i] = gw_str_from(json_string_value(text), json_string_length(text));
    }
    return json_array_size(list);
}

static int read_lists(struct jwt_issuer *issuer, const json_t *config)
{
    const json_t *audiences = json_object_get(config, "audiences");
    const json_t *required = json_object_get(config, "required_claims");
    size_t count = json_array_size(audiences) + json_array_size(required);

    issuer->strings = calloc(count + 1, sizeof(*issuer->strings));
    if (issuer->strings == NULL)
        return -ENOMEM;
    issuer->rules.audiences = issuer->strings;
    issuer->rules.audience_count = read_strings(audiences, issuer->strings);
    issuer->form.required = issuer->strings + issuer->rules.audience_count;
    issuer->form.required_count =
        read_strings(required, issuer->strings + issuer->rules.audience_count);
    return 0;
}

static enum jose_type read_type(struct gw_str typ)
{
    if (gw_str_equal(typ, GW_STR("JWT")))
        return JOSE_TYPE_JWT;
    return gw_str_equal(typ, GW_STR("at+jwt")) ? JOSE_TYPE_AT_JWT : JOSE_TYPE_NONE;
}

static int read_keys(struct jwt_issuer *issuer, const json_t *config, struct gw_error *error)
{
    const struct gw_jwk_rules rules = {
        .min_rsa_bits = (unsigned)json_integer_value(json_object_get(config, "min_rsa_bits")),
        .accepts_secrets = (issuer->algorithms & SECRET_ALGORITHMS) != 0,
    };
    struct gw_error why;
    int rc = gw_jwk_set_create(get_string(config, "jwks_file"), &rules, &issuer->keys, &why);

    if (rc != 0)
        return gw_error_set_at(error, rc, "/jwks_file", "%s", why.text);
    if (issuer->keys->skipped > 0)
        gw_log_warn("issuer %.*s: %zu of its keys are not used; the first (%s): %s",
                    GW_STR_ARG(issuer->name), issuer->keys->skipped,
                    issuer->keys->first_skipped.where, issuer->keys->first_skipped.text);
    return 0;
}

/* Everything but the keys: those are asked for by thumbprint whenever a verdict is used. */
static int compute_generation(struct jwt_issuer *issuer, const json_t *config)
{
    json_t *rest = json_copy((json_t *)config);
    uint8_t digest[GW_DIGEST_MAX_BYTES];

    if (rest == NULL)
        return -ENOMEM;
    (void)json_object_del(rest, "jwks_file");
    (void)json_object_set_new(rest, "", json_stringn(issuer->name.ptr, issuer->name.len));
    char *text = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(rest);
    if (text == NULL)
        return -ENOMEM;
    gw_digest_compute(GW_SHA256, gw_str_of(text), digest);
    free(text);
    memcpy(&issuer->generation, digest, sizeof(issuer->generation));
    return 0;
}

int jwt_issuer_init(struct jwt_issuer *issuer, struct gw_str name, const json_t *config,
                    struct gw_error *error)
{
    memset(issuer, 0, sizeof(*issuer));
    issuer->name = name;
    issuer->rules.issuer = get_string(config, "issuer");
    issuer->rules.type = read_type(get_string(config, "typ"));
    issuer->rules.needs_expiry = json_is_true(json_object_get(config, "needs_expiry"));
    issuer->rules.leeway_s =
        json_integer_value(json_object_get(config, "leeway")) / (int64_t)GW_NS_PER_SECOND;
    issuer->form.scope_claim = get_string(config, "scope_claim");
    issuer->max_token_bytes =
        (size_t)json_integer_value(json_object_get(config, "max_token_bytes"));

    int rc = read_algorithms(issuer, json_object_get(config, "algorithms"), error);
    if (rc != 0)
        return rc;
    if (read_lists(issuer, config) != 0 || compute_generation(issuer, config) != 0)
        return gw_error_set(error, -ENOMEM, "no memory");
    return read_keys(issuer, config, error);
}

void jwt_issuer_finish(struct jwt_issuer *issuer)
{
    gw_jwk_set_destroy(issuer->keys);
    free(issuer->strings);
    memset(issuer, 0, sizeof(*issuer));
}
