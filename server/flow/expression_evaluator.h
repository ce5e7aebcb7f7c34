/* A worker's evaluator: what its files share. Private to server/flow. */
#pragma once

#include "server/core/buf.h"
#include "server/flow/expression.h"
#include "server/flow/expression_guard.h"
#include "server/flow/expression_job.h"
#include "server/flow/expression_process.h"
#include "server/flow/expression_program.h"
#include "server/flow/expression_set.h"
#include "server/net/loop.h"

#define GW_JQ_MAX_ENDED 8
#define GW_JQ_HELPERS 3              /* of a worker, at most */
#define GW_JQ_SPARE_BYTES (1u << 20) /* of a buffer that is kept; of frames beside documents */

enum gw_evaluator_state {
    GW_EVALUATOR_IDLE,
    GW_EVALUATOR_WRITING, /* a thread of the pool writes a large input */
    GW_EVALUATOR_LOADING, /* the helper compiles the program that `current` needs */
    GW_EVALUATOR_RUNNING,
    GW_EVALUATOR_READING, /* a thread of the pool reads large results */
};

/* A program that the helper has. */
struct gw_jq_slot {
    struct gw_jq_program *program; /* held; NULL: none */
    bool is_guarded;
    uint64_t used; /* when, as a running number */
};

/* One helper, and what is under way in it. */
struct gw_jq_helper {
    struct gw_evaluator *evaluator;
    enum gw_evaluator_state state;
    struct gw_evaluation *current; /* NULL while busy: it was cancelled */
    struct gw_jq_program *program; /* of the one under way, held */
    bool is_guarded;
    uint32_t slot;

    struct gw_jq_job *job; /* while WRITING or READING */
    struct gw_jq_process process;
    struct gw_poll *poll;
    struct gw_jq_slot slots[GW_JQ_SLOTS];
    uint64_t uses;
    struct gw_buf input, out, in; /* what it is to run; frames */
    size_t sent;                  /* of `out` */
    struct gw_timer deadline;
    unsigned deaths; /* without an answer between them */
    uint64_t not_before_ns;
};

struct gw_evaluator {
    struct gw_loop *loop;
    struct gw_evaluator_limits limits;
    struct gw_list queue;
    size_t queued;
    /* The first does all, as long as nobody has to wait for it. */
    struct gw_jq_helper helpers[GW_JQ_HELPERS];
    struct gw_timer wait, retire, reaper;
    pid_t ended[GW_JQ_MAX_ENDED]; /* to be waited for */
};

/* Fails it, with the text of the expression in the sentence. */
void gw_evaluation_fail(struct gw_evaluation *evaluation, uint32_t index, const char *why);

void gw_evaluator_enqueue(struct gw_evaluator *evaluator, struct gw_evaluation *evaluation);
/* Has helpers that are free begin with what waits. */
void gw_evaluator_pump(struct gw_evaluator *evaluator);

/* --- expression_helper.c ---------------------------------------------------------------------- */

/* Of a helper that is idle. Ends in the evaluation's `done`, perhaps at once. */
void gw_jq_helper_begin(struct gw_jq_helper *helper, struct gw_evaluation *evaluation);
/* It came to its end, or has to: what is under way fails because of it. */
void gw_jq_helper_on_death(struct gw_jq_helper *helper, const char *why);
/* An answer. `body` is borrowed. */
void gw_jq_helper_on_frame(struct gw_jq_helper *helper, uint32_t kind, struct gw_str body);

/* --- expression_link.c ------------------------------------------------------------------------ */

/* Where there is none. 0 or a negative errno. */
GW_MUST_CHECK
int gw_jq_helper_start(struct gw_jq_helper *helper, struct gw_error *error);
void gw_jq_helper_stop(struct gw_jq_helper *helper);
/* Sends as much of `out` as goes. */
void gw_jq_helper_flush(struct gw_jq_helper *helper);
/* Waits for those that were ended; `flags` of waitpid(). Whether none is left. */
bool gw_evaluator_reap(struct gw_evaluator *evaluator, int flags);
