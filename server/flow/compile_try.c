/* try and catch, retry policies; durations and what `use` names. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/flow/loading.h"

#define DEFAULT_MAX_DELAY_NS (UINT64_C(3600) * GW_NS_PER_SECOND)

uint64_t flow_compile_duration(struct flow_loading *loading, const struct flow_place *place)
{
    struct gw_str inner;
    uint64_t ns = 0;

    if (place->value == NULL ||
        (flow_is(place, GW_JSON_OBJECT) && !flow_check_object(loading, place, FLOW_DURATION)))
        return 0;
    if (!flow_is(place, GW_JSON_OBJECT) && !flow_is(place, GW_JSON_STRING))
        return 0; /* told */
    if (flow_is_expression(flow_text(place), &inner)) {
        flow_error(loading, place, "this duration must be known beforehand: no expression");
        return 0;
    }
    int rc = flow_duration_of(place->value, &ns);
    if (rc == -ERANGE)
        flow_error(loading, place, "is longer than 366 days");
    else if (rc != 0)
        flow_error(loading, place,
                   "is no duration: whole numbers of days, hours, minutes, seconds, milliseconds, "
                   "or a text of ISO 8601 without years and months, like PT30S");
    return ns;
}

struct flow_place flow_compile_use(struct flow_loading *loading, const struct flow_place *name,
                                   const char *kind, const char *what)
{
    struct flow_place all = flow_member_of_type(loading, &loading->use, kind, GW_JSON_OBJECT);
    struct flow_place found = flow_named_member(loading, &all, flow_text(name));

    if (found.value == NULL) {
        struct gw_str near = flow_nearest(all.value, flow_text(name));
        flow_error(loading, name, "use.%s has no %s \"%.*s\"%s%.*s%s", kind, what,
                   GW_STR_ARG(flow_text(name)), FLOW_DID_YOU_MEAN(near));
    }
    return found;
}

uint64_t flow_compile_timeout(struct flow_loading *loading, const struct flow_place *place)
{
    struct flow_place timeout = *place;

    if (flow_is(place, GW_JSON_STRING))
        timeout = flow_compile_use(loading, place, "timeouts", "timeout");
    if (timeout.value == NULL || !flow_check_object(loading, &timeout, FLOW_TIMEOUT))
        return 0;
    struct flow_place after = flow_member(loading, &timeout, "after");
    uint64_t ns = flow_compile_duration(loading, &after);
    if (ns == 0 && after.value != NULL && flow_duration_of(after.value, &ns) == 0)
        flow_error(loading, &after, "a timeout is longer than nothing");
    return ns;
}

static void compile_backoff(struct flow_loading *loading, const struct flow_place *policy,
                            struct flow_retry *retry)
{
    static const struct {
        const char *name;
        enum flow_object object;
    } kinds[] = {[FLOW_BACKOFF_CONSTANT] = {"constant", FLOW_LINEAR},
                 [FLOW_BACKOFF_LINEAR] = {"linear", FLOW_LINEAR},
                 [FLOW_BACKOFF_EXPONENTIAL] = {"exponential", FLOW_EXPONENTIAL}};
    struct flow_place backoff = flow_member_of_type(loading, policy, "backoff", GW_JSON_OBJECT);

    retry->max_delay_ns = DEFAULT_MAX_DELAY_NS;
    retry->factor = 2;
    retry->increment_ns = retry->delay_ns;
    if (!flow_check_object(loading, &backoff, FLOW_BACKOFF))
        return;
    if (backoff.value->count != 1)
        flow_error(loading, &backoff, "is one of constant, linear, exponential");
    for (size_t i = 0; i < GW_COUNT_OF(kinds); i++) {
        struct flow_place kind =
            flow_member_of_type(loading, &backoff, kinds[i].name, GW_JSON_OBJECT);
        if (!flow_check_object(loading, &kind, kinds[i].object))
            continue;
        retry->backoff = (enum flow_backoff)i;
        struct flow_place max = flow_member(loading, &kind, "max");
        struct flow_place increment = flow_member(loading, &kind, "increment");
        struct flow_place factor = flow_member(loading, &kind, "factor");
        if (max.value != NULL)
            retry->max_delay_ns = flow_compile_duration(loading, &max);
        if (increment.value != NULL)
            retry->increment_ns = flow_compile_duration(loading, &increment);
        if (flow_is(&factor, GW_JSON_NUMBER))
            retry->factor = strtod(factor.value->text.ptr, NULL);
        if (!(retry->factor >= 1 && retry->factor <= 100))
            flow_error(loading, &factor, "a factor is 1 to 100");
    }
}

static void compile_limits(struct flow_loading *loading, const struct flow_place *policy,
                           struct flow_retry *retry)
{
    struct flow_place limit = flow_member_of_type(loading, policy, "limit", GW_JSON_OBJECT);
    struct flow_place jitter = flow_member_of_type(loading, policy, "jitter", GW_JSON_OBJECT);
    int64_t number = 0;

    if (flow_check_object(loading, &jitter, FLOW_JITTER)) {
        struct flow_place from = flow_member(loading, &jitter, "from");
        struct flow_place to = flow_member(loading, &jitter, "to");
        retry->jitter_from_ns = flow_compile_duration(loading, &from);
        retry->jitter_to_ns = flow_compile_duration(loading, &to);
        if (retry->jitter_to_ns < retry->jitter_from_ns)
            flow_error(loading, &jitter, "`to` is not before `from`");
    }
    if (!flow_check_object(loading, &limit, FLOW_LIMIT))
        return;
    struct flow_place total = flow_member(loading, &limit, "duration");
    retry->total_ns = flow_compile_duration(loading, &total);
    struct flow_place attempt = flow_member_of_type(loading, &limit, "attempt", GW_JSON_OBJECT);
    if (!flow_check_object(loading, &attempt, FLOW_LIMIT_ATTEMPT))
        return;
    struct flow_place count = flow_member(loading, &attempt, "count");
    struct flow_place duration = flow_member(loading, &attempt, "duration");
    retry->attempt_ns = flow_compile_duration(loading, &duration);
    if (count.value != NULL && (flow_integer_of(count.value, &number) != 0 || number == 0))
        flow_error(loading, &count, "the number of further attempts is a whole one above 0");
    retry->max_attempts = (uint64_t)number;
}

const struct flow_retry *flow_compile_retry(struct flow_loading *loading,
                                            const struct flow_place *place,
                                            struct flow_place *out_policy)
{
    struct flow_place policy = *place;

    out_policy->value = NULL;
    if (flow_is(place, GW_JSON_STRING))
        policy = flow_compile_use(loading, place, "retries", "retry policy");
    if (policy.value == NULL || !flow_check_object(loading, &policy, FLOW_RETRY))
        return NULL;
    struct flow_retry *retry = flow_alloc(loading, 1, sizeof(*retry));
    if (retry == NULL)
        return NULL;
    struct flow_place delay = flow_member(loading, &policy, "delay");
    retry->delay_ns = flow_compile_duration(loading, &delay);
    retry->has_condition = gw_value_member(policy.value, GW_STR("when")) != NULL ||
                           gw_value_member(policy.value, GW_STR("exceptWhen")) != NULL;
    compile_backoff(loading, &policy, retry);
    compile_limits(loading, &policy, retry);
    *out_policy = policy;
    return retry;
}

static void compile_filter(struct flow_loading *loading, const struct flow_place *caught,
                           struct flow_try *attempt)
{
    struct flow_place errors = flow_member_of_type(loading, caught, "errors", GW_JSON_OBJECT);
    int64_t status = 0;

    if (!flow_check_object(loading, &errors, FLOW_CATCH_ERRORS))
        return;
    struct flow_place with = flow_member_of_type(loading, &errors, "with", GW_JSON_OBJECT);
    if (!flow_check_object(loading, &with, FLOW_ERROR_FILTER))
        return;
    if (flow_has_expression(with.value))
        flow_error(loading, &with, "an error filter has no expressions: those stand in `when`");
    attempt->type = gw_value_member_text(with.value, GW_STR("type"));
    attempt->instance = gw_value_member_text(with.value, GW_STR("instance"));
    attempt->title = gw_value_member_text(with.value, GW_STR("title"));
    attempt->detail = gw_value_member_text(with.value, GW_STR("details"));
    if (attempt->detail.len == 0)
        attempt->detail = gw_value_member_text(with.value, GW_STR("detail"));
    const struct gw_value *number = gw_value_member(with.value, GW_STR("status"));
    if (number != NULL && (flow_integer_of(number, &status) != 0 || status < 100 || status > 599))
        flow_error(loading, &with, "a status is 100 to 599");
    attempt->status = (int)status;
}

/* What decides, in one template: so it takes one evaluation. */
static void compile_decision(struct flow_loading *loading, const struct flow_place *caught,
                             const struct flow_place *policy, struct flow_template *out)
{
    struct flow_template_builder builder;
    struct flow_node *parts = flow_alloc(loading, 4, sizeof(*parts));
    const struct flow_place *const owners[] = {caught, caught, policy, policy};

    flow_template_begin(&builder, loading);
    for (size_t i = 0; parts != NULL && i < 4; i++) {
        bool is_exception = i % 2 == 1;
        struct flow_place condition = flow_member_of_type(
            loading, owners[i], is_exception ? "exceptWhen" : "when", GW_JSON_STRING);
        parts[i] = condition.value != NULL ? flow_expression_node(&builder, &condition)
                                           : flow_literal_node(gw_value_bool(!is_exception));
    }
    struct flow_node root = {.kind = FLOW_NODE_ARRAY, .count = 4, .parts = parts};
    flow_template_end(&builder, root, out);
}

void flow_compile_try(struct flow_loading *loading, const struct flow_place *place,
                      struct flow_task *task)
{
    struct flow_place list = flow_member(loading, place, "try");
    struct flow_place caught = flow_member_of_type(loading, place, "catch", GW_JSON_OBJECT);
    struct flow_place policy = {.pointer = place->pointer};

    flow_compile_list(loading, &list, &task->attempt.list);
    if (!flow_check_object(loading, &caught, FLOW_CATCH))
        return;
    struct flow_place as = flow_member(loading, &caught, "as");
    struct flow_place retry = flow_member(loading, &caught, "retry");
    struct flow_place then = flow_member(loading, &caught, "do");
    task->attempt.as = flow_is(&as, GW_JSON_STRING) ? as.value->text : GW_STR("error");
    task->attempt.has_catch_list = flow_is(&then, GW_JSON_ARRAY);
    compile_filter(loading, &caught, &task->attempt);
    task->attempt.retry = flow_compile_retry(loading, &retry, &policy);
    compile_decision(loading, &caught, &policy, &task->attempt.decision);
    flow_compile_list(loading, &then, &task->attempt.catch_list);
}
