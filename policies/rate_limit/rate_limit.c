#include "rate_limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"
#include "script.h"
#include "server/contract/operation.h"
#include "server/core/breaker.h"
#include "server/core/clock.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"
#include "server/store/redis.h"
#include "share.h"

#define NUMBER_BYTES 20 /* of the largest uint64_t */

static const struct gw_option rate_limit_options[] = {
    {"plans", GW_SECTION, 0, 0, NULL, "The plans that contracts name.", plan_options, NULL, 0},
    {"redis_timeout", GW_DURATION, (int64_t)GW_NS_PER_MS, (int64_t)GW_NS_PER_SECOND, "20ms",
     "How long a decision may wait for Redis; then the local share decides.", NULL, NULL, 0},
    {"instances", GW_INT, 1, 10000, "1",
     "Gateways in the fleet, at least: without Redis each grants its part of a plan.", NULL, NULL,
     0},
    {"breaker_failures", GW_INT, 1, 1000, "5",
     "After so many failures in a row Redis is not asked for `breaker_pause`.", NULL, NULL, 0},
    {"breaker_pause", GW_DURATION, (int64_t)GW_NS_PER_MS, 60 * (int64_t)GW_NS_PER_SECOND, "1s",
     "Then one request at a time tries again.", NULL, NULL, 0},
    {"local_subjects", GW_INT, 1, 1000000, "10000",
     "Consumers that a worker remembers while Redis is away; about 250 bytes each.", NULL, NULL, 0},
    {0},
};

static const struct gw_metric metric_admitted = {"millgate_rate_limit_decisions_total",
                                                 "Decisions of the rate limit.",
                                                 "result=\"admitted\"", false};
static const struct gw_metric metric_refused = {"millgate_rate_limit_decisions_total",
                                                "Decisions of the rate limit.",
                                                "result=\"refused\"", false};
static const struct gw_metric metric_local = {"millgate_rate_limit_local_total",
                                              "Decisions made without Redis.", NULL, false};
static const struct gw_metric metric_timeouts = {"millgate_rate_limit_redis_timeouts_total",
                                                 "Questions that Redis did not answer in time.",
                                                 NULL, false};

struct rate_limit { /* one per worker */
    struct plan_table plans;
    uint64_t timeout_ns;
    uint64_t instances;
    struct gw_breaker breaker;
    struct share *share;
};

/* One exchange's. */
struct question {
    struct rate_limit *limit;
    struct gw_exchange *ex;
    const struct plan *plan;
    struct gw_str key;
    struct gw_str args[2];
    struct gw_redis_eval eval;
    struct gw_redis_call *call;
    struct gcra_decision decision;
    bool is_decided;
};

static void rate_limit_destroy(void *self)
{
    struct rate_limit *limit = self;

    if (limit == NULL)
        return;
    plan_table_finish(&limit->plans);
    share_destroy(limit->share);
    free(limit);
}

static uint64_t integer_of(const json_t *config, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(config, key));
}

static int rate_limit_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct rate_limit *limit = calloc(1, sizeof(*limit));

    if (limit == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the rate limit");
    int rc = plan_table_init(&limit->plans, json_object_get(config, "plans"), error);
    if (rc != 0)
        goto fail;
    limit->timeout_ns = integer_of(config, "redis_timeout");
    limit->instances = integer_of(config, "instances");
    limit->breaker.max_failures = (unsigned)integer_of(config, "breaker_failures");
    limit->breaker.pause_ns = integer_of(config, "breaker_pause");
    limit->share = share_create((size_t)integer_of(config, "local_subjects"));
    if (limit->share == NULL) {
        rc = gw_error_set(error, -ENOMEM, "no memory for the rate limit's local share");
        goto fail;
    }
    *out_self = limit;
    return 0;

fail:
    rate_limit_destroy(limit);
    return rc;
}

/* --- who is asked for --- */

/* An IPv6 client has a network of 2^64 addresses to come from: that network is the subject. */
static struct gw_str address_subject(struct gw_exchange *ex)
{
    unsigned char address[16];
    char text[INET6_ADDRSTRLEN];

    if (ex->request.peer.len >= sizeof(text))
        return ex->request.peer;
    memcpy(text, ex->request.peer.ptr, ex->request.peer.len);
    text[ex->request.peer.len] = '\0';
    if (inet_pton(AF_INET6, text, address) != 1)
        return ex->request.peer;
    memset(address + 8, 0, 8);
    inet_ntop(AF_INET6, address, text, sizeof(text));
    return gw_arena_copy(&ex->arena, gw_str_of(text));
}

/* millgate:rl:{consumer}:plan, or millgate:rl:ip:{address}:plan. What is in braces decides the
 * slot in a cluster; a plan's name has neither brace nor colon, so no two subjects share a key. */
static struct gw_str make_key(struct gw_exchange *ex, const struct plan *plan)
{
    bool is_known = ex->identity.consumer.len > 0;
    struct gw_str prefix = is_known ? GW_STR("millgate:rl:{") : GW_STR("millgate:rl:ip:{");
    struct gw_str subject =
        is_known || ex->request.peer.len == 0 ? ex->identity.consumer : address_subject(ex);
    char *key = gw_arena_alloc(&ex->arena, prefix.len + subject.len + 2 + plan->name.len);
    char *at = key;

    if (key == NULL || (subject.ptr == NULL && subject.len > 0))
        return gw_str_from(NULL, 0);
    memcpy(at, prefix.ptr, prefix.len);
    at += prefix.len;
    if (subject.len > 0)
        memcpy(at, subject.ptr, subject.len);
    at += subject.len;
    *at++ = '}';
    *at++ = ':';
    memcpy(at, plan->name.ptr, plan->name.len);
    return gw_str_from(key, (size_t)(at - key) + plan->name.len);
}

/* --- deciding --- */

static enum gw_verdict decide(struct question *question, struct gcra_decision decision)
{
    struct gw_exchange *ex = question->ex;

    question->decision = decision;
    question->is_decided = true;
    gw_metrics_add(ex->worker->metrics, decision.is_admitted ? &metric_admitted : &metric_refused,
                   1);
    if (decision.is_admitted)
        return GW_NEXT;
    return gw_exchange_reject(ex, "rate-limited",
                              "The plan's limit is reached; Retry-After says when to come back.",
                              decision.reset_ns);
}

static enum gw_verdict decide_locally(struct question *question)
{
    struct gw_worker *worker = question->ex->worker;
    struct rate_limit *limit = question->limit;
    struct gcra_rate rate = plan_share(question->plan, limit->instances * worker->count);

    gw_metrics_add(worker->metrics, &metric_local, 1);
    return decide(question,
                  share_take(limit->share, question->key, &rate, gw_loop_now_ns(worker->loop)));
}

static void on_answer(void *self, int rc, const struct gw_reply *reply)
{
    struct question *question = self;
    struct gw_worker *worker = question->ex->worker;
    struct gw_breaker *breaker = &question->limit->breaker;
    enum gw_verdict verdict;

    question->call = NULL;
    if (rc == 0 && reply->type == GW_REPLY_INTEGER) {
        gw_breaker_success(breaker);
        verdict = decide(question, gcra_decide(&question->plan->rate, reply->integer));
    } else {
        if (rc == -ETIMEDOUT)
            gw_metrics_add(worker->metrics, &metric_timeouts, 1);
        gw_breaker_failure(breaker, gw_loop_now_ns(worker->loop));
        verdict = decide_locally(question);
    }
    gw_exchange_resume(question->ex, verdict);
}

static void on_client_left(void *self, struct gw_exchange *ex)
{
    struct rate_limit *limit = self;
    struct question *question = *gw_exchange_slot(ex, self);

    if (question == NULL || question->call == NULL)
        return;
    gw_redis_cancel(question->call);
    question->call = NULL;
    gw_breaker_cancel(&limit->breaker);
}

static bool ask_redis(struct question *question)
{
    struct gw_worker *worker = question->ex->worker;
    struct gw_breaker *breaker = &question->limit->breaker;
    uint64_t now_ns = gw_loop_now_ns(worker->loop);

    if (!gw_breaker_allows(breaker, now_ns))
        return false;
    question->args[0] = question->plan->step;
    question->args[1] = question->plan->room;
    question->eval = (struct gw_redis_eval){
        .script = &rate_limit_script,
        .keys = &question->key,
        .key_count = 1,
        .args = question->args,
        .arg_count = 2,
        .timeout_ns = question->limit->timeout_ns,
    };
    if (gw_redis_eval(worker->redis, &question->eval, on_answer, question, &question->call) == 0)
        return true;
    gw_breaker_failure(breaker, now_ns);
    return false;
}

static enum gw_verdict rate_limit_on_request(void *self, struct gw_exchange *ex)
{
    struct rate_limit *limit = self;
    struct gw_str name = ex->operation->plan;

    /* The contract names none, and the operator's floor has no default. */
    if (name.len == 0)
        return GW_NEXT;
    const struct plan *plan = plan_table_find(&limit->plans, name);
    if (plan == NULL) { /* a snapshot that names it should not have come this far: fail closed */
        ex->record.detail = GW_STR("the operation's plan is not configured");
        return GW_FAIL;
    }
    struct question *question = gw_arena_calloc(&ex->arena, 1, sizeof(*question));
    if (question != NULL)
        question->key = make_key(ex, plan);
    if (question == NULL || question->key.ptr == NULL)
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    question->limit = limit;
    question->ex = ex;
    question->plan = plan;
    *gw_exchange_slot(ex, self) = question;
    if (!ask_redis(question))
        return decide_locally(question);
    gw_exchange_on_cancel(ex, on_client_left);
    return GW_WAIT;
}

/* --- what the caller is told --- */

static char *append_number(char *out, uint64_t number)
{
    char digits[NUMBER_BYTES];
    size_t at = NUMBER_BYTES;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(out, digits + at, NUMBER_BYTES - at);
    return out + NUMBER_BYTES - at;
}

/* draft-ietf-httpapi-ratelimit-headers, section 4: "standard";r=50;t=30 */
static enum gw_verdict rate_limit_on_response(void *self, struct gw_exchange *ex)
{
    const struct question *question = *gw_exchange_slot(ex, self);

    if (question == NULL || !question->is_decided)
        return GW_NEXT;
    const struct plan *plan = question->plan;
    char *text = gw_arena_alloc(&ex->arena, plan->current_prefix.len + 2 * NUMBER_BYTES + 4);
    if (text == NULL)
        return GW_NEXT;
    memcpy(text, plan->current_prefix.ptr, plan->current_prefix.len);
    char *at = append_number(text + plan->current_prefix.len, question->decision.remaining);
    memcpy(at, ";t=", 3);
    at = append_number(at + 3,
                       (question->decision.reset_ns + GW_NS_PER_SECOND - 1) / GW_NS_PER_SECOND);

    *at = '\0'; /* as fields end */

    /* What an upstream says of limits of its own would contradict ours. A response that is full of
     * fields goes out without. */
    gw_response_remove_field(ex, GW_STR("RateLimit-Policy"));
    gw_response_remove_field(ex, GW_STR("RateLimit"));
    if (gw_response_add_field(ex, GW_STR("RateLimit-Policy"), plan->policy) == 0 &&
        gw_response_add_field(ex, GW_STR("RateLimit"), gw_str_from(text, (size_t)(at - text))) != 0)
        gw_response_remove_field(ex, GW_STR("RateLimit-Policy"));
    return GW_NEXT;
}

const struct gw_filter_type gw_rate_limit = {
    .name = "rate_limit",
    .options = rate_limit_options,
    .create = rate_limit_create,
    .destroy = rate_limit_destroy,
    .on_request = rate_limit_on_request,
    .on_response = rate_limit_on_response,
};
