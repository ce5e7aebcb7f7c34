/* fork: all branches at once. Either all must end well, and their outputs are one array; or they
 * compete: the first that ends well wins, and the others are given up. */
#include <string.h>

#include "server/flow/frame.h"

void flow_begin_fork(struct flow_frame *frame)
{
    const struct flow_list *branches = &frame->task->fork.branches;

    frame->fork.left = branches->count;
    frame->fork.has_failed = false;
    frame->fork.outputs =
        gw_arena_calloc(&frame->run->arena, branches->count + 1, sizeof(*frame->fork.outputs));
    if (frame->fork.outputs == NULL) {
        flow_run_exhaust(frame->run, frame);
        return;
    }
    for (uint32_t i = 0; i < branches->count; i++)
        if (flow_frame_push(frame->run, frame, &branches->tasks[i], frame->input) == NULL)
            return;
}

void flow_fork_child_done(struct flow_frame *frame, struct flow_frame *child)
{
    const struct flow_fork *fork = &frame->task->fork;

    if (child->then.kind == FLOW_END) {
        flow_run_end(frame->run, child->output);
        return;
    }
    if (fork->competes) {
        flow_frame_drop_children(frame);
        flow_frame_return(frame, child->output);
        return;
    }
    frame->fork.outputs[child->task - fork->branches.tasks] = child->output;
    if (--frame->fork.left == 0)
        flow_frame_return(frame, gw_value_array(frame->fork.outputs, fork->branches.count));
}

/* A competitor that fails is out of the race; without one left, the first failure is the fork's. */
bool flow_fork_child_failed(struct flow_frame *frame, const struct gw_flow_error *error)
{
    if (!frame->task->fork.competes)
        return false;
    if (!frame->fork.has_failed)
        frame->fork.first_error = *error;
    frame->fork.has_failed = true;
    if (--frame->fork.left == 0)
        flow_frame_raise(frame, &frame->fork.first_error);
    return true;
}
