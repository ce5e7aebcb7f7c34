#include "policies/jwt/bearer.h"
#include "policies/jwt/jwt_private.h"
#include "server/core/clock.h"

#define PROOFS \
    "millgate_jwt_dpop_proofs_total", "Proofs of possession that came with a valid token."
static const struct gw_metric proof_accepted = {PROOFS, "result=\"accepted\"", false};
static const struct gw_metric proof_refused = {PROOFS, "result=\"refused\"", false};
static const struct gw_metric proof_replayed = {PROOFS, "result=\"replayed\"", false};
static const struct gw_metric proof_untold = {PROOFS, "result=\"unavailable\"", false};

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

enum gw_verdict jwt_judge_replay(struct jwt *jwt, struct gw_exchange *ex, const struct proof *proof,
                                 enum dpop_replay_verdict verdict)
{
    switch (verdict) {
    case DPOP_REPLAY_FRESH:
        jwt_count(ex, &proof_accepted);
        return identify(ex, proof);
    case DPOP_REPLAY_SEEN:
        jwt_count(ex, &proof_replayed);
        return dpop_guard_refuse(&jwt->guard, ex, jwt->realm, DPOP_REPLAYED);
    case DPOP_REPLAY_WAIT:
        return GW_WAIT;
    case DPOP_REPLAY_AWAY:
        break;
    }
    jwt_count(ex, &proof_untold);
    ex->record.detail = GW_STR("jwt: whether the DPoP proof was used before cannot be told");
    return gw_exchange_reject(ex, "unavailable", "Proofs cannot be checked now.", GW_NS_PER_SECOND);
}

static enum gw_verdict check_proof(struct jwt *jwt, struct gw_exchange *ex,
                                   const struct jwt_shown *shown, const struct proof *proof)
{
    struct gw_str confirmation = claims_text(proof->claims, proof->claims->confirmation);
    struct dpop_proof proved;
    enum dpop_verdict verdict =
        dpop_guard_judge(&jwt->guard, ex, shown->token, confirmation, &proved);

    if (verdict != DPOP_OK) {
        jwt_count(ex, &proof_refused);
        return dpop_guard_refuse(&jwt->guard, ex, jwt->realm, verdict);
    }
    struct jwt_pending *pending = jwt_pending_of(jwt, ex, shown);
    if (pending == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    key_waiter_stop(&pending->key_waiter); /* the token is good: no news of keys may ask again */
    pending->proof = *proof;
    return jwt_judge_replay(
        jwt, ex, proof,
        dpop_replay_ask(&jwt->guard.replay, ex->worker, &proved, proof->now_s, &pending->question));
}

enum gw_verdict jwt_check_possession(struct jwt *jwt, struct gw_exchange *ex,
                                     const struct jwt_shown *shown, const struct proof *proof)
{
    struct gw_str confirmation = claims_text(proof->claims, proof->claims->confirmation);
    enum jwt_dpop_mode mode = proof->issuer->dpop;

    if (shown->has_dpop && mode != JWT_DPOP_OFF)
        return check_proof(jwt, ex, shown, proof);
    if (!shown->has_dpop && mode != JWT_DPOP_REQUIRED && !dpop_is_bound(&ex->arena, confirmation))
        return identify(ex, proof);
    jwt_count(ex, &jwt_refused_token);
    if (mode != JWT_DPOP_OFF)
        return dpop_guard_refuse_bearer(&jwt->guard, ex, jwt->realm);
    return bearer_refuse(ex, jwt->realm, "invalid_token",
                         "tokens with a proof of possession are not accepted");
}
