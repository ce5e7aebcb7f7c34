/* try: what is caught, tried again after a delay, or mended. */
#include <string.h>

#include "server/crypto/random.h"
#include "server/flow/frame.h"

/* --- one attempt --------------------------------------------------------------------------------
 */

static void attempt_timed_out(struct gw_timer *timer);

static void begin_attempt(struct flow_frame *frame)
{
    const struct flow_try *attempt = &frame->task->attempt;

    frame->attempt.is_catching = false;
    frame->scope = frame->outer_scope;
    if (attempt->retry != NULL && attempt->retry->attempt_ns > 0)
        gw_timer_start(frame->run->loop, &frame->timer, attempt->retry->attempt_ns,
                       attempt_timed_out);
    if (flow_list_begin(frame, &attempt->list, frame->input) != FLOW_GOES_ON)
        flow_frame_return(frame, frame->current);
}

void flow_begin_try(struct flow_frame *frame)
{
    frame->attempt.since_ns = gw_loop_now_ns(frame->run->loop);
    frame->attempt.attempts = 0;
    begin_attempt(frame);
}

void flow_try_child_done(struct flow_frame *frame, struct flow_frame *child)
{
    if (flow_list_go_on(frame, child) == FLOW_GOES_ON)
        return;
    gw_timer_stop(&frame->timer);
    flow_frame_return(frame, frame->current);
}

/* --- is it caught? ------------------------------------------------------------------------------
 */

static bool fits(struct gw_str wanted, struct gw_str text)
{
    return wanted.len == 0 || gw_str_equal(wanted, text);
}

static bool passes_filter(const struct flow_try *attempt, const struct gw_flow_error *error)
{
    return (attempt->type.len == 0 || flow_error_is(error, attempt->type)) &&
           (attempt->status == 0 || attempt->status == error->status) &&
           fits(attempt->instance, error->instance.len > 0 ? error->instance : error->task) &&
           fits(attempt->title, error->title) &&
           fits(attempt->detail, error->is_raised ? error->detail : error->reason);
}

static bool is_true(const struct gw_value *value)
{
    return value->type != GW_JSON_NULL && value->type != GW_JSON_FALSE;
}

/* --- again? -------------------------------------------------------------------------------------
 */

static uint64_t jitter_ns(const struct flow_retry *retry)
{
    uint64_t range_ns = retry->jitter_to_ns - retry->jitter_from_ns, random;

    if (retry->jitter_to_ns == 0)
        return 0;
    gw_random_bytes(&random, sizeof(random));
    return retry->jitter_from_ns + (range_ns > 0 ? random % range_ns : 0);
}

/* Before the attempt number `attempt` (from 1) beyond the first. */
static uint64_t delay_ns(const struct flow_retry *retry, uint64_t attempt)
{
    double ns = (double)retry->delay_ns;

    if (retry->backoff == FLOW_BACKOFF_LINEAR)
        ns += (double)retry->increment_ns * (double)(attempt - 1);
    for (uint64_t i = 1; retry->backoff == FLOW_BACKOFF_EXPONENTIAL && i < attempt &&
                         ns < (double)retry->max_delay_ns;
         i++)
        ns *= retry->factor;
    if (ns > (double)retry->max_delay_ns)
        ns = (double)retry->max_delay_ns;
    return (uint64_t)ns + jitter_ns(retry);
}

static void try_again(struct flow_frame *frame)
{
    if (flow_run_count(frame->run, frame))
        begin_attempt(frame);
}

static void delay_is_over(struct gw_timer *timer)
{
    flow_frame_interrupt(GW_CONTAINER_OF(timer, struct flow_frame, timer), try_again);
}

/* False: it is not tried again. A try that would begin behind the deadline is none. */
static bool wait_to_retry(struct flow_frame *frame)
{
    const struct flow_retry *retry = frame->task->attempt.retry;
    const struct gw_flow_error *error = &frame->attempt.error;
    uint64_t now_ns = gw_loop_now_ns(frame->run->loop);
    uint64_t attempt = frame->attempt.attempts + 1;

    if (retry == NULL || (!error->is_retryable && !retry->has_condition) ||
        (retry->max_attempts > 0 && attempt > retry->max_attempts))
        return false;
    uint64_t ns = delay_ns(retry, attempt);
    if (ns < error->retry_ns)
        ns = error->retry_ns;
    if (now_ns + ns >= frame->deadline_ns ||
        (retry->total_ns > 0 && now_ns + ns - frame->attempt.since_ns > retry->total_ns))
        return false;
    frame->attempt.attempts = attempt;
    gw_timer_start(frame->run->loop, &frame->timer, ns, delay_is_over);
    return true;
}

/* --- what is done about it ----------------------------------------------------------------------
 */

static void begin_catch(struct flow_frame *frame)
{
    frame->attempt.is_catching = true;
    if (flow_list_begin(frame, &frame->task->attempt.catch_list, frame->input) != FLOW_GOES_ON)
        flow_frame_return(frame, frame->current);
}

/* [when, exceptWhen, retry.when, retry.exceptWhen] */
static void got_decision(struct flow_frame *frame)
{
    const struct flow_try *attempt = &frame->task->attempt;
    const struct gw_value *is = frame->answer.items;
    struct gw_flow_error error = frame->attempt.error;

    if (!is_true(&is[0]) || is_true(&is[1])) {
        flow_frame_raise(frame, &error);
        return;
    }
    if (is_true(&is[2]) && !is_true(&is[3]) && wait_to_retry(frame))
        return;
    if (attempt->has_catch_list || attempt->retry == NULL)
        begin_catch(frame);
    else
        flow_frame_raise(frame, &error); /* tried in vain, and nothing else to be done */
}

static void decide(struct flow_frame *frame)
{
    struct gw_flow_run *run = frame->run;
    struct gw_value value;

    if (flow_error_value(&run->arena, &frame->attempt.error, &value) == 0)
        frame->scope = flow_scope_push(run, frame->outer_scope, frame->task->attempt.as, value);
    else
        frame->scope = NULL;
    if (frame->scope == NULL)
        flow_run_exhaust(run, frame);
    else
        flow_frame_ask(frame, &frame->task->attempt.decision, frame->input, got_decision);
}

bool flow_try_child_failed(struct flow_frame *frame, const struct gw_flow_error *error)
{
    gw_timer_stop(&frame->timer);
    if (frame->attempt.is_catching || !passes_filter(&frame->task->attempt, error))
        return false;
    frame->attempt.error = *error;
    flow_frame_ready(frame, decide);
    return true;
}

static void raise_attempt_timeout(struct flow_frame *frame)
{
    struct gw_flow_error error =
        flow_error_of(frame, FLOW_ERROR_TIMEOUT, GW_STR("the attempt's time is over"));

    if (!flow_try_child_failed(frame, &error))
        flow_frame_raise(frame, &error);
}

static void attempt_timed_out(struct gw_timer *timer)
{
    flow_frame_interrupt(GW_CONTAINER_OF(timer, struct flow_frame, timer), raise_attempt_timeout);
}
