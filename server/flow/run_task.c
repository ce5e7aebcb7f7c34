/* The life of a task: its input, its condition, its work, its output, and what it exports. */
#include "server/core/clock.h"
#include "server/flow/frame.h"

static void begin(struct flow_frame *frame);

/* --- frames -------------------------------------------------------------------------------------
 */

static void raise_timeout(struct flow_frame *frame)
{
    flow_raise(frame, FLOW_ERROR_TIMEOUT, GW_STR("the task's time is over"));
}

static void timed_out(struct gw_timer *timer)
{
    flow_frame_interrupt(GW_CONTAINER_OF(timer, struct flow_frame, timeout), raise_timeout);
}

struct flow_frame *flow_frame_push(struct gw_flow_run *run, struct flow_frame *parent,
                                   const struct flow_task *task, struct gw_value input)
{
    if (parent != NULL && !flow_run_count(run, parent))
        return NULL;
    struct flow_frame *frame = gw_arena_calloc(&run->arena, 1, sizeof(*frame));
    if (frame == NULL) {
        if (parent != NULL)
            flow_run_exhaust(run, parent);
        return NULL;
    }
    frame->run = run;
    frame->parent = parent;
    frame->task = task;
    frame->raw_input = frame->input = input;
    frame->then = task->then;
    frame->deadline_ns = run->start.deadline_ns;
    frame->started_ns = run->started_ns;
    gw_list_init(&frame->children);
    if (parent != NULL) {
        gw_list_append(&parent->children, &frame->node);
        frame->scope = frame->outer_scope = parent->scope;
        frame->suffix = frame->below_suffix = parent->below_suffix;
        frame->deadline_ns = parent->deadline_ns;
        frame->started_ns = gw_clock_realtime_ns();
    }
    flow_frame_ready(frame, begin);
    return frame;
}

void flow_frame_ready(struct flow_frame *frame, flow_step *step)
{
    frame->step = step;
    if (!gw_list_is_linked(&frame->ready))
        gw_list_append(&frame->run->ready, &frame->ready);
}

static void stop_waiting(struct flow_frame *frame)
{
    enum flow_wait wait = frame->wait;

    frame->wait = FLOW_WAIT_NONE;
    gw_timer_stop(&frame->timer);
    gw_list_remove(&frame->ready);
    if (wait == FLOW_WAIT_EVALUATION)
        gw_evaluation_cancel(&frame->evaluation);
    else if (wait == FLOW_WAIT_CONNECTOR) {
        flow_tell_write(frame, true); /* what was sent has been sent */
        gw_connector_cancel(&frame->call);
    } else if (wait == FLOW_WAIT_OPERATION)
        frame->run->host.cancel_operation(frame->run->host.self, &frame->operation);
}

static void drop_one(struct flow_frame *frame)
{
    stop_waiting(frame);
    gw_timer_stop(&frame->timeout);
    gw_list_remove(&frame->node);
}

void flow_frame_drop_children(struct flow_frame *frame)
{
    while (!gw_list_is_empty(&frame->children)) {
        struct flow_frame *leaf = frame;
        while (!gw_list_is_empty(&leaf->children))
            leaf = GW_LIST_ITEM(leaf->children.next, struct flow_frame, node);
        drop_one(leaf);
    }
}

void flow_frame_drop(struct flow_frame *frame)
{
    flow_frame_drop_children(frame);
    drop_one(frame);
}

void flow_frame_interrupt(struct flow_frame *frame, flow_step *step)
{
    flow_frame_drop_children(frame);
    stop_waiting(frame);
    flow_frame_ready(frame, step);
    flow_run_pump(frame->run);
}

void flow_frame_raise(struct flow_frame *frame, const struct gw_flow_error *error)
{
    struct gw_flow_run *run = frame->run;
    struct gw_flow_error raised = *error; /* it may lie in a frame that goes */

    while (!run->is_over) {
        struct flow_frame *parent = frame->parent;
        flow_frame_drop(frame);
        if (parent == NULL) {
            flow_run_fail(run, &raised);
            return;
        }
        const struct flow_kind *kind = &flow_kinds[parent->task->kind];
        if (kind->child_failed != NULL && kind->child_failed(parent, &raised))
            return;
        frame = parent;
    }
}

/* --- what is asked ------------------------------------------------------------------------------
 */

static void fill_answer(struct flow_frame *frame)
{
    const struct gw_value *results =
        frame->asked->expression_count > 0 ? frame->evaluation.results : NULL;
    struct gw_str wrong = {NULL, 0};

    if (frame->wrong.ptr != NULL) {
        flow_raise(frame, FLOW_ERROR_EXPRESSION, frame->wrong);
        return;
    }
    int rc = flow_template_fill(frame->asked, results, &frame->input, &frame->run->arena,
                                &frame->answer, &wrong);
    if (rc == 0)
        frame->asked_step(frame);
    else if (wrong.ptr != NULL)
        flow_raise(frame, FLOW_ERROR_EXPRESSION, wrong);
    else
        flow_run_exhaust(frame->run, frame);
}

static void evaluated(struct gw_evaluation *evaluation, const char *failure)
{
    struct flow_frame *frame = evaluation->owner;

    frame->wait = FLOW_WAIT_NONE;
    if (failure != NULL) {
        frame->wrong = gw_arena_copy(&frame->run->arena, gw_str_of(failure));
        if (frame->wrong.ptr == NULL)
            frame->wrong = GW_STR("an expression failed, and there is no memory to say why");
    }
    flow_frame_ready(frame, fill_answer);
    flow_run_pump(frame->run);
}

void flow_frame_ask(struct flow_frame *frame, const struct flow_template *template,
                    struct gw_value input, flow_step *step)
{
    struct gw_flow_run *run = frame->run;
    struct gw_value variables;

    frame->asked = template;
    frame->asked_step = step;
    frame->wrong.ptr = NULL;
    if (template->expression_count == 0) {
        flow_frame_ready(frame, fill_answer);
        return;
    }
    if (run->host.evaluator == NULL) {
        flow_raise(frame, FLOW_ERROR_EXPRESSION, GW_STR("nobody evaluates expressions here"));
        return;
    }
    if (flow_variables(frame, template, &variables) != 0) {
        flow_run_exhaust(run, frame);
        return;
    }
    frame->evaluation = (struct gw_evaluation){.set = run->flow->expressions,
                                               .indices = template->expressions,
                                               .count = template->expression_count,
                                               .input = input,
                                               .variables = variables,
                                               .arena = &run->arena,
                                               .done = evaluated,
                                               .owner = frame};
    frame->wait = FLOW_WAIT_EVALUATION;
    gw_evaluate(run->host.evaluator, &frame->evaluation);
}

/* --- the way of a task --------------------------------------------------------------------------
 */

static void leave(struct flow_frame *frame)
{
    struct gw_flow_run *run = frame->run;
    struct flow_frame *parent = frame->parent;

    flow_frame_drop(frame);
    if (parent == NULL)
        run->is_over = true;
    else
        flow_kinds[parent->task->kind].child_done(parent, frame);
}

/* The task's outcome is final here, and nowhere else: what it gave and the context. A journal of
 * steps would be written at this place, and leave() wait for it. */
static void commit(struct flow_frame *frame)
{
    struct gw_flow_run *run = frame->run;

    if (run->host.committed != NULL)
        run->host.committed(run->host.self, frame->task->pointer, &frame->output, &run->context);
    leave(frame);
}

static void got_export(struct flow_frame *frame)
{
    if (!flow_validate(frame, frame->task->export.schema, &frame->answer, "the exported context"))
        return;
    frame->run->context = frame->answer;
    commit(frame);
}

static void take_output(struct flow_frame *frame, struct gw_value output)
{
    frame->output = output;
    if (!flow_validate(frame, frame->task->output.schema, &frame->output, "the output"))
        return;
    if (frame->task->export.by.root != NULL)
        flow_frame_ask(frame, &frame->task->export.by, frame->output, got_export);
    else
        commit(frame);
}

static void got_output(struct flow_frame *frame)
{
    take_output(frame, frame->answer);
}

void flow_frame_return(struct flow_frame *frame, struct gw_value output)
{
    frame->raw_output = output;
    frame->scope = frame->outer_scope;
    if (frame->task->output.by.root != NULL)
        flow_frame_ask(frame, &frame->task->output.by, output, got_output);
    else
        take_output(frame, output);
}

/* As jq sees it. */
static bool is_true(const struct gw_value *value)
{
    return value->type != GW_JSON_NULL && value->type != GW_JSON_FALSE;
}

static void got_condition(struct flow_frame *frame)
{
    if (is_true(&frame->answer)) {
        flow_kinds[frame->task->kind].begin(frame);
        return;
    }
    frame->output = frame->raw_input; /* as if it were not there */
    frame->then = (struct flow_directive){.kind = FLOW_CONTINUE};
    leave(frame);
}

static void check_condition(struct flow_frame *frame)
{
    if (frame->task->condition.root != NULL)
        flow_frame_ask(frame, &frame->task->condition, frame->input, got_condition);
    else
        flow_kinds[frame->task->kind].begin(frame);
}

static void got_input(struct flow_frame *frame)
{
    frame->input = frame->answer;
    check_condition(frame);
}

static void begin(struct flow_frame *frame)
{
    const struct flow_task *task = frame->task;
    uint64_t now_ns = gw_loop_now_ns(frame->run->loop);

    if (task->timeout_ns > 0) {
        gw_timer_start(frame->run->loop, &frame->timeout, task->timeout_ns, timed_out);
        if (task->timeout_ns < frame->deadline_ns - now_ns && frame->deadline_ns > now_ns)
            frame->deadline_ns = now_ns + task->timeout_ns;
    }
    if (!flow_validate(frame, task->input.schema, &frame->raw_input, "the input"))
        return;
    if (task->input.by.root != NULL)
        flow_frame_ask(frame, &task->input.by, frame->raw_input, got_input);
    else
        check_condition(frame);
}
