/* The beginning of a claim: go, wait, replay or refuse. */
#include <errno.h>

#include "answer.h"
#include "keyed.h"
#include "server/filter/worker.h"
#include "server/store/reply.h"
#include "server/upstream/effect.h"
#include "server/upstream/late_write.h"

KEYED_COUNTER(replayed, "replayed");       /* the kept answer */
KEYED_COUNTER(in_flight, "in_flight");     /* 409 */
KEYED_COUNTER(reused, "reused");           /* 422 */
KEYED_COUNTER(refused_unknown, "refused"); /* 409: not sent again */
KEYED_COUNTER(unavailable, "unavailable"); /* 503: nothing was sent */
static const struct gw_metric metric_repeated = {
    "millgate_idempotency_repeated_total",
    "Requests sent again under their key after an unknown outcome.", NULL, false};

static enum gw_verdict replay(struct keyed *keyed)
{
    struct gw_exchange *ex = keyed->ex;
    struct answer answer;
    int rc = answer_read(&ex->arena, keyed->kept, &answer);

    if (rc != 0) {
        ex->record.detail = GW_STR("idempotency: a kept answer cannot be read");
        return gw_exchange_reject(ex, rc == -ENOMEM ? "overloaded" : "answer-not-kept", NULL, 0);
    }
    keyed_count(keyed, &metric_replayed);
    if (!answer.is_whole)
        return gw_exchange_reject(
            ex, "answer-not-kept",
            "The request was executed; its answer was too large to be kept for a second time.", 0);
    gw_response_clear(ex);
    ex->response.status = answer.status;
    ex->response.body = answer.body;
    for (size_t i = 0; rc == 0 && i < answer.field_count; i++)
        rc = gw_response_add_field(ex, answer.fields[i].name, answer.fields[i].value);
    if (rc == 0)
        rc = gw_response_add_field(ex, GW_STR("Idempotency-Replayed"), GW_STR("true"));
    return rc == 0 ? GW_STOP : gw_exchange_reject(ex, "overloaded", NULL, 0);
}

static int send_key(struct keyed *keyed)
{
    struct gw_exchange *ex = keyed->ex;
    const struct gw_effect *effect = ex->effect;
    struct gw_str value;

    if (!gw_effect_is_repeatable(effect))
        return 0;
    value = claim_backend_key(&keyed->claim, ex, effect->is_key_bare);
    if (value.ptr == NULL)
        return -ENOMEM;
    gw_request_remove_field(ex, GW_STR("Idempotency-Key"));
    gw_request_remove_field(ex, effect->key_field);
    return gw_request_add_field(ex, effect->key_field, value);
}

static enum gw_verdict go_on(struct keyed *keyed)
{
    struct gw_exchange *ex = keyed->ex;

    keyed->phase = CLAIMED;
    if (keyed->number > 1)
        keyed_count(keyed, &metric_repeated);
    if (send_key(keyed) != 0) { /* nothing was sent */
        claim_set_end(&keyed->claim, GW_STR("released"), GW_STR(""));
        keyed_finish_later(keyed, false);
        keyed->phase = OVER;
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    }
    ex->is_keyed = true;
    ex->key_ttl_ns = keyed->policy->times.ttl_ns;
    keyed->shown = (struct gw_keyed_claim){.name = keyed->claim.name,
                                           .owner = ex->record.request_id,
                                           .fence = gw_str_of(keyed->claim.fence),
                                           .begun_before = keyed->begun_before};
    ex->claim = &keyed->shown;
    gw_exchange_must_finish(ex);
    return GW_NEXT;
}

static enum gw_verdict decide(struct keyed *keyed)
{
    struct gw_exchange *ex = keyed->ex;

    switch (keyed->result) {
    case GW_KEYED_GO:
        return go_on(keyed);
    case GW_KEYED_BUSY:
        keyed_count(keyed, &metric_in_flight);
        return gw_exchange_reject(ex, "request-in-flight", NULL, KEYED_RETRY_NS);
    case GW_KEYED_OTHER:
        keyed_count(keyed, &metric_reused);
        return gw_exchange_reject(
            ex, "idempotency-key-reused",
            "Method, target, media type and body must be those of the first request.", 0);
    case GW_KEYED_ANSWERED:
        return replay(keyed);
    case GW_KEYED_UNKNOWN:
        keyed_count(keyed, &metric_refused_unknown);
        return gw_exchange_reject(
            ex, "outcome-unknown",
            "The first request was sent, and its answer was lost: it is not sent again. Look "
            "whether it had its effect.",
            0);
    case GW_KEYED_EXECUTED:
        return gw_exchange_reject(ex, "already-executed", NULL, 0);
    }
    return GW_FAIL;
}

/* Too late or not at all: nothing is sent, and what may stand is taken back. */
static enum gw_verdict refuse_unavailable(struct keyed *keyed, int rc)
{
    bool may_stand = keyed->has_result || (rc != -EPROTO && rc != -ENOTCONN);

    keyed->phase = OVER;
    keyed_count(keyed, &metric_unavailable);
    if (may_stand && (!keyed->has_result || keyed->result == GW_KEYED_GO)) {
        claim_set_end(&keyed->claim, GW_STR("released"), GW_STR(""));
        keyed_finish_later(keyed, !keyed->has_result);
    }
    keyed->ex->record.detail = GW_STR("idempotency: the claim could not be recorded");
    return gw_exchange_reject(keyed->ex, "unavailable",
                              "The request's key cannot be recorded now: nothing was sent.",
                              KEYED_RETRY_NS);
}

static bool on_begin_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct keyed *keyed = GW_CONTAINER_OF(write, struct keyed, write);
    int64_t result = reply->type == GW_REPLY_ARRAY ? gw_reply_integer_at(reply, 0) : -1;

    if (result < GW_KEYED_GO || result > GW_KEYED_EXECUTED)
        return false;
    keyed->result = (enum gw_keyed_begin)result;
    keyed->has_result = true;
    if (result == GW_KEYED_GO) {
        keyed->number = gw_reply_integer_at(reply, 1);
        keyed->begun_before = gw_reply_integer_at(reply, 2);
        claim_set_fence(&keyed->claim, keyed->number);
    } else if (result == GW_KEYED_ANSWERED && reply->count > 1) {
        keyed->kept = gw_arena_copy(&keyed->ex->arena, reply->items[1].text);
    }
    return result == GW_KEYED_GO;
}

static void on_begin_done(struct gw_record_write *write, int rc)
{
    struct keyed *keyed = GW_CONTAINER_OF(write, struct keyed, write);
    bool is_there = rc == 0 && keyed->has_result;

    gw_exchange_resume(keyed->ex, is_there ? decide(keyed) : refuse_unavailable(keyed, rc));
}

static void on_begin_cancel(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);

    gw_record_write_stop(&keyed->write);
    claim_set_end(&keyed->claim, GW_STR("released"), GW_STR(""));
    keyed_finish_later(keyed, true);
}

static bool is_open(struct keyed *keyed)
{
    struct gw_worker *worker = keyed->ex->worker;

    if (keyed->policy->late == NULL && worker->record_writer != NULL)
        keyed->policy->late = gw_late_write_open(worker);
    return keyed->policy->late != NULL;
}

enum gw_verdict keyed_begin(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);

    if (!is_open(keyed) || claim_prepare(&keyed->claim, ex, keyed->key, &keyed->policy->times) != 0)
        return gw_exchange_reject(ex, "overloaded", NULL, KEYED_RETRY_NS);
    keyed->write = (struct gw_record_write){.on_reply = on_begin_reply, .on_done = on_begin_done};
    const struct gw_redis_eval eval = {
        .script = &gw_keyed_begin_script,
        .keys = &keyed->claim.name,
        .key_count = 1,
        .args = keyed->claim.begin_args,
        .arg_count = GW_KEYED_BEGIN_ARGS,
        .timeout_ns = keyed->policy->timeout_ns,
    };
    int rc = gw_record_write_start(ex->worker->record_writer, &keyed->write, &eval);
    if (rc != 0)
        return refuse_unavailable(keyed, -ENOTCONN); /* it was not sent */
    gw_exchange_on_cancel(ex, on_begin_cancel);
    return GW_WAIT;
}
