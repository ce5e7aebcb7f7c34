/* switch, for, raise and wait. */
#include <errno.h>

#include "server/flow/frame.h"

/* As jq sees it. */
static bool is_true(const struct gw_value *value)
{
    return value->type != GW_JSON_NULL && value->type != GW_JSON_FALSE;
}

/* --- switch: one case after the other, as a later one may not bear what an earlier one takes
 * ------
 */

static void try_case(struct flow_frame *frame);

static void take_case(struct flow_frame *frame)
{
    frame->then = frame->task->choice.cases[frame->choice].then;
    flow_frame_return(frame, frame->input);
}

static void got_case(struct flow_frame *frame)
{
    if (is_true(&frame->answer)) {
        take_case(frame);
        return;
    }
    frame->choice++;
    try_case(frame);
}

static void try_case(struct flow_frame *frame)
{
    const struct flow_switch *choice = &frame->task->choice;

    if (frame->choice >= choice->count)
        flow_frame_return(frame, frame->input); /* and then what the task itself says */
    else if (choice->cases[frame->choice].when.root == NULL)
        take_case(frame);
    else
        flow_frame_ask(frame, &choice->cases[frame->choice].when, frame->input, got_case);
}

void flow_begin_switch(struct flow_frame *frame)
{
    frame->choice = 0;
    try_case(frame);
}

/* --- for ----------------------------------------------------------------------------------------
 */

static void next_round(struct flow_frame *frame);

/* The round's variables, and its part of the effects' keys. */
static bool set_round(struct flow_frame *frame)
{
    const struct flow_for *loop = &frame->task->loop;
    struct gw_flow_run *run = frame->run;
    struct gw_value index;

    if (gw_value_integer(&run->arena, frame->loop.index, &index) != 0)
        return false;
    frame->scope = flow_scope_push(run, frame->outer_scope, loop->each,
                                   frame->loop.items.items[frame->loop.index]);
    if (frame->scope != NULL)
        frame->scope = flow_scope_push(run, frame->scope, loop->at, index);
    frame->below_suffix =
        gw_arena_printf(&run->arena, "%.*s#%u", GW_STR_ARG(frame->suffix), frame->loop.index);
    return frame->scope != NULL && frame->below_suffix.ptr != NULL;
}

static void begin_round(struct flow_frame *frame)
{
    if (flow_list_begin(frame, &frame->task->loop.list, frame->current) == FLOW_GOES_ON)
        return;
    frame->loop.index++; /* the list is empty */
    flow_frame_ready(frame, next_round);
}

static void got_while(struct flow_frame *frame)
{
    if (is_true(&frame->answer))
        begin_round(frame);
    else
        flow_frame_return(frame, frame->current);
}

static void next_round(struct flow_frame *frame)
{
    const struct flow_for *loop = &frame->task->loop;

    if (frame->loop.index >= frame->loop.items.count) {
        flow_frame_return(frame, frame->current);
        return;
    }
    if (!flow_run_count(frame->run, frame))
        return;
    if (!set_round(frame))
        flow_run_exhaust(frame->run, frame);
    else if (loop->condition.root != NULL)
        flow_frame_ask(frame, &loop->condition, frame->current, got_while);
    else
        begin_round(frame);
}

static void got_items(struct flow_frame *frame)
{
    if (frame->answer.type != GW_JSON_ARRAY) {
        flow_raise(frame, FLOW_ERROR_EXPRESSION, GW_STR("for.in does not give an array"));
        return;
    }
    frame->loop.items = frame->answer;
    frame->loop.index = 0;
    frame->current = frame->input;
    next_round(frame);
}

void flow_begin_for(struct flow_frame *frame)
{
    flow_frame_ask(frame, &frame->task->loop.in, frame->input, got_items);
}

void flow_for_child_done(struct flow_frame *frame, struct flow_frame *child)
{
    switch (flow_list_go_on(frame, child)) {
    case FLOW_GOES_ON:
        return;
    case FLOW_EXITED:
        flow_frame_return(frame, frame->current);
        return;
    case FLOW_FINISHED:
        frame->loop.index++;
        next_round(frame);
        return;
    }
}

/* --- raise --------------------------------------------------------------------------------------
 */

static int status_of(const struct gw_value *value)
{
    int64_t number = 0;

    if (flow_integer_of(value, &number) != 0 || number < 400 || number > 599)
        return 0;
    return (int)number;
}

static void got_error(struct flow_frame *frame)
{
    const struct gw_value *given = &frame->answer;
    const struct gw_value *members = gw_value_member(given, GW_STR("members"));
    struct gw_flow_error error = {
        .type = gw_value_member_text(given, GW_STR("type")),
        .status = status_of(gw_value_member(given, GW_STR("status"))),
        .is_raised = true,
        .title = gw_value_member_text(given, GW_STR("title")),
        .detail = gw_value_member_text(given, GW_STR("detail")),
        .instance = gw_value_member_text(given, GW_STR("instance")),
        .is_retryable = true,
        .task = frame->task->pointer,
        .reason = GW_STR("raised by the flow"),
    };

    if (members != NULL && members->type == GW_JSON_OBJECT)
        error.members = *members;
    if (error.type.len == 0 || error.status == 0)
        flow_raise(frame, FLOW_ERROR_EXPRESSION,
                   GW_STR("an error to be raised has a text as type, and a status of 400 to 599"));
    else
        flow_frame_raise(frame, &error);
}

void flow_begin_raise(struct flow_frame *frame)
{
    flow_frame_ask(frame, &frame->task->raise, frame->input, got_error);
}

/* --- wait ---------------------------------------------------------------------------------------
 */

static void return_input(struct flow_frame *frame)
{
    flow_frame_return(frame, frame->input);
}

static void waited(struct gw_timer *timer)
{
    flow_frame_interrupt(GW_CONTAINER_OF(timer, struct flow_frame, timer), return_input);
}

static void got_wait(struct flow_frame *frame)
{
    bool is_literal = frame->task->wait.expression_count == 0;
    uint64_t ns = 0;
    int rc =
        is_literal ? gw_str_to_u64(frame->answer.text, &ns) : flow_duration_of(&frame->answer, &ns);

    if (rc != 0)
        flow_raise(frame, FLOW_ERROR_EXPRESSION, GW_STR("`wait` is given no duration"));
    else
        gw_timer_start(frame->run->loop, &frame->timer, ns, waited);
}

void flow_begin_wait(struct flow_frame *frame)
{
    flow_frame_ask(frame, &frame->task->wait, frame->input, got_wait);
}
