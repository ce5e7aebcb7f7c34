/* Runtime expressions of flows: jq 1.6 in strict mode, `${ ... }` (Serverless Workflow DSL 1.0).
 *
 * Paths (`.a.b[0]`, `$input.x`), literals and what else can be decided exactly and soon are
 * evaluated here, on the worker, with numbers unchanged. All else runs in a helper process of the
 * worker (libjq can neither be interrupted nor survives a lack of memory), with a bound on memory
 * and a deadline: an expression that does not end is killed and named, and stalls nobody. Numbers
 * that a double cannot hold pass through it unchanged, and cannot be calculated with.
 *
 * Not allowed: env, $ENV, input, inputs, debug, stderr, halt, halt_error, input_filename, import,
 * include, $__prog_args: an expression sees its input and its variables
 * only. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/error.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/json/value.h"

struct gw_arena;
struct gw_loop;

#define GW_MAX_EXPRESSION_BYTES (16 * 1024)
#define GW_EXPRESSION_DEFINITIONS UINT32_MAX /* in the place of an index: the set's definitions */

/* --- compiled: of one document, immutable once compiled, any thread ----------------------------
 */

struct gw_expressions;

/* `definitions` is jq text of functions (`def name: ...;`) that all its expressions may use; empty
 * for none. NULL without memory. */
GW_MUST_CHECK
struct gw_expressions *gw_expressions_create(struct gw_str definitions);
struct gw_expressions *gw_expressions_hold(struct gw_expressions *set);
void gw_expressions_release(struct gw_expressions *set); /* NULL is safe */

/* Adds one; `text` is without `${` and `}`. The same text is kept once. -EINVAL: *error says why.
 */
GW_MUST_CHECK
int gw_expressions_add(struct gw_expressions *set, struct gw_str text, uint32_t *out_index,
                       struct gw_error *error);

/* Has libjq compile those of many sets at once, in helper processes: sets with the same definitions
 * share programs, and a set that has joined one before keeps it and costs nothing. For each that is
 * wrong `refuse` is told which and why, in the sets' order. 0, -EINVAL when one was refused,
 * -EAGAIN when helpers are ended from outside time and again, -ETIMEDOUT, -ENOMEM. Blocks; no
 * worker's thread. */
GW_MUST_CHECK
int gw_expressions_compile(struct gw_expressions *const *sets, size_t count,
                           void (*refuse)(void *self, size_t set, uint32_t index, const char *why),
                           void *self);

/* --- evaluation: one worker's thread -----------------------------------------------------------
 */

struct gw_evaluator;

struct gw_evaluator_limits {
    size_t max_memory_bytes;                  /* of the helper; 0: 256 MiB */
    uint64_t timeout_ns;                      /* of one evaluation in the helper; 0: 1 s */
    size_t max_input_bytes, max_output_bytes; /* 0: 16 MiB */
    uint32_t max_programs;                    /* that it keeps compiled; 0: 200, the most */
};

/* The helper is started on first use. NULL without memory. */
GW_MUST_CHECK
struct gw_evaluator *gw_evaluator_create(struct gw_loop *loop,
                                         const struct gw_evaluator_limits *limits);
void gw_evaluator_destroy(struct gw_evaluator *evaluator); /* none is under way; NULL is safe */

/* Several expressions of one set over one input and the same variables, in one go. Set up by the
 * caller, whose it is until `done`. */
struct gw_evaluation {
    const struct gw_expressions *set;
    const uint32_t *indices;
    size_t count;
    struct gw_value input; /* `.` */
    struct gw_value
        variables; /* an object: `$context`, `$input`, ... are its members, without the `$` */
    struct gw_arena *arena; /* of the results */
    /* Called once, unless cancelled; perhaps before gw_evaluate() returns. `failure` is NULL: all
     * results are there. Else it is a sentence for the operator that names the expression; errors
     * of `error(...)` and wrong types are such, too. */
    void (*done)(struct gw_evaluation *evaluation, const char *failure);
    void *owner;
    struct gw_value *results; /* in the arena, `count` of them; an expression that yields nothing:
                                 null; one that yields several: an array of them */

    /* --- the evaluator's part --- */
    struct gw_list node;
    struct gw_evaluator *evaluator; /* NULL: not under way */
    uint64_t queued_ns;
    uint32_t *rest; /* places of the results that the helper has to find */
    size_t rest_count;
};

/* `done` may evaluate again or cancel others, but not destroy the evaluator. */
void gw_evaluate(struct gw_evaluator *evaluator, struct gw_evaluation *evaluation);
/* `done` is not called any more. Nothing happens to one that is not under way. */
void gw_evaluation_cancel(struct gw_evaluation *evaluation);
