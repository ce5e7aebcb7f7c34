#include "idempotency.h"

#include <errno.h>
#include <stdlib.h>

#include "answer.h"
#include "claim.h"
#include "key.h"
#include "late.h"
#include "outcome.h"
#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/filter/worker_share.h"
#include "server/observe/metrics.h"
#include "server/store/reply.h"
#include "server/upstream/effect.h"

#define MAX_MORE_FIELDS 16
#define RETRY_NS GW_NS_PER_SECOND
#define DAY_NS (24 * 3600 * (int64_t)GW_NS_PER_SECOND)
#define MIB (1024 * (int64_t)1024)

static const struct gw_option idempotency_options[] = {
    {"ttl", GW_DURATION, (int64_t)GW_NS_PER_SECOND, 30 * DAY_NS, "24h",
     "How long a key and its answer are remembered.", NULL, NULL, 0},
    {"claim", GW_DURATION, (int64_t)GW_NS_PER_SECOND, DAY_NS, "90s",
     "How long a request may be under way before its outcome counts as unknown; longer than the "
     "backends' total_timeout.",
     NULL, NULL, 0},
    {"max_body", GW_BYTES, 1, 4 * MIB, "1MiB",
     "The largest body of a request with a key; beyond, 413.", NULL, NULL, 0},
    {"max_answer", GW_BYTES, 0, 2 * MIB, "256KiB",
     "The largest body of an answer that is kept. A larger one goes out, and is not replayed.",
     NULL, NULL, 0},
    {"lenient", GW_BOOL, 0, 0, "false",
     "Also accepts keys without quotes, of letters, digits and - . _ ~ :", NULL, NULL, 0},
    {"headers", GW_LIST, 0, MAX_MORE_FIELDS, "[]",
     "Fields of answers that are kept beside the usual ones.", NULL, NULL, 0},
    {"documentation", GW_STRING, 0, 1024, "",
     "A URI that explains keys to callers: a Link of the 400 for a missing one.", NULL, NULL, 0},
    {"redis_timeout", GW_DURATION, 10 * (int64_t)GW_NS_PER_MS, 10 * (int64_t)GW_NS_PER_SECOND,
     "250ms", "How long each of the two records may take, replicas aside.", NULL, NULL, 0},
    {0},
};

#define COUNTER(word, label)                                                              \
    static const struct gw_metric metric_##word = {"millgate_idempotency_requests_total", \
                                                   "Requests with an Idempotency-Key.",   \
                                                   "result=\"" label "\"", false}
COUNTER(answered, "answered");       /* executed, and the answer kept */
COUNTER(replayed, "replayed");       /* the kept answer */
COUNTER(in_flight, "in_flight");     /* 409 */
COUNTER(reused, "reused");           /* 422 */
COUNTER(refused_unknown, "refused"); /* 409: not sent again */
COUNTER(unknown, "unknown");         /* sent, and no usable answer */
COUNTER(released, "released");       /* not executed */
COUNTER(unavailable, "unavailable"); /* 503: nothing was sent */
COUNTER(unrecorded, "unrecorded");   /* 503: executed, and not recorded */
static const struct gw_metric metric_repeated = {
    "millgate_idempotency_repeated_total",
    "Requests sent again under their key after an unknown outcome.", NULL, false};

struct idempotency { /* one per worker */
    struct claim_times times;
    size_t max_body_bytes, max_answer_bytes;
    bool is_lenient;
    struct gw_str more_fields[MAX_MORE_FIELDS];
    size_t more_field_count;
    struct gw_str documentation;
    uint64_t timeout_ns;
    struct gw_worker_share *late; /* opened on the worker's thread */
};

enum keyed_phase { BEGINNING, CLAIMED, ENDING, OVER };

/* One exchange's. */
struct keyed {
    struct idempotency *policy;
    struct gw_exchange *ex;
    struct gw_str key;
    struct claim claim;
    enum keyed_phase phase;
    struct gw_record_write write;
    enum gw_keyed_begin result; /* of the beginning */
    int64_t number;             /* that came with it */
    struct gw_str kept;         /* the answer that came with it */
    bool has_result;
    enum outcome outcome; /* at the end */
    bool is_ours;         /* the end was accepted */
};

static void count(struct keyed *keyed, const struct gw_metric *metric)
{
    gw_metrics_add(keyed->ex->worker->metrics, metric, 1);
}

/* --- life --- */

static void idempotency_destroy(void *self)
{
    struct idempotency *policy = self;

    if (policy == NULL)
        return;
    gw_worker_share_close(policy->late);
    free(policy);
}

static uint64_t number_of(const json_t *config, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(config, key));
}

static int read_fields(struct idempotency *policy, const json_t *list, struct gw_error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gw_str name = gw_str_of(json_string_value(json_array_get(list, i)));
        if (!answer_may_keep(name))
            return gw_error_set_at(error, -EINVAL, "/headers",
                                   "\"%.64s\" belongs to one answer and cannot be kept", name.ptr);
        policy->more_fields[policy->more_field_count++] = name;
    }
    return 0;
}

static int idempotency_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct idempotency *policy = calloc(1, sizeof(*policy));

    if (policy == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for idempotency");
    policy->times.ttl_ns = number_of(config, "ttl");
    policy->times.claim_ns = number_of(config, "claim");
    policy->max_body_bytes = (size_t)number_of(config, "max_body");
    policy->max_answer_bytes = (size_t)number_of(config, "max_answer");
    policy->is_lenient = json_is_true(json_object_get(config, "lenient"));
    policy->documentation = gw_str_of(json_string_value(json_object_get(config, "documentation")));
    policy->timeout_ns = number_of(config, "redis_timeout");
    int rc = read_fields(policy, json_object_get(config, "headers"), error);
    if (rc == 0 && policy->times.claim_ns > policy->times.ttl_ns)
        rc = gw_error_set_at(error, -EINVAL, "/claim", "claim must not be longer than ttl");
    if (rc != 0) {
        idempotency_destroy(policy);
        return rc;
    }
    *out_self = policy;
    return 0;
}

/* --- the key --- */

static enum gw_keying keying_of(const struct gw_exchange *ex)
{
    if (ex->is_preflight)
        return GW_KEYING_OFF;
    if (ex->operation->keying != GW_KEYING_UNSAID)
        return ex->operation->keying;
    return ex->request.method == GW_METHOD_POST || ex->request.method == GW_METHOD_PATCH
               ? GW_KEYING_OPTIONAL
               : GW_KEYING_OFF;
}

static enum gw_verdict refuse_missing(const struct idempotency *policy, struct gw_exchange *ex)
{
    enum gw_verdict verdict = gw_exchange_reject(
        ex, "idempotency-key-missing",
        "Send a key of your own in Idempotency-Key, and the same one when you try again.", 0);

    if (policy->documentation.len > 0) {
        struct gw_str link = gw_arena_printf(&ex->arena, "<%.*s>; rel=\"describedby\"",
                                             GW_STR_ARG(policy->documentation));
        if (link.ptr == NULL || gw_response_add_field(ex, GW_STR("Link"), link) != 0)
            return verdict; /* the refusal matters more than its hint */
    }
    return verdict;
}

/* 0: *out_value is the one field, or NULL. -EINVAL: there are several. */
static int find_key(const struct gw_exchange *ex, const struct gw_str **out_value)
{
    *out_value = NULL;
    for (size_t i = 0; i < ex->request.field_count; i++) {
        if (!gw_str_equal_nocase(ex->request.fields[i].name, GW_STR("Idempotency-Key")))
            continue;
        if (*out_value != NULL)
            return -EINVAL;
        *out_value = &ex->request.fields[i].value;
    }
    return 0;
}

/* --- the end of a claim --- */

static void finish_later(struct keyed *keyed, bool is_doubtful)
{
    late_add(keyed->policy->late, keyed->claim.name, keyed->claim.end_args, is_doubtful);
}

static enum gw_verdict end_unrecorded(struct keyed *keyed)
{
    count(keyed, &metric_unrecorded);
    return gw_exchange_reject(keyed->ex, "outcome-not-recorded",
                              "The request was executed, and its answer could not be recorded: try "
                              "again with the same key.",
                              RETRY_NS);
}

static enum gw_verdict end(struct keyed *keyed, int rc)
{
    static const struct gw_metric *const metrics[] = {[OUTCOME_EXECUTED] = &metric_answered,
                                                      [OUTCOME_NOT_EXECUTED] = &metric_released,
                                                      [OUTCOME_UNKNOWN] = &metric_unknown};

    keyed->phase = OVER;
    if (rc != 0)
        finish_later(keyed, false);
    /* An answer leaves only when it is kept; or another has taken the claim over, and its is. */
    if (keyed->outcome == OUTCOME_EXECUTED && (rc != 0 || !keyed->is_ours))
        return end_unrecorded(keyed);
    count(keyed, metrics[keyed->outcome]);
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
    finish_later(keyed, false);
}

static enum gw_verdict start_end(struct keyed *keyed, struct gw_str what, struct gw_str answer)
{
    struct gw_exchange *ex = keyed->ex;

    keyed->phase = ENDING;
    claim_set_end(&keyed->claim, what, answer);
    keyed->write = (struct gw_record_write){.on_reply = on_end_reply, .on_done = on_end_done};
    const struct gw_redis_eval eval = {
        .script = &gw_keyed_end_script,
        .keys = &keyed->claim.name,
        .key_count = 1,
        .args = keyed->claim.end_args,
        .arg_count = GW_KEYED_END_ARGS,
        .timeout_ns = keyed->policy->timeout_ns,
    };
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

static enum gw_verdict idempotency_on_response(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);

    if (keyed == NULL || keyed->phase != CLAIMED)
        return GW_NEXT;
    const struct gw_exchange_record *record = &ex->record;
    enum outcome outcome = outcome_of(record->upstream_status, record->was_sent, was_replaced(ex));
    if (outcome != OUTCOME_EXECUTED)
        return end_as(keyed, outcome);
    return gw_exchange_try_response_body(ex, keyed->policy->max_answer_bytes, keep_answer);
}

/* --- the beginning of a claim --- */

static enum gw_verdict replay(struct keyed *keyed)
{
    struct gw_exchange *ex = keyed->ex;
    struct answer answer;
    int rc = answer_read(&ex->arena, keyed->kept, &answer);

    if (rc != 0) {
        ex->record.detail = GW_STR("idempotency: a kept answer cannot be read");
        return gw_exchange_reject(ex, rc == -ENOMEM ? "overloaded" : "answer-not-kept", NULL, 0);
    }
    count(keyed, &metric_replayed);
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
        count(keyed, &metric_repeated);
    if (send_key(keyed) != 0) { /* nothing was sent */
        claim_set_end(&keyed->claim, GW_STR("released"), GW_STR(""));
        finish_later(keyed, false);
        keyed->phase = OVER;
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    }
    ex->is_keyed = true;
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
        count(keyed, &metric_in_flight);
        return gw_exchange_reject(ex, "request-in-flight", NULL, RETRY_NS);
    case GW_KEYED_OTHER:
        count(keyed, &metric_reused);
        return gw_exchange_reject(
            ex, "idempotency-key-reused",
            "Method, target, media type and body must be those of the first request.", 0);
    case GW_KEYED_ANSWERED:
        return replay(keyed);
    case GW_KEYED_UNKNOWN:
        count(keyed, &metric_refused_unknown);
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
    count(keyed, &metric_unavailable);
    if (may_stand && (!keyed->has_result || keyed->result == GW_KEYED_GO)) {
        claim_set_end(&keyed->claim, GW_STR("released"), GW_STR(""));
        finish_later(keyed, !keyed->has_result);
    }
    keyed->ex->record.detail = GW_STR("idempotency: the claim could not be recorded");
    return gw_exchange_reject(keyed->ex, "unavailable",
                              "The request's key cannot be recorded now: nothing was sent.",
                              RETRY_NS);
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
    finish_later(keyed, true);
}

static bool is_open(struct keyed *keyed)
{
    struct gw_worker *worker = keyed->ex->worker;

    if (keyed->policy->late == NULL && worker->record_writer != NULL)
        keyed->policy->late = late_open(worker);
    return keyed->policy->late != NULL;
}

static enum gw_verdict begin(void *self, struct gw_exchange *ex)
{
    struct keyed *keyed = *gw_exchange_slot(ex, self);

    if (!is_open(keyed) || claim_prepare(&keyed->claim, ex, keyed->key, &keyed->policy->times) != 0)
        return gw_exchange_reject(ex, "overloaded", NULL, RETRY_NS);
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

static enum gw_verdict idempotency_on_request(void *self, struct gw_exchange *ex)
{
    struct idempotency *policy = self;
    enum gw_keying keying = keying_of(ex);
    const struct gw_str *value;
    const char *flaw = "There must be one only.";

    if (keying == GW_KEYING_OFF)
        return GW_NEXT;
    int rc = find_key(ex, &value);
    if (rc == 0 && value == NULL)
        return keying == GW_KEYING_REQUIRED ? refuse_missing(policy, ex) : GW_NEXT;
    struct keyed *keyed = gw_arena_calloc(&ex->arena, 1, sizeof(*keyed));
    if (keyed == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    if (rc == 0)
        rc = key_parse(&ex->arena, *value, policy->is_lenient, &keyed->key, &flaw);
    if (rc != 0)
        return gw_exchange_reject(ex, rc == -ENOMEM ? "overloaded" : "idempotency-key-invalid",
                                  rc == -ENOMEM ? NULL : flaw, 0);
    ex->record.idempotency_key = keyed->key;
    keyed->policy = policy;
    keyed->ex = ex;
    *gw_exchange_slot(ex, self) = keyed;
    return gw_exchange_need_request_body(ex, policy->max_body_bytes, begin);
}

const struct gw_filter_type gw_idempotency = {
    .name = "idempotency",
    .options = idempotency_options,
    .create = idempotency_create,
    .destroy = idempotency_destroy,
    .on_request = idempotency_on_request,
    .on_response = idempotency_on_response,
};
