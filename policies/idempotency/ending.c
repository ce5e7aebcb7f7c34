/* The end of a claim: what the response says of it, and its record. */
#include <errno.h>

#include "answer.h"
#include "keyed.h"
#include "server/filter/worker.h"
#include "server/store/keyed_record.h"
#include "server/upstream/effect.h"
#include "server/upstream/late_write.h"

KEYED_COUNTER(answered, "answered");     /* executed, and the answer kept */
KEYED_COUNTER(unknown, "unknown");       /* sent, and no usable answer */
KEYED_COUNTER(released, "released");     /* not executed */
KEYED_COUNTER(unrecorded, "unrecorded"); /* 503: executed, and not recorded */

void keyed_count(const struct keyed *keyed, const struct gw_metric *metric)
{
    gw_metrics_add(keyed->ex->worker->metrics, metric, 1);
}

static struct gw_redis_eval end_eval(const struct keyed *keyed)
{
    return (struct gw_redis_eval){.script = &gw_keyed_end_script,
                                  .keys = &keyed->claim.name,
                                  .key_count = 1,
                                  .args = keyed->claim.end_args,
                                  .arg_count = GW_KEYED_END_ARGS,
                                  .timeout_ns = keyed->policy->timeout_ns};
}

void keyed_finish_later(struct keyed *keyed, bool is_doubtful)
{
    const struct gw_redis_eval eval = end_eval(keyed);

    gw_late_write_add(keyed->policy->late, &eval, is_doubtful);
}

static enum gw_verdict end_unrecorded(struct keyed *keyed)
{
    keyed_count(keyed, &metric_unrecorded);
    return gw_exchange_reject(keyed->ex, "outcome-not-recorded",
                              "The request was executed, and its answer could not be recorded: try "
                              "again with the same key.",
                              KEYED_RETRY_NS);
}

static enum gw_verdict end(struct keyed *keyed, int rc)
{
    static const struct gw_metric *const metrics[] = {[OUTCOME_EXECUTED] = &metric_answered,
                                                      [OUTCOME_NOT_EXECUTED] = &metric_released,
                                                      [OUTCOME_UNKNOWN] = &metric_unknown};

    keyed->phase = OVER;
    if (rc != 0)
        keyed_finish_later(keyed, false);
    /* An answer leaves only when it is kept; or another has taken the claim over, and its is. */
    if (keyed->outcome == OUTCOME_EXECUTED && (rc != 0 || !keyed->is_ours))
        return end_unrecorded(keyed);
    keyed_count(keyed, metrics[keyed->outcome]);
    return GW_NEXT;
}

static bool on_end_reply(struct gw_record_write *write, const struct gw_reply *reply)
{
    struct keyed *keyed = GW_CONTAINER_OF(write, struct keyed, write);

    keyed->is_ours = reply->type == GW_REPLY_INTEGER && reply->integer != 0;
    return keyed->is_ours;
}

static void on_end_done(struct gw_record_write *write, int rc)
{
    struct keyed *keyed = GW_CONTAINER_OF(write, struct keyed, write);

    gw_exchange_resume(keyed->ex, end(keyed, rc));
}

/* The client's leaving does not come here (must_finish); the worker's end does. */
static void on_end_cancel(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);

    gw_record_write_stop(&keyed->write);
    keyed_finish_later(keyed, false);
}

static enum gw_verdict start_end(struct keyed *keyed, struct gw_str what, struct gw_str answer)
{
    struct gw_exchange *ex = keyed->ex;

    keyed->phase = ENDING;
    claim_set_end(&keyed->claim, what, answer);
    keyed->write = (struct gw_record_write){.on_reply = on_end_reply, .on_done = on_end_done};
    const struct gw_redis_eval eval = end_eval(keyed);
    int rc = gw_record_write_start(ex->worker->record_writer, &keyed->write, &eval);
    if (rc != 0)
        return end(keyed, rc);
    gw_exchange_on_cancel(ex, on_end_cancel);
    return GW_WAIT;
}

/* --- the response --- */

static enum gw_verdict end_as(struct keyed *keyed, enum outcome outcome)
{
    keyed->outcome = outcome;
    return start_end(keyed,
                     outcome == OUTCOME_NOT_EXECUTED ? GW_STR("released") : GW_STR("unknown"),
                     GW_STR(""));
}

static bool was_replaced(const struct gw_exchange *ex)
{
    return ex->record.problem != NULL || ex->response.status != ex->record.upstream_status;
}

/* False: too many fields, or such as cannot be written. */
static bool take_fields(const struct keyed *keyed, struct answer *answer)
{
    const struct gw_response *response = &keyed->ex->response;

    for (size_t i = 0; i < response->field_count; i++) {
        const struct gw_field *field = &response->fields[i];
        if (answer_keeps(field->name, keyed->policy->more_fields,
                         keyed->policy->more_field_count) &&
            answer_add(answer, field->name, gw_str_trim(field->value)) != 0)
            return false;
    }
    return true;
}

/* An answer that cannot be kept whole is kept without its body; without a sound head, without that
 * as well. */
static int write_answer(struct keyed *keyed, struct gw_str *out_text)
{
    struct gw_exchange *ex = keyed->ex;
    struct answer answer = {.status = ex->response.status,
                            .is_whole = ex->response.source == NULL,
                            .body = ex->response.body};
    int rc = take_fields(keyed, &answer) ? answer_write(&ex->arena, &answer, out_text) : -ENOSPC;

    if (rc != -ENOSPC && rc != -EINVAL)
        return rc;
    const struct answer bare = {.status = ex->response.status};
    return answer_write(&ex->arena, &bare, out_text);
}

static enum gw_verdict keep_answer(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);
    struct gw_str text;

    if (was_replaced(ex)) /* the backend broke off within the body */
        return end_as(keyed, OUTCOME_UNKNOWN);
    keyed->outcome = OUTCOME_EXECUTED;
    if (write_answer(keyed, &text) != 0) {
        (void)end_unrecorded(keyed);
        return end_as(keyed, OUTCOME_UNKNOWN);
    }
    return start_end(keyed, GW_STR("answered"), text);
}

static enum outcome outcome_so_far(const struct gw_exchange *ex)
{
    const struct gw_exchange_record *record = &ex->record;
    enum outcome outcome = outcome_of(record->upstream_status, record->was_sent, was_replaced(ex));

    /* The last try was refused; of one before it, which was sent, nothing may have been heard. */
    if (outcome == OUTCOME_NOT_EXECUTED && record->was_sent && record->attempts > 1 &&
        gw_effect_is_repeatable(ex->effect))
        return OUTCOME_UNKNOWN;
    if (outcome == OUTCOME_NOT_EXECUTED && ex->claim != NULL && ex->claim->may_have_left)
        return OUTCOME_UNKNOWN; /* the record must say to the next that it has begun */
    return outcome;
}

enum gw_verdict keyed_on_response(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);

    if (keyed == NULL || keyed->phase != CLAIMED)
        return GW_NEXT;
    enum outcome outcome = outcome_so_far(ex);
    if (outcome != OUTCOME_EXECUTED)
        return end_as(keyed, outcome);
    return gw_exchange_try_response_body(ex, keyed->policy->max_answer_bytes, keep_answer);
}
