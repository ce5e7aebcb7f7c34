#include "policies/jwt/issuer.h"

#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/core/scope.h"
#include "server/json/pointer.h"

#define HOUR_NS (INT64_C(3600) * (int64_t)GW_NS_PER_SECOND)

const struct gw_option jwt_issuer_options[] = {
    {"issuer", GW_STRING, 1, 1024, NULL, "The token's iss, compared exactly.",
     .flags = GW_OPTION_REQUIRED},
    {"jwks_file", GW_FILE, 1, GW_JWK_SET_MAX_BYTES, NULL,
     "The issuer's public keys: a JWK Set (RFC 7517). One of jwks_file, jwks_uri and discovery; "
     "none for an issuer that is asked about every token."},
    {"jwks_uri", GW_STRING, 1, DISCOVERY_MAX_URL_BYTES, NULL,
     "Where the issuer publishes its JWK Set: an https URL."},
    {"discovery", GW_BOOL, 0, 0, "false",
     "Ask the issuer where its keys are, at /.well-known/openid-configuration below `issuer`, "
     "which "
     "then is an https URL (OpenID Connect Discovery), or as RFC 8414 says."},
    {"allow_http", GW_BOOL, 0, 0, "false",
     "Let keys come without TLS: whoever is on the way can then be any caller. Loopback addresses "
     "need no permission."},
    {"ca_file", GW_FILE, 0, 0, NULL,
     "Trusted when keys are fetched or tokens asked about, instead of the system's authorities, "
     "PEM."},
    {"introspection", GW_OBJECT, 0, 0, NULL,
     "Ask the issuer about tokens that are no JWTs (RFC 7662).",
     .fields = jwt_introspection_options},
    {"dpop", GW_ENUM, 0, 0, "accepted",
     "Whether tokens come with a proof of the key that they are bound to (RFC 9449). One that is "
     "bound never serves without, whatever stands here; required refuses those that are not.",
     .words = "off accepted required"},
    {"refresh_interval", GW_DURATION, (int64_t)KEY_SOURCE_MIN_REFRESH_NS, 24 * HOUR_NS, "5m",
     "The longest time between two fetches of the keys; Cache-Control may ask for a shorter one, "
     "of "
     "10 s at least."},
    {"keys_max_age", GW_DURATION, (int64_t)KEY_SOURCE_MIN_REFRESH_NS, 720 * HOUR_NS, "24h",
     "How long the last good key set serves while it cannot be fetched again."},
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
    {"claims", GW_MAP, 0, 16, "{}",
     "What rules call a claim, where this issuer calls it otherwise: `plant: plant_code`, or with "
     "a JSON Pointer `roles: /realm_access/roles`."},
    {"max_token_bytes", GW_BYTES, 256, 65536, "8KiB", "A longer token is refused."},
    {"min_rsa_bits", GW_INT, 2048, GW_RSA_MAX_BITS, "2048", "Shorter RSA keys are not used."},
    {"certificate_bound", GW_ENUM, 0, 0, "accepted",
     "Whether every token must be bound to its owner's certificate (RFC 8705, cnf.x5t#S256). One "
     "that is bound needs that certificate in any case.",
     .words = "accepted required"},
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

static int read_claim_names(struct jwt_issuer *issuer, const json_t *config, struct gw_error *error)
{
    json_t *claims = json_object_get(config, "claims");
    const char *name;
    json_t *place;

    issuer->claim_names = calloc(json_object_size(claims) + 1, sizeof(*issuer->claim_names));
    if (issuer->claim_names == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_object_foreach(claims, name, place)
    {
        struct gw_str text = gw_str_from(json_string_value(place), json_string_length(place));
        if (text.len == 0 || (text.ptr[0] == '/' && !gw_pointer_is_valid(text))) {
            char where[128];
            snprintf(where, sizeof(where), "/claims/%.100s", name);
            return gw_error_set_at(error, -EINVAL, where,
                                   "must be a claim's name, or a JSON Pointer");
        }
        issuer->claim_names[issuer->claim_name_count++] =
            (struct gw_claim_name){gw_str_of(name), text};
    }
    return 0;
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

static int read_file(struct jwt_issuer *issuer, struct gw_str text,
                     const struct gw_jwk_rules *rules, struct gw_error *error)
{
    struct gw_error why;
    int rc = gw_jwk_set_create(text, rules, &issuer->file_keys, &why);

    if (rc != 0)
        return gw_error_set_at(error, rc, "/jwks_file", "%s", why.text);
    uint8_t digest[GW_DIGEST_MAX_BYTES];
    gw_digest_compute(GW_SHA256, text, digest);
    memcpy(&issuer->file_set_id, digest, sizeof(issuer->file_set_id));
    if (issuer->file_keys->skipped > 0)
        gw_log_warn("issuer %.*s: %zu of its keys are not used; the first (%s): %s",
                    GW_STR_ARG(issuer->name), issuer->file_keys->skipped,
                    issuer->file_keys->first_skipped.where, issuer->file_keys->first_skipped.text);
    return 0;
}

/* What can be told before anything is fetched. */
static int check_place(const struct key_fetch_place *place, struct gw_error *error)
{
    bool is_discovery = place->jwks_uri.len == 0;
    const char *name = is_discovery ? "issuer" : "jwks_uri";
    const char *where = is_discovery ? "/issuer" : "/jwks_uri";
    struct discovery_place parts;
    struct gw_str url = place->jwks_uri;
    struct gw_arena arena;
    struct gw_error why;

    gw_arena_init(&arena, 4096, 65536);
    int rc = is_discovery ? discovery_url(&arena, place->issuer, DISCOVERY_OPENID, &url) : 0;
    if (rc != 0)
        gw_error_set_at(error, rc, where, "issuer must be a URL without a query, for discovery");
    else if ((rc = discovery_place_parse(url, place->allows_http, &parts, &why)) != 0)
        gw_error_set_at(error, rc, where, "%s %s", name, why.text);
    gw_arena_finish(&arena);
    return rc;
}

static int read_remote(struct jwt_issuer *issuer, const json_t *config,
                       const struct gw_jwk_rules *rules, struct gw_error *error)
{
    struct key_source_config *remote = &issuer->remote;

    *remote = (struct key_source_config){
        .name = issuer->name,
        .options = config,
        .generation = issuer->generation,
        .place = {.issuer = issuer->rules.issuer,
                  .jwks_uri = get_string(config, "jwks_uri"),
                  .ca_pem = get_string(config, "ca_file"),
                  .allows_http = json_is_true(json_object_get(config, "allow_http"))},
        .rules = *rules,
        .refresh_ns = (uint64_t)json_integer_value(json_object_get(config, "refresh_interval")),
        .max_age_ns = (uint64_t)json_integer_value(json_object_get(config, "keys_max_age")),
    };
    if (rules->accepts_secrets)
        return gw_error_set_at(error, -EINVAL, "/algorithms",
                               "HS algorithms need a jwks_file: secrets are not fetched");
    if (remote->max_age_ns < remote->refresh_ns)
        return gw_error_set_at(error, -EINVAL, "/keys_max_age",
                               "keys_max_age must not be shorter than refresh_interval");
    return check_place(&remote->place, error);
}

static int read_keys(struct jwt_issuer *issuer, const json_t *config, struct gw_error *error)
{
    const struct gw_jwk_rules rules = {
        .min_rsa_bits = (unsigned)json_integer_value(json_object_get(config, "min_rsa_bits")),
        .accepts_secrets = (issuer->algorithms & SECRET_ALGORITHMS) != 0,
    };
    struct gw_str text = get_string(config, "jwks_file");
    bool has_uri = json_object_get(config, "jwks_uri") != NULL;
    bool has_discovery = json_is_true(json_object_get(config, "discovery"));

    issuer->has_keys = text.ptr != NULL || has_uri || has_discovery;
    if (!issuer->has_keys && issuer->has_introspection)
        return 0;
    if ((text.ptr != NULL) + has_uri + has_discovery != 1)
        return gw_error_set_at(error, -EINVAL, "",
                               "exactly one of jwks_file, jwks_uri and discovery must be given");
    return text.ptr != NULL ? read_file(issuer, text, &rules, error)
                            : read_remote(issuer, config, &rules, error);
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

static enum jwt_dpop_mode read_dpop(struct gw_str word)
{
    if (gw_str_equal(word, GW_STR("required")))
        return JWT_DPOP_REQUIRED;
    return gw_str_equal(word, GW_STR("off")) ? JWT_DPOP_OFF : JWT_DPOP_ACCEPTED;
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
    issuer->needs_certificate =
        gw_str_equal(get_string(config, "certificate_bound"), GW_STR("required"));
    issuer->max_token_bytes =
        (size_t)json_integer_value(json_object_get(config, "max_token_bytes"));
    issuer->dpop = read_dpop(get_string(config, "dpop"));
    issuer->has_introspection = json_is_object(json_object_get(config, "introspection"));

    int rc = read_algorithms(issuer, json_object_get(config, "algorithms"), error);
    if (rc != 0)
        return rc;
    if (read_lists(issuer, config) != 0 || compute_generation(issuer, config) != 0)
        return gw_error_set(error, -ENOMEM, "no memory");
    rc = read_claim_names(issuer, config, error);
    if (rc == 0 && issuer->has_introspection)
        rc = introspect_config_init(&issuer->introspect, name, config, error);
    return rc == 0 ? read_keys(issuer, config, error) : rc;
}

static void leave(struct gw_worker_tenant *tenant)
{
    gw_list_remove(&tenant->node);
}

int jwt_issuer_settle(struct jwt_issuer *issuer, struct gw_worker *worker)
{
    if (issuer->has_introspection && issuer->introspection == NULL)
        issuer->introspection = introspection_open(&issuer->introspect, worker);
    if (issuer->has_introspection && issuer->introspection == NULL)
        return -ENOMEM;
    if (issuer->has_keys && issuer->file_keys == NULL) {
        if (issuer->source == NULL)
            issuer->source = key_source_open(&issuer->remote, worker);
        return issuer->source == NULL ? -ENOMEM : 0;
    }
    if (issuer->has_keys && issuer->tenant.leave == NULL) {
        issuer->tenant.leave = leave;
        issuer->tenant.exhibit = &jwt_issuer_file_exhibit;
        gw_list_append(&worker->tenants, &issuer->tenant.node);
    }
    return 0;
}

void jwt_issuer_finish(struct jwt_issuer *issuer)
{
    gw_list_remove(&issuer->tenant.node);
    key_source_close(issuer->source);
    introspection_close(issuer->introspection);
    introspect_config_finish(&issuer->introspect);
    gw_jwk_set_destroy(issuer->file_keys);
    free(issuer->strings);
    free(issuer->claim_names);
    memset(issuer, 0, sizeof(*issuer));
}
