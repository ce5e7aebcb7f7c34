#include "policies/jwt/jwt.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/jwt/bearer.h"
#include "policies/jwt/issuer.h"
#include "policies/jwt/key_set.h"
#include "policies/jwt/token_cache.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/core/map.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

#define MAX_ISSUERS 64              /* as many as `tried` below has bits */
#define CACHED_WITHOUT_EXPIRY_S 300 /* for tokens that never expire */

static const struct gw_option jwt_options[] = {
    {"issuers", GW_SECTION, 0, MAX_ISSUERS, NULL, "Who may issue tokens, by name.",
     .fields = jwt_issuer_options},
    {"realm", GW_STRING, 1, 64, "millgate", "The realm in WWW-Authenticate."},
    {"cache_bytes", GW_BYTES, 64 << 10, 1 << 30, "32MiB",
     "Per worker, for tokens already verified; about 600 bytes each."},
    {"cache_entries", GW_INT, 1, 10000000, "65536", "Per worker, how many at most."},
    {0},
};

struct jwt { /* one per worker */
    struct jwt_issuer *issuers;
    size_t issuer_count;
    struct gw_map by_name;
    struct gw_str realm;
    size_t max_token_bytes; /* of all issuers */
    struct token_cache *cache;
};

/* One token on its way to a verdict. */
struct attempt {
    struct jwt *jwt;
    struct gw_exchange *ex;
    struct gw_str text;
    struct token_key key;
    int64_t now_s;
    const struct jwt_issuer *issuer; /* of the proof */
    const struct claims *claims;
};

static const struct gw_metric cache_hits = {
    "millgate_jwt_cache_hits_total", "Tokens found in the cache of verified ones.", NULL, false};
static const struct gw_metric cache_misses = {"millgate_jwt_cache_misses_total",
                                              "Tokens that had to be verified.", NULL, false};
static const struct gw_metric refused = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"token\"", false};
static const struct gw_metric refused_scope = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"scope\"", false};
static const struct gw_metric refused_none = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"absent\"", false};

static void count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

/* --- proving ---------------------------------------------------------------------------------- */

/* Calls `prove` with each issuer that the operation accepts, once, until one says JOSE_OK. The
 * verdict is that of the issuer that came furthest. */
static enum jose_verdict for_each_issuer(
    struct attempt *attempt,
    enum jose_verdict (*prove)(struct attempt *attempt, const struct jwt_issuer *issuer))
{
    const struct gw_operation *operation = attempt->ex->operation;
    enum jose_verdict worst = JOSE_ISSUER;
    uint64_t tried = 0;

    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        for (size_t k = 0; k < alternative->scheme_count; k++) {
            const struct jwt_issuer *issuer =
                gw_map_get(&attempt->jwt->by_name, alternative->schemes[k].issuer);
            uint64_t bit = issuer == NULL ? 0 : UINT64_C(1) << (issuer - attempt->jwt->issuers);
            if (issuer == NULL || (tried & bit) != 0)
                continue;
            tried |= bit;
            enum jose_verdict verdict = prove(attempt, issuer);
            if (verdict == JOSE_OK)
                return JOSE_OK;
            if (verdict != JOSE_ISSUER)
                worst = verdict;
        }
    }
    return worst;
}

/* What is asked anew on every request, whether the signature was verified now or before. */
static enum jose_verdict judge(struct attempt *attempt, const struct jwt_issuer *issuer,
                               const struct claims *claims)
{
    if (claims->subject.len == 0)
        return JOSE_CLAIM_MISSING;
    enum jose_verdict verdict = claims_check(claims, &issuer->rules, attempt->now_s);
    if (verdict != JOSE_OK)
        return verdict;
    attempt->issuer = issuer;
    attempt->claims = claims;
    return JOSE_OK;
}

/* JOSE_ISSUER stands for "not in the cache", too. */
static enum jose_verdict prove_from_cache(struct attempt *attempt, const struct jwt_issuer *issuer)
{
    uint8_t thumbprint[GW_SHA256_BYTES];

    attempt->key.generation = issuer->generation;
    const struct claims *claims = token_cache_find(attempt->jwt->cache, &attempt->key,
                                                   attempt->now_s, &attempt->ex->arena, thumbprint);
    if (claims == NULL)
        return JOSE_ISSUER;
    if (!key_set_has(issuer->keys, thumbprint)) {
        token_cache_remove(attempt->jwt->cache, &attempt->key);
        return JOSE_ISSUER;
    }
    return judge(attempt, issuer, claims);
}

static void remember(struct attempt *attempt, const struct jwt_issuer *issuer,
                     const struct gw_jwk *jwk, const struct claims *claims)
{
    int64_t expires_s = claims->expires_s;

    if (expires_s == CLAIMS_NO_TIME)
        expires_s = attempt->now_s + CACHED_WITHOUT_EXPIRY_S;
    if (expires_s <= attempt->now_s)
        return;
    attempt->key.generation = issuer->generation;
    token_cache_add(attempt->jwt->cache, &attempt->key, jwk->thumbprint, claims, expires_s);
}

static enum jose_verdict prove_by_signature(struct attempt *attempt,
                                            const struct jwt_issuer *issuer)
{
    struct gw_arena *arena = &attempt->ex->arena;
    struct jose_token token;
    const struct claims *claims;
    const struct gw_jwk *jwk;
    enum jose_verdict verdict = jose_read(arena, attempt->text, issuer->max_token_bytes, &token);

    if (verdict == JOSE_OK)
        verdict = claims_read(arena, token.payload, token.type, &issuer->form, &claims);
    if (verdict != JOSE_OK)
        return verdict;
    /* Not trusted yet: only a choice among the issuers that the operation accepts. */
    if (!gw_str_equal(claims_text(claims, claims->issuer), issuer->rules.issuer))
        return JOSE_ISSUER;
    if (!jwt_issuer_allows(issuer, token.alg))
        return JOSE_ALG_NOT_ALLOWED;
    /* Judged first: what would be refused anyway must not buy the price of a verification. */
    verdict = judge(attempt, issuer, claims);
    if (verdict == JOSE_OK)
        verdict = key_set_verify(issuer->keys, &token, &jwk);
    if (verdict == JOSE_OK)
        remember(attempt, issuer, jwk, claims);
    return verdict;
}

static enum jose_verdict prove(struct attempt *attempt)
{
    if (attempt->text.len > attempt->jwt->max_token_bytes)
        return JOSE_TOO_LONG;
    attempt->key = token_key_of(attempt->jwt->cache, attempt->text, 0);
    enum jose_verdict verdict = for_each_issuer(attempt, prove_from_cache);
    count(attempt->ex, verdict == JOSE_OK ? &cache_hits : &cache_misses);
    /* Refused by one issuer's rules, it may still be good for another of the same name. */
    return verdict == JOSE_OK ? verdict : for_each_issuer(attempt, prove_by_signature);
}

/* --- allowing --------------------------------------------------------------------------------- */

static bool is_anonymous_allowed(const struct gw_operation *operation)
{
    for (size_t i = 0; i < operation->security_count; i++) {
        if (operation->security[i].scheme_count == 0)
            return true;
    }
    return operation->security_count == 0;
}

/* One token proves one issuer, so an alternative of several issuers cannot hold. */
static bool is_issuers(const struct gw_security_alternative *alternative,
                       const struct jwt_issuer *issuer)
{
    for (size_t i = 0; i < alternative->scheme_count; i++) {
        if (!gw_str_equal(alternative->schemes[i].issuer, issuer->name))
            return false;
    }
    return true;
}

static const struct gw_security_scheme *
find_lacking(const struct gw_security_alternative *alternative, const struct claims *claims)
{
    for (size_t i = 0; i < alternative->scheme_count; i++) {
        const struct gw_security_scheme *scheme = &alternative->schemes[i];
        for (size_t k = 0; k < scheme->scope_count; k++) {
            if (!claims_has_scope(claims, scheme->scopes[k]))
                return scheme;
        }
    }
    return NULL;
}

static enum gw_verdict identify(struct attempt *attempt)
{
    struct gw_identity *identity = &attempt->ex->identity;
    const struct claims *claims = attempt->claims;

    identity->subject = claims_text(claims, claims->subject);
    identity->issuer = attempt->issuer->name;
    identity->scopes = claims_text(claims, claims->scopes);
    identity->claims = claims_text(claims, claims->payload);
    identity->expires_at_s = claims->expires_s == CLAIMS_NO_TIME ? 0 : (uint64_t)claims->expires_s;

    /* The issuer's name lives as long as its configuration; the exchange may outlive that. */
    size_t len = identity->issuer.len + 1 + identity->subject.len;
    char *consumer = gw_arena_alloc(&attempt->ex->arena, len);
    if (consumer == NULL)
        return gw_exchange_reject(attempt->ex, "overloaded", NULL, 0);
    memcpy(consumer, identity->issuer.ptr, identity->issuer.len);
    consumer[identity->issuer.len] = ':';
    memcpy(consumer + identity->issuer.len + 1, identity->subject.ptr, identity->subject.len);
    identity->consumer = gw_str_from(consumer, len);
    identity->issuer.ptr = consumer;
    return GW_NEXT;
}

static enum gw_verdict allow(struct attempt *attempt)
{
    const struct gw_operation *operation = attempt->ex->operation;
    const struct gw_security_scheme *lacking = NULL;

    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        if (!is_issuers(alternative, attempt->issuer))
            continue;
        const struct gw_security_scheme *scheme = find_lacking(alternative, attempt->claims);
        if (scheme == NULL)
            return identify(attempt);
        if (lacking == NULL)
            lacking = scheme;
    }
    count(attempt->ex, &refused_scope);
    if (lacking == NULL)
        return bearer_refuse_scope(attempt->ex, attempt->jwt->realm, NULL, 0);
    return bearer_refuse_scope(attempt->ex, attempt->jwt->realm, lacking->scopes,
                               lacking->scope_count);
}

static enum gw_verdict refuse(struct attempt *attempt, enum jose_verdict verdict)
{
    if (verdict == JOSE_NO_MEMORY)
        return gw_exchange_reject(attempt->ex, "overloaded", NULL, 0);
    count(attempt->ex, &refused);
    attempt->ex->record.detail =
        gw_arena_printf(&attempt->ex->arena, "jwt: %s", jose_verdict_text(verdict));
    return bearer_refuse(attempt->ex, attempt->jwt->realm, "invalid_token",
                         jose_verdict_text(verdict));
}

static enum gw_verdict jwt_on_request(void *self, struct gw_exchange *ex)
{
    struct jwt *jwt = self;
    struct attempt attempt = {
        .jwt = jwt, .ex = ex, .now_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND)};

    if (ex->operation == NULL)
        return GW_FAIL; /* nobody said what this is, so nobody may have it */
    if (ex->operation->security_count == 0)
        return GW_NEXT;

    switch (bearer_find(ex, &attempt.text)) {
    case BEARER_NONE:
        if (is_anonymous_allowed(ex->operation))
            return GW_NEXT;
        count(ex, &refused_none);
        return bearer_refuse(ex, jwt->realm, NULL, "a bearer token is needed");
    case BEARER_MALFORMED:
        count(ex, &refused);
        return bearer_refuse(ex, jwt->realm, "invalid_request",
                             "there must be one Authorization field with one token");
    case BEARER_TOKEN:
        break;
    }
    enum jose_verdict verdict = prove(&attempt);
    return verdict == JOSE_OK ? allow(&attempt) : refuse(&attempt, verdict);
}

/* --- making ----------------------------------------------------------------------------------- */

static void jwt_destroy(void *self)
{
    struct jwt *jwt = self;

    if (jwt == NULL)
        return;
    for (size_t i = 0; i < jwt->issuer_count; i++)
        jwt_issuer_finish(&jwt->issuers[i]);
    gw_map_finish(&jwt->by_name);
    token_cache_destroy(jwt->cache);
    free(jwt->issuers);
    free(jwt);
}

static int add_issuer(struct jwt *jwt, const char *name, const json_t *config,
                      struct gw_error *error)
{
    struct jwt_issuer *issuer = &jwt->issuers[jwt->issuer_count++];
    struct gw_error why;
    int rc = jwt_issuer_init(issuer, gw_str_of(name), config, &why);

    if (rc != 0) {
        char where[sizeof(error->where)];
        snprintf(where, sizeof(where), "/issuers/%.100s%.100s", name, why.where);
        return gw_error_set_at(error, rc, where, "%s", why.text);
    }
    if (issuer->max_token_bytes > jwt->max_token_bytes)
        jwt->max_token_bytes = issuer->max_token_bytes;
    if (gw_map_add(&jwt->by_name, issuer->name, issuer) != 0)
        return gw_error_set(error, -ENOMEM, "no memory");
    return 0;
}

static int add_issuers(struct jwt *jwt, json_t *issuers, struct gw_error *error)
{
    const char *name;
    json_t *config;
    size_t issuer_count = json_object_size(issuers);

    if (issuer_count > MAX_ISSUERS)
        return gw_error_set_at(error, -EINVAL, "/issuers", "there are more than %d", MAX_ISSUERS);
    jwt->issuers = calloc(issuer_count + 1, sizeof(*jwt->issuers));
    if (jwt->issuers == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    json_object_foreach(issuers, name, config)
    {
        int rc = add_issuer(jwt, name, config, error);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int jwt_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct jwt *jwt = calloc(1, sizeof(*jwt));
    const json_t *realm = json_object_get(config, "realm");

    if (jwt == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    gw_map_init(&jwt->by_name, MAX_ISSUERS);
    jwt->realm = gw_str_from(json_string_value(realm), json_string_length(realm));
    jwt->cache =
        token_cache_create((size_t)json_integer_value(json_object_get(config, "cache_bytes")),
                           (size_t)json_integer_value(json_object_get(config, "cache_entries")));
    int rc = jwt->cache == NULL ? gw_error_set(error, -ENOMEM, "no memory")
                                : add_issuers(jwt, json_object_get(config, "issuers"), error);
    if (rc != 0) {
        jwt_destroy(jwt);
        return rc;
    }
    *out_self = jwt;
    return 0;
}

const struct gw_filter_type gw_jwt = {
    .name = "jwt",
    .options = jwt_options,
    .create = jwt_create,
    .destroy = jwt_destroy,
    .on_request = jwt_on_request,
};
