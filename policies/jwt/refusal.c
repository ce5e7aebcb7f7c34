#include "policies/jwt/bearer.h"
#include "policies/jwt/jwt_private.h"
#include "server/core/clock.h"

#define MAX_HELD_BACK 1024

const struct gw_metric jwt_refused_token = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"token\"", false};
static const struct gw_metric refused_keys = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"keys\"", false};

static const struct gw_metric refused_flood = {
    "millgate_jwt_refused_total", "Requests refused for their token.", "reason=\"flood\"", false};
static const struct gw_metric held_back = {"millgate_jwt_refusals_held_back_total",
                                           "Refusals answered late, for there were too many.", NULL,
                                           false};
static enum gw_verdict refuse_token(const struct jwt *jwt, struct gw_exchange *ex,
                                    enum jose_verdict verdict)
{
    if (verdict == JOSE_NO_MEMORY)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    jwt_count(ex, &jwt_refused_token);
    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", jose_verdict_text(verdict));
    return bearer_refuse(ex, jwt->realm, "invalid_token", jose_verdict_text(verdict));
}

static enum gw_verdict refuse_without_keys(struct gw_exchange *ex, const struct proof *proof)
{
    uint64_t retry_ns = proof->lacking == NULL || proof->lacking->source == NULL
                            ? GW_NS_PER_SECOND
                            : key_source_retry_ns(proof->lacking->source);

    jwt_count(ex, &refused_keys);
    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", jose_verdict_text(JOSE_KEYS_ABSENT));
    return gw_exchange_reject(ex, "unavailable", "The issuer's keys are not available.", retry_ns);
}

static enum gw_verdict refuse_flood(struct gw_exchange *ex, const struct proof *proof)
{
    jwt_count(ex, &refused_flood);
    return gw_exchange_reject(ex, "too-many-failed-tokens", NULL, proof->wait_ns);
}

enum gw_verdict jwt_refuse_unasked(struct gw_exchange *ex, bool is_crowded)
{
    jwt_count(ex, &refused_keys);
    ex->record.detail = gw_arena_printf(&ex->arena, "jwt: %s", jose_verdict_text(JOSE_NOT_ASKED));
    if (is_crowded)
        return gw_exchange_reject(ex, "overloaded", "Too many tokens have to be asked about.",
                                  GW_NS_PER_SECOND);
    return gw_exchange_reject(ex, "unavailable", "The token's issuer cannot be asked about it.",
                              GW_NS_PER_SECOND);
}

static void on_held_back(struct gw_timer *timer)
{
    struct jwt_pending *pending = GW_CONTAINER_OF(timer, struct jwt_pending, timer);

    pending->is_held_back = false;
    pending->jwt->held_back--;
    gw_exchange_resume(pending->ex, GW_STOP);
}

/* The refusal is set. Who sends bad tokens in a flood gets it late: he may have the time, but not
 * the worker, of those who send good ones. */
static enum gw_verdict hold_back(struct jwt *jwt, struct gw_exchange *ex,
                                 const struct jwt_shown *shown, const struct proof *proof)
{
    uint64_t delay_ns = prover_delay_ns(&jwt->prover, proof);

    if (delay_ns == 0 || ex->worker == NULL || ex->worker->loop == NULL)
        return GW_STOP;
    struct jwt_pending *pending = jwt_pending_of(jwt, ex, shown);
    if (pending == NULL || jwt->held_back == MAX_HELD_BACK) {
        ex->must_close = true;
        return GW_STOP;
    }
    key_waiter_stop(&pending->key_waiter); /* the verdict stands: no news may change it */
    introspection_waiter_stop(&pending->asker);
    jwt->held_back++;
    pending->is_held_back = true;
    jwt_count(ex, &held_back);
    gw_timer_start(ex->worker->loop, &pending->timer, delay_ns, on_held_back);
    return GW_WAIT;
}

enum gw_verdict jwt_refuse(struct jwt *jwt, struct gw_exchange *ex, const struct jwt_shown *shown,
                           const struct proof *proof, enum jose_verdict verdict)
{
    if (verdict == JOSE_KEYS_ABSENT)
        return refuse_without_keys(ex, proof);
    enum gw_verdict refusal = verdict == JOSE_TOO_MANY_FAILURES ? refuse_flood(ex, proof)
                                                                : refuse_token(jwt, ex, verdict);
    return refusal == GW_STOP ? hold_back(jwt, ex, shown, proof) : refusal;
}

enum gw_verdict jwt_refuse_crowded(struct gw_exchange *ex)
{
    jwt_count(ex, &refused_keys);
    return gw_exchange_reject(ex, "overloaded", "Too many requests wait for a key.",
                              GW_NS_PER_SECOND);
}

enum gw_verdict jwt_refuse_malformed(const struct jwt *jwt, struct gw_exchange *ex)
{
    jwt_count(ex, &jwt_refused_token);
    return bearer_refuse(ex, jwt->realm, "invalid_request",
                         "there must be one Authorization field with one token");
}

void jwt_release(struct jwt_pending *pending)
{
    if (!pending->is_held_back)
        return;
    gw_timer_stop(&pending->timer);
    pending->is_held_back = false;
    pending->jwt->held_back--;
}
