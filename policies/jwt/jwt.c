#include "policies/jwt/jwt.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/jwt/bearer.h"
#include "policies/jwt/prove.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

static const struct gw_option jwt_options[] = {
    {"issuers", GW_SECTION, 0, PROVE_MAX_ISSUERS, NULL, "Who may issue tokens, by name.",
     .fields = jwt_issuer_options},
    {"realm", GW_STRING, 1, 64, "millgate", "The realm in WWW-Authenticate."},
    {"cache_bytes", GW_BYTES, 64 << 10, 1 << 30, "32MiB",
     "Per worker, for tokens already verified; about 600 bytes each."},
    {"cache_entries", GW_INT, 1, 10000000, "65536", "Per worker, how many at most."},
    {0},
};

struct jwt { /* one per worker */
    struct prover prover;
    struct gw_str realm;
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

static enum gw_verdict identify(struct gw_exchange *ex, const struct proof *proof)
{
    struct gw_identity *identity = &ex->identity;
    const struct claims *claims = proof->claims;

    identity->subject = claims_text(claims, claims->subject);
    identity->issuer = proof->issuer->name;
    identity->scopes = claims_text(claims, claims->scopes);
    identity->claims = claims_text(claims, claims->payload);
    identity->expires_at_s = claims->expires_s == CLAIMS_NO_TIME ? 0 : (uint64_t)claims->expires_s;

    /* The issuer's name lives as long as its configuration; the exchange may outlive that. */
    size_t len = identity->issuer.len + 1 + identity->subject.len;
    char *consumer = gw_arena_alloc(&ex->arena, len);
    if (consumer == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    memcpy(consumer, identity->issuer.ptr, identity->issuer.len);
    consumer[identity->issuer.len] = ':';
    memcpy(consumer + identity->issuer.len + 1, identity->subject.ptr, identity->subject.len);
    identity->consumer = gw_str_from(consumer, len);
    identity->issuer.ptr = consumer;
    return GW_NEXT;
}

static enum gw_verdict allow(const struct jwt *jwt, struct gw_exchange *ex,
                             const struct proof *proof)
{
    const struct gw_operation *operation = ex->operation;
    const struct gw_security_scheme *lacking = NULL;

    for (size_t i = 0; i < operation->security_count; i++) {
        const struct gw_security_alternative *alternative = &operation->security[i];
        if (!is_issuers(alternative, proof->issuer))
            continue;
        const struct gw_security_scheme *scheme = find_lacking(alternative, proof->claims);
        if (scheme == NULL)
            return identify(ex, proof);
        if (lacking == NULL)
            lacking = scheme;
    }
    count(ex, &refused_scope);
    if (lacking == NULL)
        return bearer_refuse_scope(ex, jwt->realm, NULL, 0);
    return bearer_refuse_scope(ex, jwt->realm, lacking->scopes, lacking->scope_count);
}

static enum gw_verdict refuse(const struct jwt *jwt, struct gw_exchange *ex,
                              enum jose_verdict verdict)
{
    if (verdict == JOSE_NO_MEMORY)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    count(ex, &refused);
    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", jose_verdict_text(verdict));
    return bearer_refuse(ex, jwt->realm, "invalid_token", jose_verdict_text(verdict));
}

static enum gw_verdict jwt_on_request(void *self, struct gw_exchange *ex)
{
    struct jwt *jwt = self;
    struct proof proof = {.operation = ex->operation,
                          .now_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND),
                          .arena = &ex->arena};

    if (ex->operation == NULL)
        return GW_FAIL; /* nobody said what this is, so nobody may have it */
    if (ex->operation->security_count == 0)
        return GW_NEXT;

    switch (bearer_find(ex, &proof.token)) {
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
    enum jose_verdict verdict = prover_prove(&jwt->prover, &proof);
    count(ex, proof.was_cached ? &cache_hits : &cache_misses);
    return verdict == JOSE_OK ? allow(jwt, ex, &proof) : refuse(jwt, ex, verdict);
}

/* --- making ----------------------------------------------------------------------------------- */

static void jwt_destroy(void *self)
{
    struct jwt *jwt = self;

    if (jwt == NULL)
        return;
    prover_finish(&jwt->prover);
    free(jwt);
}

static int jwt_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct jwt *jwt = calloc(1, sizeof(*jwt));
    const json_t *realm = json_object_get(config, "realm");

    if (jwt == NULL)
        return gw_error_set(error, -ENOMEM, "no memory");
    jwt->realm = gw_str_from(json_string_value(realm), json_string_length(realm));
    int rc = prover_init(&jwt->prover, config, error);
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
