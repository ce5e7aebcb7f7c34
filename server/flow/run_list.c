/* The tasks of a list, one after the other; and the kinds of task that do little else. */
#include "server/flow/frame.h"

/* A task that is run again because a later one went back to it is another effect than before. */
static bool set_suffix(struct flow_frame *frame, struct flow_frame *child)
{
    if (frame->jumps == 0)
        return true;
    child->suffix = gw_arena_printf(&frame->run->arena, "%.*s@%u", GW_STR_ARG(frame->below_suffix),
                                    frame->jumps);
    child->below_suffix = child->suffix;
    if (child->suffix.ptr == NULL)
        flow_run_exhaust(frame->run, frame);
    return child->suffix.ptr != NULL;
}

static enum flow_progress push(struct flow_frame *frame)
{
    if (frame->at >= frame->list->count)
        return FLOW_FINISHED;
    struct flow_frame *child =
        flow_frame_push(frame->run, frame, &frame->list->tasks[frame->at], frame->current);
    if (child != NULL)
        (void)set_suffix(frame, child); /* if not, the run is over */
    return FLOW_GOES_ON;
}

enum flow_progress flow_list_begin(struct flow_frame *frame, const struct flow_list *list,
                                   struct gw_value input)
{
    frame->list = list;
    frame->current = input;
    frame->at = frame->jumps = 0;
    return push(frame);
}

enum flow_progress flow_list_go_on(struct flow_frame *frame, const struct flow_frame *child)
{
    frame->current = child->output;
    switch (child->then.kind) {
    case FLOW_EXIT:
        return FLOW_EXITED;
    case FLOW_END:
        flow_run_end(frame->run, child->output);
        return FLOW_GOES_ON;
    case FLOW_GO:
        if (child->then.task <= frame->at)
            frame->jumps++;
        frame->at = child->then.task;
        break;
    case FLOW_CONTINUE:
        frame->at++;
        break;
    }
    return push(frame);
}

/* --- do, set, and the document's functions ------------------------------------------------------
 */

static void begin_do(struct flow_frame *frame)
{
    if (flow_list_begin(frame, &frame->task->list, frame->input) != FLOW_GOES_ON)
        flow_frame_return(frame, frame->current);
}

static void list_child_done(struct flow_frame *frame, struct flow_frame *child)
{
    if (flow_list_go_on(frame, child) != FLOW_GOES_ON)
        flow_frame_return(frame, frame->current);
}

static void return_answer(struct flow_frame *frame)
{
    flow_frame_return(frame, frame->answer);
}

static void begin_set(struct flow_frame *frame)
{
    flow_frame_ask(frame, &frame->task->set, frame->input, return_answer);
}

/* Its tasks see what they are given, and no variable of the caller. */
static void call_function(struct flow_frame *frame)
{
    frame->scope = NULL;
    if (flow_list_begin(frame, &frame->task->function.list, frame->answer) != FLOW_GOES_ON)
        flow_frame_return(frame, frame->current);
}

static void begin_function(struct flow_frame *frame)
{
    frame->answer = gw_value_object(NULL, 0);
    if (frame->task->function.with.root != NULL)
        flow_frame_ask(frame, &frame->task->function.with, frame->input, call_function);
    else
        call_function(frame);
}

const struct flow_kind flow_kinds[FLOW_TASK_KIND_COUNT] = {
    [FLOW_TASK_DO] = {begin_do, list_child_done, NULL},
    [FLOW_TASK_SET] = {begin_set, NULL, NULL},
    [FLOW_TASK_SWITCH] = {flow_begin_switch, NULL, NULL},
    [FLOW_TASK_FOR] = {flow_begin_for, flow_for_child_done, NULL},
    [FLOW_TASK_FORK] = {flow_begin_fork, flow_fork_child_done, flow_fork_child_failed},
    [FLOW_TASK_TRY] = {flow_begin_try, flow_try_child_done, flow_try_child_failed},
    [FLOW_TASK_RAISE] = {flow_begin_raise, NULL, NULL},
    [FLOW_TASK_WAIT] = {flow_begin_wait, NULL, NULL},
    [FLOW_TASK_CONNECTOR] = {flow_begin_connector, NULL, NULL},
    [FLOW_TASK_OPERATION] = {flow_begin_operation, NULL, NULL},
    [FLOW_TASK_FUNCTION] = {begin_function, list_child_done, NULL},
};
