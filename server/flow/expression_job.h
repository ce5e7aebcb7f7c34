/* What goes to a helper as text, and what comes back: on the loop's thread where it is small, else
 * on a thread of the pool. Private to server/flow. */
#pragma once

#include <stdatomic.h>

#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/flow/expression.h"
#include "server/flow/expression_guard.h"

#define GW_JQ_LARGE_BYTES (size_t)(256 * 1024) /* smaller ones take less than a millisecond */

struct gw_jq_helper;
struct gw_loop;

/* "[input,variables]"; what fails is the buffer's to tell. */
void gw_jq_write_input(struct gw_buf *text, const struct gw_value *input,
                       const struct gw_value *variables, struct gw_jq_written *written);

/* An array of results. `body` is copied. 0, -ENOMEM, -EDOM (something was made of a long number) or
 * -EPROTO (it is no JSON). */
GW_MUST_CHECK
int gw_jq_read_results(struct gw_arena *arena, struct gw_str body, bool is_guarded,
                       struct gw_value *out_all);

struct gw_jq_job {
    struct gw_jq_helper *helper; /* NULL: abandoned */
    void (*then)(struct gw_jq_helper *helper, struct gw_jq_job *job);
    /* of writing */
    struct gw_value input, variables;
    struct gw_buf text;
    struct gw_jq_written written;
    atomic_int phase;
    atomic_bool must_stop;
    /* of reading */
    struct gw_arena arena; /* body, then value */
    struct gw_str body;
    bool is_guarded;
    int rc;
    struct gw_value all;
};

/* `then` is called from the loop, unless it is abandoned; the job goes when it returns. The values
 * must stay until then. NULL: there is no memory. */
struct gw_jq_job *gw_jq_job_write(struct gw_loop *loop, struct gw_jq_helper *helper,
                                  const struct gw_evaluation *evaluation, size_t max_bytes,
                                  void (*then)(struct gw_jq_helper *helper, struct gw_jq_job *job));
struct gw_jq_job *gw_jq_job_read(struct gw_loop *loop, struct gw_jq_helper *helper,
                                 struct gw_str body, bool is_guarded,
                                 void (*then)(struct gw_jq_helper *helper, struct gw_jq_job *job));

/* The values of one that writes may go when this returns; `then` is still called. */
void gw_jq_job_stop(struct gw_jq_job *job);
/* The same, and `then` is not called any more. */
void gw_jq_job_abandon(struct gw_jq_job *job);
