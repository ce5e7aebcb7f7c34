#include "policies/jwt/jwt.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/jwt/bearer.h"
#include "policies/jwt/dpop_guard.h"
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
    {"dpop", GW_OBJECT, 0, 0, "{}", "How proofs of possession are judged (RFC 9449).",
     .fields = jwt_dpop_options},
    {0},
};

struct jwt { /* one per worker */
    struct prover prover;
    struct dpop_guard guard;
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
#define PROOFS \
    "millgate_jwt_dpop_proofs_total", "Proofs of possession that came with a valid token."
static const struct gw_metric proof_accepted = {PROOFS, "result=\"accepted\"", false};
static const struct gw_metric proof_refused = {PROOFS, "result=\"refused\"", false};
static const struct gw_metric proof_replayed = {PROOFS, "result=\"replayed\"", false};
static const struct gw_metric proof_untold = {PROOFS, "result=\"unavailable\"", false};

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

/* --- possession ------------------------------------------------------------------------------- */

/* What came in Authorization. */
struct shown {
    struct gw_str token;
    bool has_dpop; /* the scheme */
};

/* A request that waits: for keys, for a provider's word, or to hear that its proof is a new one. In
 * its arena. */
struct pending {
    struct jwt *jwt;
    struct gw_exchange *ex;
    struct shown shown;
    struct key_waiter key_waiter;
    struct introspection_waiter asker;
    struct dpop_replay_question question;
    struct proof proof; /* what was asked so far; of a good token, all */
};

static struct pending *find_pending(struct jwt *jwt, struct gw_exchange *ex,
                                    const struct shown *shown);

static enum gw_verdict judge_replay(struct jwt *jwt, struct gw_exchange *ex,
                                    const struct proof *proof, enum dpop_replay_verdict verdict)
{
    switch (verdict) {
    case DPOP_REPLAY_FRESH:
        count(ex, &proof_accepted);
        return identify(ex, proof);
    case DPOP_REPLAY_SEEN:
        count(ex, &proof_replayed);
        return dpop_guard_refuse(&jwt->guard, ex, jwt->realm, DPOP_REPLAYED);
    case DPOP_REPLAY_WAIT:
        return GW_WAIT;
    case DPOP_REPLAY_AWAY:
        break;
    }
    count(ex, &proof_untold);
    ex->record.detail = GW_STR("jwt: whether the DPoP proof was used before cannot be told");
    return gw_exchange_reject(ex, "unavailable", "Proofs cannot be checked now.", GW_NS_PER_SECOND);
}

static enum gw_verdict check_proof(struct jwt *jwt, struct gw_exchange *ex,
                                   const struct shown *shown, const struct proof *proof)
{
    struct gw_str confirmation = claims_text(proof->claims, proof->claims->confirmation);
    struct dpop_proof proved;
    enum dpop_verdict verdict =
        dpop_guard_judge(&jwt->guard, ex, shown->token, confirmation, &proved);

    if (verdict != DPOP_OK) {
        count(ex, &proof_refused);
        return dpop_guard_refuse(&jwt->guard, ex, jwt->realm, verdict);
    }
    struct pending *pending = find_pending(jwt, ex, shown);
    if (pending == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    pending->proof = *proof;
    return judge_replay(
        jwt, ex, proof,
        dpop_replay_ask(&jwt->guard.replay, ex->worker, &proved, proof->now_s, &pending->question));
}

/* The token is good; is it shown by who it is bound to? */
static enum gw_verdict check_possession(struct jwt *jwt, struct gw_exchange *ex,
                                        const struct shown *shown, const struct proof *proof)
{
    struct gw_str confirmation = claims_text(proof->claims, proof->claims->confirmation);
    enum jwt_dpop_mode mode = proof->issuer->dpop;

    if (shown->has_dpop && mode != JWT_DPOP_OFF)
        return check_proof(jwt, ex, shown, proof);
    if (!shown->has_dpop && mode != JWT_DPOP_REQUIRED && !dpop_is_bound(&ex->arena, confirmation))
        return identify(ex, proof);
    count(ex, &refused);
    if (mode != JWT_DPOP_OFF)
        return dpop_guard_refuse_bearer(&jwt->guard, ex, jwt->realm);
    return bearer_refuse(ex, jwt->realm, "invalid_token",
                         "tokens with a proof of possession are not accepted");
}

/* --- proving ---------------------------------------------------------------------------------- */

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

static enum gw_verdict refuse_unasked(struct gw_exchange *ex, bool is_crowded)
{
    count(ex, &refused_keys);
    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", jose_verdict_text(JOSE_NOT_ASKED));
    if (is_crowded)
        return gw_exchange_reject(ex, "overloaded", "Too many tokens have to be asked about.",
                                  GW_NS_PER_SECOND);
    return gw_exchange_reject(ex, "unavailable", "The token's issuer cannot be asked about it.",
                              GW_NS_PER_SECOND);
}

/* Has a provider asked about the token, each once. True: there is nothing more to be had of it now,
 * so the token is to be looked at again; else *out_verdict is what comes of it. */
static bool ask(struct pending *pending, const struct jwt_issuer *issuer,
                enum gw_verdict *out_verdict)
{
    struct token_key key = prover_key(&pending->jwt->prover, pending->shown.token);

    pending->proof.asked |= issuer->bit;
    pending->proof.told.issuer = NULL;
    if (issuer->introspection == NULL)
        return true;
    switch (introspection_ask(issuer->introspection, &key, &pending->asker)) {
    case INTROSPECTION_WAIT:
        pending->proof.told.issuer = issuer;
        *out_verdict = GW_WAIT;
        return false;
    case INTROSPECTION_CROWDED:
        *out_verdict = refuse_unasked(pending->ex, true);
        return false;
    case INTROSPECTION_DENIED:
        break;
    }
    return true;
}

/* The verdict, or GW_WAIT for what may change it. `pending` is NULL as long as nothing was asked.
 */
static enum gw_verdict judge(struct jwt *jwt, struct gw_exchange *ex, const struct shown *shown,
                             struct pending *pending)
{
    struct proof proof = {.operation = ex->operation,
                          .token = shown->token,
                          .peer = ex->request.peer,
                          .now_ns = ex->now_ns,
                          .now_s = (int64_t)(ex->wall_ns / GW_NS_PER_SECOND),
                          .arena = &ex->arena,
                          .client_certificate = ex->request.client_certificate};
    if (pending != NULL) {
        proof.told = pending->proof.told;
        proof.asked = pending->proof.asked;
    }
    enum jose_verdict verdict = prover_prove(&jwt->prover, &proof);

    if (verdict == JOSE_OK) {
        count(ex, proof.was_cached ? &cache_hits : &cache_misses);
        return check_possession(jwt, ex, shown, &proof);
    }
    if (proof.asking != NULL) {
        enum gw_verdict asked;
        pending = find_pending(jwt, ex, shown);
        if (pending == NULL)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        return ask(pending, proof.asking, &asked) ? judge(jwt, ex, shown, pending) : asked;
    }
    if (proof.is_untold)
        return refuse_unasked(ex, false);
    if (proof.lacking != NULL) {
        pending = find_pending(jwt, ex, shown);
        if (pending == NULL)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        switch (key_source_wish(proof.lacking->source, &pending->key_waiter)) {
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

static void stop_waiting(struct pending *pending)
{
    key_waiter_stop(&pending->key_waiter);
    introspection_waiter_stop(&pending->asker);
    dpop_replay_cancel(&pending->question);
}

static void on_cancel(void *self, struct gw_exchange *ex)
{
    stop_waiting(*gw_exchange_slot(ex, self));
}

static void go_on(struct pending *pending, enum gw_verdict verdict)
{
    if (verdict == GW_WAIT)
        return;
    stop_waiting(pending);
    gw_exchange_resume(pending->ex, verdict);
}

static void on_keys(struct key_waiter *waiter)
{
    struct pending *pending = GW_CONTAINER_OF(waiter, struct pending, key_waiter);

    go_on(pending, judge(pending->jwt, pending->ex, &pending->shown, pending));
}

static void on_told(struct introspection_waiter *waiter, enum introspection_state state,
                    const struct claims *claims)
{
    struct pending *pending = GW_CONTAINER_OF(waiter, struct pending, asker);
    struct claims *copy = NULL;

    if (claims != NULL)
        copy = gw_arena_alloc(&pending->ex->arena, claims->size);
    if (claims != NULL && copy != NULL)
        memcpy(copy, claims, claims->size);
    pending->proof.told.claims = copy;
    pending->proof.told.state =
        state == INTROSPECTION_ACTIVE && copy == NULL ? INTROSPECTION_UNKNOWN : state;
    go_on(pending, judge(pending->jwt, pending->ex, &pending->shown, pending));
}

static void on_replay(struct dpop_replay_question *question, enum dpop_replay_verdict verdict)
{
    struct pending *pending = GW_CONTAINER_OF(question, struct pending, question);

    go_on(pending, judge_replay(pending->jwt, pending->ex, &pending->proof, verdict));
}

static struct pending *find_pending(struct jwt *jwt, struct gw_exchange *ex,
                                    const struct shown *shown)
{
    void **slot = gw_exchange_slot(ex, jwt);

    if (*slot == NULL) {
        struct pending *pending = gw_arena_calloc(&ex->arena, 1, sizeof(*pending));
        if (pending == NULL)
            return NULL;
        pending->jwt = jwt;
        pending->ex = ex;
        pending->shown = *shown;
        pending->key_waiter = (struct key_waiter){.peer = ex->request.peer, .on_news = on_keys};
        pending->asker = (struct introspection_waiter){
            .peer = ex->request.peer, .token = shown->token, .on_answer = on_told};
        pending->question.on_answer = on_replay;
        *slot = pending;
    }
    return *slot;
}

static enum gw_verdict jwt_on_request(void *self, struct gw_exchange *ex)
{
    struct jwt *jwt = self;
    struct shown shown = {.has_dpop = false};

    if (ex->operation == NULL)
        return GW_FAIL; /* nobody said what this is, so nobody may have it */
    if (!prover_is_asked(&jwt->prover, ex->operation))
        return GW_NEXT;
    if (!jwt->is_settled) {
        if (prover_settle(&jwt->prover, ex->worker) != 0 ||
            dpop_guard_settle(&jwt->guard, ex->worker) != 0)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        jwt->is_settled = true;
    }

    switch (bearer_find(ex, &shown.token)) {
    case BEARER_NONE:
        return GW_NEXT;
    case BEARER_MALFORMED:
        count(ex, &refused);
        return bearer_refuse(ex, jwt->realm, "invalid_request",
                             "there must be one Authorization field with one token");
    case BEARER_DPOP_TOKEN:
        shown.has_dpop = true;
        break;
    case BEARER_TOKEN:
        break;
    }
    enum gw_verdict verdict = judge(jwt, ex, &shown, NULL);
    if (verdict == GW_WAIT)
        gw_exchange_on_cancel(ex, on_cancel);
    return verdict;
}

/* Where a token is asked for, who can prove a key may know of it (RFC 9449, section 7.1). */
static enum gw_verdict jwt_on_response(void *self, struct gw_exchange *ex)
{
    const struct jwt *jwt = self;
    const struct gw_str *challenge = gw_response_field(ex, GW_STR("WWW-Authenticate"));

    if (ex->response.status == 401 && ex->record.upstream_status == 0 && challenge != NULL &&
        !gw_str_has_prefix(*challenge, GW_STR("DPoP")) && ex->operation != NULL &&
        prover_accepts_dpop(&jwt->prover, ex->operation))
        dpop_guard_challenge(&jwt->guard, ex, jwt->realm);
    return GW_NEXT;
}

/* --- making ----------------------------------------------------------------------------------- */

static void jwt_destroy(void *self)
{
    struct jwt *jwt = self;

    if (jwt == NULL)
        return;
    prover_finish(&jwt->prover);
    dpop_guard_finish(&jwt->guard);
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
    if (rc == 0)
        rc = dpop_guard_init(&jwt->guard, json_object_get(config, "dpop"), error);
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
    .on_response = jwt_on_response,
};
