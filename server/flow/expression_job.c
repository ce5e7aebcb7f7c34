#include "server/flow/expression_job.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "server/net/loop.h"

#define BLOCK_BYTES (64 * 1024)
#define MAX_BYTES ((size_t)512 * 1024 * 1024) /* the run's own ceiling is less */

enum phase { PHASE_WAITING, PHASE_AT_WORK, PHASE_OVER };

/* --- the work --------------------------------------------------------------------------------- */

void gw_jq_write_input(struct gw_buf *text, const struct gw_value *input,
                       const struct gw_value *variables, struct gw_jq_written *written)
{
    gw_buf_append_byte(text, '[');
    gw_jq_write_value(text, input, written);
    gw_buf_append_byte(text, ',');
    gw_jq_write_value(text, variables, written);
    gw_buf_append_byte(text, ']');
}

int gw_jq_read_results(struct gw_arena *arena, struct gw_str body, bool is_guarded,
                       struct gw_value *out_all)
{
    const struct gw_json_limits limits = {.max_bytes = SIZE_MAX / 2,
                                          .max_depth = GW_JSON_DEPTH_CEILING};
    struct gw_str text = gw_arena_copy(arena, body);
    struct gw_json_error error;
    struct gw_value all;

    if (text.ptr == NULL)
        return -ENOMEM;
    int rc = gw_value_read(arena, text, &limits, &all, &error);
    if (rc == 0 && is_guarded) {
        rc = gw_jq_restore(arena, &all, out_all);
        return rc == -EINVAL ? -EDOM : rc;
    }
    if (rc == 0)
        *out_all = all;
    return rc == 0 || rc == -ENOMEM ? rc : -EPROTO;
}

/* --- on a thread of the pool ------------------------------------------------------------------ */

static void destroy(struct gw_jq_job *job)
{
    gw_buf_finish(&job->text);
    gw_arena_finish(&job->arena);
    free(job);
}

static void worked(void *self)
{
    struct gw_jq_job *job = self;

    if (job->helper != NULL)
        job->then(job->helper, job);
    destroy(job);
}

static void write_input(void *self)
{
    struct gw_jq_job *job = self;
    int waiting = PHASE_WAITING;

    if (!atomic_compare_exchange_strong(&job->phase, &waiting, PHASE_AT_WORK))
        return;
    gw_jq_write_input(&job->text, &job->input, &job->variables, &job->written);
    atomic_store(&job->phase, PHASE_OVER);
}

static void read_results(void *self)
{
    struct gw_jq_job *job = self;

    job->rc = gw_jq_read_results(&job->arena, job->body, job->is_guarded, &job->all);
}

static struct gw_jq_job *begin(struct gw_loop *loop, struct gw_jq_job *job, void (*work)(void *))
{
    if (gw_loop_offload(loop, work, worked, job) == 0)
        return job;
    destroy(job);
    return NULL;
}

static struct gw_jq_job *create(struct gw_jq_helper *helper,
                                void (*then)(struct gw_jq_helper *helper, struct gw_jq_job *job))
{
    struct gw_jq_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->helper = helper;
    job->then = then;
    gw_arena_init(&job->arena, BLOCK_BYTES, MAX_BYTES);
    return job;
}

struct gw_jq_job *gw_jq_job_write(struct gw_loop *loop, struct gw_jq_helper *helper,
                                  const struct gw_evaluation *evaluation, size_t max_bytes,
                                  void (*then)(struct gw_jq_helper *helper, struct gw_jq_job *job))
{
    struct gw_jq_job *job = create(helper, then);

    if (job == NULL)
        return NULL;
    job->input = evaluation->input;
    job->variables = evaluation->variables;
    job->written.must_stop = &job->must_stop;
    gw_buf_init(&job->text, max_bytes);
    return begin(loop, job, write_input);
}

struct gw_jq_job *gw_jq_job_read(struct gw_loop *loop, struct gw_jq_helper *helper,
                                 struct gw_str body, bool is_guarded,
                                 void (*then)(struct gw_jq_helper *helper, struct gw_jq_job *job))
{
    struct gw_jq_job *job = create(helper, then);

    if (job == NULL)
        return NULL;
    job->is_guarded = is_guarded;
    job->body = gw_arena_copy(&job->arena, body);
    if (job->body.ptr == NULL) {
        destroy(job);
        return NULL;
    }
    return begin(loop, job, read_results);
}

/* Whoever writes looks at the flag with each array and object: the wait is short. */
void gw_jq_job_stop(struct gw_jq_job *job)
{
    int waiting = PHASE_WAITING;

    atomic_store(&job->must_stop, true);
    if (atomic_compare_exchange_strong(&job->phase, &waiting, PHASE_OVER))
        return;
    while (atomic_load(&job->phase) == PHASE_AT_WORK)
        sched_yield();
}

void gw_jq_job_abandon(struct gw_jq_job *job)
{
    job->helper = NULL;
    gw_jq_job_stop(job);
}
