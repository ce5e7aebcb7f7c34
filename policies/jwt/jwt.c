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
    {"bad_token_memory", GW_DURATION, 0, 600 * (int64_t)GW_NS_PER_SECOND, "10s",
     "How long a token with a bad signature is refused without verifying it again; the last 8 of "
     "an "
     "address, per worker."},
    {"bad_signatures_per_second", GW_INT, 0, 100000, "100",
     "Per worker, how many bad signatures of one address (IPv6: /64) are paid for, and twice as "
     "many at once; beyond, its tokens that are not in the cache are answered 429. 0: no bound."},
    {0},
};

struct jwt { /* one per worker */
    struct prover prover;
    struct gw_str realm;
    bool is_settled; /* the worker is known */
};

static const struct gw_metric cache_hits = {
    "millgate_jwt_cache_hits_total", "Tokens found in the cache of verified ones.", NULL, false};
static const struct gw_metric cache_misses = {"millgate_jwt_cache_misses_total",
                                              "Tokens that had to be verified.", NULL, false};
static const struct gw_metric refused = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"token\"", false};
static const struct gw_metric refused_keys = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"keys\"", false};

static const struct gw_metric refused_flood = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"flood\"", false};
static const struct gw_metric bad_signatures = {
    "millgate_jwt_bad_signatures_total", "Tokens that were verified and found bad.", NULL, false};
static const struct gw_metric denied_hits = {
    "millgate_jwt_denied_hits_total",
    "Tokens refused because they were found bad a moment ago from the same address.", NULL, false};

static void count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

/* --- the verdict ------------------------------------------------------------------------------ */

static enum gw_verdict identify(struct gw_exchange *ex, const struct proof *proof)
{
    struct gw_identity *identity = gw_exchange_add_credential(ex);
    const struct claims *claims = proof->claims;
    struct gw_str issuer = proof->issuer->name;
    struct gw_str subject = claims_text(claims, claims->subject);
    char *consumer = gw_arena_alloc(&ex->arena, issuer.len + 1 + subject.len);

    if (identity == NULL || consumer == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    memcpy(consumer, issuer.ptr, issuer.len);
    consumer[issuer.len] = ':';
    memcpy(consumer + issuer.len + 1, subject.ptr, subject.len);
    identity->consumer = gw_str_from(consumer, issuer.len + 1 + subject.len);
    identity->subject = subject;
    /* The issuer's name lives as long as its configuration; the exchange may outlive that. */
    identity->issuer = gw_str_from(consumer, issuer.len);
    identity->scopes = claims_text(claims, claims->scopes);
    identity->claims = claims_text(claims, claims->payload);
    identity->claim_names = proof->issuer->claim_names;
    identity->claim_name_count = proof->issuer->claim_name_count;
    identity->expires_at_s = claims->expires_s == CLAIMS_NO_TIME ? 0 : (uint64_t)claims->expires_s;
    return GW_NEXT;
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

/* --- proving ---------------------------------------------------------------------------------- */

/* A request that waits for keys; in its arena. */
struct pending {
    struct key_waiter waiter; /* first: told by it */
    struct jwt *jwt;
    struct gw_exchange *ex;
    struct gw_str token;
};

static enum gw_verdict refuse_without_keys(struct gw_exchange *ex, const struct proof *proof)
{
    uint64_t retry_ns = proof->lacking == NULL || proof->lacking->source == NULL
                            ? GW_NS_PER_SECOND
                            : key_source_retry_ns(proof->lacking->source);

    count(ex, &refused_keys);
    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", jose_verdict_text(JOSE_KEYS_ABSENT));
    return gw_exchange_reject(ex, "unavailable", "The issuer's keys are not available.", retry_ns);
}

static enum gw_verdict refuse_flood(struct gw_exchange *ex, const struct proof *proof)
{
    count(ex, &refused_flood);
    return gw_exchange_reject(ex, "too-many-failed-tokens", NULL, proof->wait_ns);
}

static struct pending *find_pending(struct jwt *jwt, struct gw_exchange *ex, struct gw_str token);

/* The verdict, or GW_WAIT for keys that may change it. */
static enum gw_verdict judge(struct jwt *jwt, struct gw_exchange *ex, struct gw_str token)
{
    struct proof proof = {.operation = ex->operation,
                          .token = token,
                          .peer = ex->request.peer,
                          .now_ns = ex->now_ns,
                          .now_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND),
                          .arena = &ex->arena,
                          .client_certificate = ex->request.client_certificate};
    enum jose_verdict verdict = prover_prove(&jwt->prover, &proof);

    if (verdict == JOSE_OK) {
        count(ex, proof.was_cached ? &cache_hits : &cache_misses);
        return identify(ex, &proof);
    }
    if (proof.lacking != NULL) {
        struct pending *pending = find_pending(jwt, ex, token);
        if (pending == NULL)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        switch (key_source_wish(proof.lacking->source, &pending->waiter)) {
        case KEY_WISH_WAIT:
            return GW_WAIT;
        case KEY_WISH_CROWDED:
            count(ex, &refused_keys);
            return gw_exchange_reject(ex, "overloaded", "Too many requests wait for a key.",
                                      GW_NS_PER_SECOND);
        case KEY_WISH_DENIED:
            break;
        }
    }
    count(ex, proof.was_denied ? &denied_hits : &cache_misses);
    if (proof.has_failed)
        count(ex, &bad_signatures);
    if (verdict == JOSE_TOO_MANY_FAILURES)
        return refuse_flood(ex, &proof);
    return verdict == JOSE_KEYS_ABSENT ? refuse_without_keys(ex, &proof) : refuse(jwt, ex, verdict);
}

static void on_cancel(void *self, struct gw_exchange *ex)
{
    struct pending *pending = *gw_exchange_slot(ex, self);

    key_waiter_stop(&pending->waiter);
}

static void on_keys(struct key_waiter *waiter)
{
    struct pending *pending = GW_CONTAINER_OF(waiter, struct pending, waiter);
    enum gw_verdict verdict = judge(pending->jwt, pending->ex, pending->token);

    if (verdict == GW_WAIT)
        return;
    key_waiter_stop(waiter);
    gw_exchange_resume(pending->ex, verdict);
}

static struct pending *find_pending(struct jwt *jwt, struct gw_exchange *ex, struct gw_str token)
{
    void **slot = gw_exchange_slot(ex, jwt);

    if (*slot == NULL) {
        struct pending *pending = gw_arena_calloc(&ex->arena, 1, sizeof(*pending));
        if (pending == NULL)
            return NULL;
        pending->waiter = (struct key_waiter){.peer = ex->request.peer, .on_news = on_keys};
        pending->jwt = jwt;
        pending->ex = ex;
        pending->token = token;
        *slot = pending;
    }
    return *slot;
}

static enum gw_verdict jwt_on_request(void *self, struct gw_exchange *ex)
{
    struct jwt *jwt = self;
    struct gw_str token;

    if (ex->operation == NULL)
        return GW_FAIL; /* nobody said what this is, so nobody may have it */
    if (!prover_is_asked(&jwt->prover, ex->operation))
        return GW_NEXT;
    if (!jwt->is_settled) {
        if (prover_settle(&jwt->prover, ex->worker) != 0)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        jwt->is_settled = true;
    }

    switch (bearer_find(ex, &token)) {
    case BEARER_NONE:
        return GW_NEXT;
    case BEARER_MALFORMED:
        count(ex, &refused);
        return bearer_refuse(ex, jwt->realm, "invalid_request",
                             "there must be one Authorization field with one token");
    case BEARER_TOKEN:
        break;
    }
    enum gw_verdict verdict = judge(jwt, ex, token);
    if (verdict == GW_WAIT)
        gw_exchange_on_cancel(ex, on_cancel);
    return verdict;
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
