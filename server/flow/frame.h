/* What the parts of a run share. Internal to flow/; one worker's thread.
 *
 * A run is a tree of frames: one for each task that is under way, the workflow at the top. A frame
 * waits for one thing, or for its children; what it does when that comes is its `step`. Frames that
 * can go on stand in the run's ready list, and the pump takes them one by one: nothing recurses,
 * however deep a flow goes or how often it loops.
 *
 * All lies in the run's arena. A frame leaves the tree by flow_frame_drop() only, which takes it
 * off every timer and list and cancels what it waits for. */
#pragma once

#include "server/core/arena.h"
#include "server/core/list.h"
#include "server/filter/worker.h"
#include "server/flow/task.h"
#include "server/net/loop.h"

struct flow_frame;

/* A variable of a loop or of a catch, seen by all tasks below. */
struct flow_scope {
    const struct flow_scope *outer;
    struct gw_str name;
    struct gw_value value;
};

enum flow_wait {
    FLOW_WAIT_NONE,
    FLOW_WAIT_EVALUATION,
    FLOW_WAIT_CONNECTOR,
    FLOW_WAIT_OPERATION,
};

typedef void flow_step(struct flow_frame *frame);

struct flow_frame {
    struct gw_flow_run *run;
    struct flow_frame *parent; /* NULL: the workflow */
    struct gw_list node;       /* among the parent's children */
    struct gw_list children;
    struct gw_list ready; /* in the run's list */
    const struct flow_task *task;
    flow_step *step;
    const struct flow_scope *scope; /* what its expressions and its children see */
    const struct flow_scope *outer_scope;
    struct gw_str suffix;       /* of effect keys: which round of which loops */
    struct gw_str below_suffix; /* the same for its children */
    uint64_t started_ns;        /* CLOCK_REALTIME */
    uint64_t deadline_ns;
    struct gw_timer timeout; /* of the task */

    struct gw_value raw_input, input, raw_output, output;
    struct flow_directive then; /* what comes after it */

    /* --- what it waits for --- */
    enum flow_wait wait;
    struct gw_timer timer; /* wait, and the delay of a retry */
    const struct flow_template *asked;
    flow_step *asked_step;        /* what then goes on */
    struct gw_value answer;       /* the asked template, filled; or what a call gave */
    struct gw_str wrong;          /* of an evaluation; ptr NULL: it went well */
    struct gw_flow_error failure; /* of a call */
    union {
        struct gw_evaluation evaluation;
        struct gw_connector_call call;
        struct gw_flow_operation_call operation;
    };

    /* --- of those that have tasks below them --- */
    const struct flow_list *list;
    struct gw_value current; /* what the next task is given */
    uint32_t at;
    uint32_t jumps; /* backwards, by `then` */
    union {
        struct {
            struct gw_value items;
            uint32_t index;
        } loop;
        struct {
            struct gw_value *outputs;
            struct gw_flow_error first_error;
            uint32_t left;
            bool has_failed;
        } fork;
        struct {
            struct gw_flow_error error;
            const struct flow_scope *scope; /* with the error */
            uint64_t since_ns, attempts;
            bool is_catching;
        } attempt;
        uint32_t choice; /* of a switch: the case that is looked at */
    };
};

struct gw_flow_run {
    struct gw_arena arena;
    struct gw_flow_host host;
    struct gw_loop *loop;
    struct gw_flow *flow;
    struct gw_flow_start start;
    struct flow_frame *root;
    struct gw_list ready;
    struct gw_timer deadline, breath;
    struct gw_value context;
    struct gw_str id;
    uint64_t started_ns; /* CLOCK_REALTIME */
    uint32_t steps;
    bool is_pumping, is_over, is_cancelled;
    bool has_failed; /* when over: `error` counts, else the root's output */
    struct gw_flow_error error;
};

/* --- run.c ------------------------------------------------------------------------------------ */

/* Lets all go on that can; when the run is over it is gone afterwards. To be called last by
 * whatever came from outside. */
void flow_run_pump(struct gw_flow_run *run);
/* Ends the run; no `catch` sees it. */
void flow_run_fail(struct gw_flow_run *run, const struct gw_flow_error *error);
/* The arena is at its ceiling. */
void flow_run_exhaust(struct gw_flow_run *run, const struct flow_frame *frame);
/* One more step; false: that was too many, and the run is over. */
bool flow_run_count(struct gw_flow_run *run, const struct flow_frame *frame);
/* The workflow ends here and now, with that output. */
void flow_run_end(struct gw_flow_run *run, struct gw_value output);

/* --- run_task.c ------------------------------------------------------------------------------- */

/* A new frame below `parent` (NULL: the workflow), ready to begin. NULL: the run is over. */
struct flow_frame *flow_frame_push(struct gw_flow_run *run, struct flow_frame *parent,
                                   const struct flow_task *task, struct gw_value input);
void flow_frame_ready(struct flow_frame *frame, flow_step *step);
/* The task has done its work. */
void flow_frame_return(struct flow_frame *frame, struct gw_value output);
/* The task has failed: whoever is above may catch it. */
void flow_frame_raise(struct flow_frame *frame, const struct gw_flow_error *error);
/* Whatever it and all below it wait for is given up; it goes on with `step`. For timers. */
void flow_frame_interrupt(struct flow_frame *frame, flow_step *step);
void flow_frame_drop_children(struct flow_frame *frame);
void flow_frame_drop(struct flow_frame *frame);

/* Fills the template over `input` as `.`, then goes on with `step`, where frame->answer is set. An
 * expression that fails raises an error. */
void flow_frame_ask(struct flow_frame *frame, const struct flow_template *template,
                    struct gw_value input, flow_step *step);

/* --- run_variables.c -------------------------------------------------------------------------- */

/* The variables that the template mentions, as an object. 0 or -ENOMEM. */
GW_MUST_CHECK
int flow_variables(const struct flow_frame *frame, const struct flow_template *template,
                   struct gw_value *out_variables);
/* NULL without memory. */
GW_MUST_CHECK
const struct flow_scope *flow_scope_push(struct gw_flow_run *run, const struct flow_scope *outer,
                                         struct gw_str name, struct gw_value value);
/* The key of the frame's effect: the same on every attempt. ptr NULL without memory. */
GW_MUST_CHECK
struct gw_str flow_effect_key(const struct flow_frame *frame);

/* --- run_error.c ------------------------------------------------------------------------------ */

enum flow_error_type {
    FLOW_ERROR_CONFIGURATION,
    FLOW_ERROR_VALIDATION,
    FLOW_ERROR_EXPRESSION,
    FLOW_ERROR_AUTHENTICATION,
    FLOW_ERROR_AUTHORIZATION,
    FLOW_ERROR_TIMEOUT,
    FLOW_ERROR_COMMUNICATION,
    FLOW_ERROR_RUNTIME,
};

struct gw_flow_error flow_error_of(const struct flow_frame *frame, enum flow_error_type type,
                                   struct gw_str reason);
/* With a communication error's status: that of the answer, if it was one of an error. */
void flow_error_set_status(struct gw_flow_error *error, int status);
/* Is it of that type, by either of its names? */
bool flow_error_is(const struct gw_flow_error *error, struct gw_str type);
/* As `$error` has it. 0 or -ENOMEM. */
GW_MUST_CHECK
int flow_error_value(struct gw_arena *arena, const struct gw_flow_error *error,
                     struct gw_value *out_value);
/* Raises one of the standard errors. */
void flow_raise(struct flow_frame *frame, enum flow_error_type type, struct gw_str reason);

/* --- run_schema.c ----------------------------------------------------------------------------- */

/* Does the value fit? False: an error has been raised, or the run is over. */
bool flow_validate(struct flow_frame *frame, uint32_t schema, const struct gw_value *value,
                   const char *what);

/* --- run_list.c: the tasks of a list, one after the other ---------------------------------------
 */

enum flow_progress {
    FLOW_GOES_ON,  /* the next one is under way, or the run is over */
    FLOW_FINISHED, /* frame->current is the last one's output */
    FLOW_EXITED,   /* likewise, by `then: exit` */
};

enum flow_progress flow_list_begin(struct flow_frame *frame, const struct flow_list *list,
                                   struct gw_value input);
enum flow_progress flow_list_go_on(struct flow_frame *frame, const struct flow_frame *child);

/* --- the kinds of task --------------------------------------------------------------------------
 */

struct flow_kind {
    void (*begin)(struct flow_frame *frame); /* frame->input is set */
    /* A child is done: its output and `then` are set; it is dropped afterwards. */
    void (*child_done)(struct flow_frame *frame, struct flow_frame *child);
    /* A child has failed, and is gone. True: that has been taken care of. */
    bool (*child_failed)(struct flow_frame *frame, const struct gw_flow_error *error);
};

extern const struct flow_kind flow_kinds[FLOW_TASK_KIND_COUNT];

/* Of run_control.c, run_fork.c, run_try.c, run_call.c. */
void flow_begin_for(struct flow_frame *frame);
void flow_for_child_done(struct flow_frame *frame, struct flow_frame *child);
void flow_begin_switch(struct flow_frame *frame);
void flow_begin_raise(struct flow_frame *frame);
void flow_begin_wait(struct flow_frame *frame);
void flow_begin_fork(struct flow_frame *frame);
void flow_fork_child_done(struct flow_frame *frame, struct flow_frame *child);
bool flow_fork_child_failed(struct flow_frame *frame, const struct gw_flow_error *error);
void flow_begin_try(struct flow_frame *frame);
void flow_try_child_done(struct flow_frame *frame, struct flow_frame *child);
bool flow_try_child_failed(struct flow_frame *frame, const struct gw_flow_error *error);
void flow_begin_connector(struct flow_frame *frame);
/* Tells the host of a call that writes; of one that reads, nothing. */
void flow_tell_write(const struct flow_frame *frame, bool has_effect);
void flow_begin_operation(struct flow_frame *frame);
