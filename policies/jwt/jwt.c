#include "policies/jwt/jwt.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/jwt/bearer.h"
#include "policies/jwt/jwt_private.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"

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
     "many at once; beyond, its tokens that are not in the cache are answered 429. Refusals of its "
     "tokens beyond that rate are held back for 250 ms. 0: no bound."},
    {"dpop", GW_OBJECT, 0, 0, "{}", "How proofs of possession are judged (RFC 9449).",
     .fields = jwt_dpop_options},
    {0},
};

static const struct gw_metric cache_hits = {
    "millgate_jwt_cache_hits_total", "Tokens found in the cache of verified ones.", NULL, false};
static const struct gw_metric cache_misses = {"millgate_jwt_cache_misses_total",
                                              "Tokens that had to be verified.", NULL, false};
static const struct gw_metric bad_signatures = {
    "millgate_jwt_bad_signatures_total", "Tokens that were verified and found bad.", NULL, false};
static const struct gw_metric denied_hits = {
    "millgate_jwt_denied_hits_total",
    "Tokens refused because they were found bad a moment ago from the same address.", NULL, false};
/* --- proving ---------------------------------------------------------------------------------- */

/* Has a provider asked about the token, each once. True: there is nothing more to be had of it now,
 * so the token is to be looked at again; else *out_verdict is what comes of it. */
static bool ask(struct jwt_pending *pending, const struct jwt_issuer *issuer,
                enum gw_verdict *out_verdict)
{
    struct token_key key = prover_key(&pending->jwt->prover, pending->shown.token);

    pending->proof.asked |= issuer->bit;
    pending->proof.told.issuer = NULL;
    if (issuer->introspection == NULL)
        return true;
    switch (introspection_ask(issuer->introspection, &key, &pending->asker)) {
    case INTROSPECTION_WAIT:
        key_waiter_stop(&pending->key_waiter); /* its time must not end this wait */
        pending->proof.told.issuer = issuer;
        pending->proof.told.state = INTROSPECTION_UNKNOWN;
        pending->proof.told.claims = NULL;
        *out_verdict = GW_WAIT;
        return false;
    case INTROSPECTION_CROWDED:
        *out_verdict = jwt_refuse_unasked(pending->ex, true);
        return false;
    case INTROSPECTION_DENIED:
        break;
    }
    return true;
}

/* The verdict, or GW_WAIT for what may change it. `pending` is NULL as long as nothing was asked.
 */
static enum gw_verdict judge(struct jwt *jwt, struct gw_exchange *ex, const struct jwt_shown *shown,
                             struct jwt_pending *pending)
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
        jwt_count(ex, proof.was_cached ? &cache_hits : &cache_misses);
        return jwt_check_possession(jwt, ex, shown, &proof);
    }
    if (proof.asking != NULL) {
        enum gw_verdict asked;
        pending = jwt_pending_of(jwt, ex, shown);
        if (pending == NULL)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        return ask(pending, proof.asking, &asked) ? judge(jwt, ex, shown, pending) : asked;
    }
    if (proof.is_untold)
        return jwt_refuse_unasked(ex, false);
    if (proof.lacking != NULL) {
        pending = jwt_pending_of(jwt, ex, shown);
        if (pending == NULL)
            return gw_exchange_reject(ex, "overloaded", NULL, 0);
        switch (key_source_wish(proof.lacking->source, &pending->key_waiter)) {
        case KEY_WISH_WAIT:
            return GW_WAIT;
        case KEY_WISH_CROWDED:
            return jwt_refuse_crowded(ex);
        case KEY_WISH_DENIED:
            break;
        }
    }
    jwt_count(ex, proof.was_denied ? &denied_hits : &cache_misses);
    if (proof.has_failed)
        jwt_count(ex, &bad_signatures);
    return jwt_refuse(jwt, ex, shown, &proof, verdict);
}

static void stop_waiting(struct jwt_pending *pending)
{
    key_waiter_stop(&pending->key_waiter);
    introspection_waiter_stop(&pending->asker);
    dpop_replay_cancel(&pending->question);
    jwt_release(pending);
}

static void on_cancel(void *self, struct gw_exchange *ex)
{
    stop_waiting(*gw_exchange_slot(ex, self));
}

static void go_on(struct jwt_pending *pending, enum gw_verdict verdict)
{
    if (verdict == GW_WAIT)
        return;
    stop_waiting(pending);
    gw_exchange_resume(pending->ex, verdict);
}

static void on_keys(struct key_waiter *waiter)
{
    struct jwt_pending *pending = GW_CONTAINER_OF(waiter, struct jwt_pending, key_waiter);

    go_on(pending, judge(pending->jwt, pending->ex, &pending->shown, pending));
}

static void on_told(struct introspection_waiter *waiter, enum introspection_state state,
                    const struct claims *claims)
{
    struct jwt_pending *pending = GW_CONTAINER_OF(waiter, struct jwt_pending, asker);
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
    struct jwt_pending *pending = GW_CONTAINER_OF(question, struct jwt_pending, question);

    go_on(pending, jwt_judge_replay(pending->jwt, pending->ex, &pending->proof, verdict));
}

struct jwt_pending *jwt_pending_of(struct jwt *jwt, struct gw_exchange *ex,
                                   const struct jwt_shown *shown)
{
    void **slot = gw_exchange_slot(ex, jwt);

    if (*slot == NULL) {
        struct jwt_pending *pending = gw_arena_calloc(&ex->arena, 1, sizeof(*pending));
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
    struct jwt_shown shown = {.has_dpop = false};

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
        return jwt_refuse_malformed(jwt, ex);
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
