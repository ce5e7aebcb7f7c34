/* Who waits for a helper, and which helper. One expression that takes its time holds up the others
 * for a moment only: then another helper takes them. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/flow/expression_evaluator.h"

#define DEFAULT_MEMORY_BYTES (256u << 20)
#define DEFAULT_TIMEOUT_NS GW_NS_PER_SECOND
#define DEFAULT_IO_BYTES (16u << 20)
/* Less than this a program takes to load, which another helper would have to do, too. */
#define PATIENCE_NS (50 * GW_NS_PER_MS)
#define RETIRE_NS (30 * GW_NS_PER_SECOND) /* without work: helpers but the first end */

/* --- who is free ------------------------------------------------------------------------------ */

static bool is_first(const struct gw_jq_helper *helper)
{
    return helper == &helper->evaluator->helpers[0];
}

/* When it may take the one that waits since `since_ns`: 0: not before something else happens. */
static uint64_t ready_ns_of(const struct gw_jq_helper *helper, uint64_t since_ns)
{
    uint64_t ready_ns = is_first(helper) ? since_ns : since_ns + PATIENCE_NS;

    if (helper->state != GW_EVALUATOR_IDLE)
        return 0;
    return helper->process.pid == 0 && helper->not_before_ns > ready_ns ? helper->not_before_ns
                                                                        : ready_ns;
}

/* A helper for the one that has waited the longest; NULL: none yet, and *out_at_ns is when to look
 * again (0: when one is done). */
static struct gw_jq_helper *find_free(struct gw_evaluator *evaluator, uint64_t now_ns,
                                      uint64_t *out_at_ns)
{
    const struct gw_evaluation *oldest =
        GW_LIST_ITEM(evaluator->queue.next, struct gw_evaluation, node);

    *out_at_ns = 0;
    for (size_t i = 0; i < GW_JQ_HELPERS; i++) {
        uint64_t ready_ns = ready_ns_of(&evaluator->helpers[i], oldest->queued_ns);
        if (ready_ns != 0 && ready_ns <= now_ns)
            return &evaluator->helpers[i];
        if (ready_ns != 0 && (*out_at_ns == 0 || ready_ns < *out_at_ns))
            *out_at_ns = ready_ns;
    }
    return NULL;
}

static void on_retire(struct gw_timer *timer)
{
    struct gw_evaluator *evaluator = GW_CONTAINER_OF(timer, struct gw_evaluator, retire);
    bool is_busy = false;

    for (size_t i = 1; i < GW_JQ_HELPERS; i++) {
        struct gw_jq_helper *helper = &evaluator->helpers[i];
        if (helper->state == GW_EVALUATOR_IDLE)
            gw_jq_helper_stop(helper);
        else
            is_busy = true;
    }
    if (is_busy)
        gw_timer_start(evaluator->loop, timer, RETIRE_NS, on_retire);
}

static void on_wait(struct gw_timer *timer)
{
    gw_evaluator_pump(GW_CONTAINER_OF(timer, struct gw_evaluator, wait));
}

void gw_evaluator_pump(struct gw_evaluator *evaluator)
{
    while (!gw_list_is_empty(&evaluator->queue)) {
        uint64_t now_ns = gw_loop_now_ns(evaluator->loop), at_ns;
        struct gw_jq_helper *helper = find_free(evaluator, now_ns, &at_ns);
        if (helper == NULL) {
            if (at_ns != 0)
                gw_timer_start(evaluator->loop, &evaluator->wait, at_ns - now_ns, on_wait);
            return;
        }
        if (!is_first(helper))
            gw_timer_start(evaluator->loop, &evaluator->retire, RETIRE_NS, on_retire);
        struct gw_list *node = gw_list_take(&evaluator->queue);
        evaluator->queued--;
        gw_jq_helper_begin(helper, GW_LIST_ITEM(node, struct gw_evaluation, node));
    }
}

void gw_evaluator_enqueue(struct gw_evaluator *evaluator, struct gw_evaluation *evaluation)
{
    evaluation->evaluator = evaluator;
    evaluation->queued_ns = gw_loop_now_ns(evaluator->loop);
    gw_list_append(&evaluator->queue, &evaluation->node);
    evaluator->queued++;
    gw_evaluator_pump(evaluator);
}

/* --- life ------------------------------------------------------------------------------------- */

static void default_to(size_t *value, size_t otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

struct gw_evaluator *gw_evaluator_create(struct gw_loop *loop,
                                         const struct gw_evaluator_limits *limits)
{
    struct gw_evaluator *evaluator = calloc(1, sizeof(*evaluator));

    if (evaluator == NULL)
        return NULL;
    evaluator->loop = loop;
    if (limits != NULL)
        evaluator->limits = *limits;
    default_to(&evaluator->limits.max_memory_bytes, DEFAULT_MEMORY_BYTES);
    default_to(&evaluator->limits.max_input_bytes, DEFAULT_IO_BYTES);
    default_to(&evaluator->limits.max_output_bytes, DEFAULT_IO_BYTES);
    if (evaluator->limits.timeout_ns == 0)
        evaluator->limits.timeout_ns = DEFAULT_TIMEOUT_NS;
    if (evaluator->limits.max_programs == 0 || evaluator->limits.max_programs > GW_JQ_SLOTS)
        evaluator->limits.max_programs = GW_JQ_SLOTS;
    gw_list_init(&evaluator->queue);
    for (size_t i = 0; i < GW_JQ_HELPERS; i++) {
        evaluator->helpers[i].evaluator = evaluator;
        gw_buf_init(&evaluator->helpers[i].in,
                    evaluator->limits.max_output_bytes + GW_JQ_SPARE_BYTES);
    }
    return evaluator;
}

void gw_evaluator_destroy(struct gw_evaluator *evaluator)
{
    if (evaluator == NULL)
        return;
    for (size_t i = 0; i < GW_JQ_HELPERS; i++) {
        struct gw_jq_helper *helper = &evaluator->helpers[i];
        if (helper->job != NULL)
            gw_jq_job_abandon(helper->job);
        gw_jq_helper_stop(helper);
        gw_timer_stop(&helper->deadline);
        gw_jq_program_release(helper->program);
        gw_buf_finish(&helper->input);
        gw_buf_finish(&helper->out);
        gw_buf_finish(&helper->in);
    }
    gw_timer_stop(&evaluator->wait);
    gw_timer_stop(&evaluator->retire);
    gw_timer_stop(&evaluator->reaper);
    gw_evaluator_reap(evaluator, 0);
    free(evaluator);
}
