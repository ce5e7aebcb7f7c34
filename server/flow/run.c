/* Runs: begun, pumped, ended. */
#include "server/flow/flow.h"

#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/flow/frame.h"

#define RUN_BLOCK_BYTES (8 * 1024)
#define DEFAULT_MAX_ARENA_BYTES (64u << 20)
#define STEPS_A_BREATH 500 /* frames that go on before the loop has its turn again */

/* --- the end ------------------------------------------------------------------------------------
 */

static void destroy(struct gw_flow_run *run)
{
    gw_timer_stop(&run->deadline);
    gw_timer_stop(&run->breath);
    if (run->root != NULL)
        flow_frame_drop(run->root);
    gw_flow_release(run->flow);
    gw_arena_finish(&run->arena);
    free(run);
}

static void hand_over(struct gw_flow_run *run)
{
    struct gw_value output = run->root->output;

    run->root = NULL; /* it lies in the arena, too */
    if (run->start.memory != NULL) {
        *run->start.memory = run->arena;
        gw_arena_init(&run->arena, RUN_BLOCK_BYTES, 0);
    }
    run->start.done(run->start.self, &output, NULL);
}

/* What is under way is cancelled before anybody is told: nothing comes afterwards. */
static void conclude(struct gw_flow_run *run)
{
    flow_frame_drop(run->root);
    if (run->is_cancelled)
        ; /* nobody wants to know */
    else if (run->has_failed)
        run->start.done(run->start.self, NULL, &run->error);
    else
        hand_over(run);
    run->root = NULL;
    destroy(run);
}

void flow_run_fail(struct gw_flow_run *run, const struct gw_flow_error *error)
{
    if (run->is_over)
        return;
    run->is_over = run->has_failed = true;
    run->error = *error;
}

void flow_run_exhaust(struct gw_flow_run *run, const struct flow_frame *frame)
{
    struct gw_flow_error error =
        flow_error_of(frame, FLOW_ERROR_RUNTIME, GW_STR("the run has used up its memory"));

    flow_run_fail(run, &error);
}

bool flow_run_count(struct gw_flow_run *run, const struct flow_frame *frame)
{
    if (run->is_over)
        return false;
    if (++run->steps <= GW_MAX_FLOW_STEPS)
        return true;
    struct gw_flow_error error =
        flow_error_of(frame, FLOW_ERROR_RUNTIME, GW_STR("the run has taken too many steps"));
    flow_run_fail(run, &error);
    return false;
}

void flow_run_end(struct gw_flow_run *run, struct gw_value output)
{
    flow_frame_drop_children(run->root);
    flow_frame_return(run->root, output);
}

/* --- going on -----------------------------------------------------------------------------------
 */

static void breathed(struct gw_timer *timer)
{
    flow_run_pump(GW_CONTAINER_OF(timer, struct gw_flow_run, breath));
}

void flow_run_pump(struct gw_flow_run *run)
{
    struct gw_list *node;
    unsigned steps = 0;

    if (run->is_pumping)
        return;
    run->is_pumping = true;
    while (!run->is_over && steps++ < STEPS_A_BREATH &&
           (node = gw_list_take(&run->ready)) != NULL) {
        struct flow_frame *frame = GW_LIST_ITEM(node, struct flow_frame, ready);
        frame->step(frame);
    }
    run->is_pumping = false;
    if (run->is_over)
        conclude(run);
    else if (!gw_list_is_empty(&run->ready))
        gw_timer_start(run->loop, &run->breath, 0, breathed);
}

/* Whoever waits deepest is the one to be named. */
static const struct flow_frame *deepest(const struct flow_frame *frame)
{
    while (!gw_list_is_empty(&frame->children))
        frame = GW_LIST_ITEM(frame->children.next, struct flow_frame, node);
    return frame;
}

static void deadline_passed(struct gw_timer *timer)
{
    struct gw_flow_run *run = GW_CONTAINER_OF(timer, struct gw_flow_run, deadline);
    struct gw_flow_error error =
        flow_error_of(deepest(run->root), FLOW_ERROR_TIMEOUT, GW_STR("the request's time is over"));

    flow_run_fail(run, &error);
    flow_run_pump(run);
}

/* --- the beginning ------------------------------------------------------------------------------
 */

static bool copy_start(struct gw_flow_run *run, const struct gw_flow_start *start)
{
    run->start = *start;
    run->start.key = gw_arena_copy(&run->arena, start->key);
    run->start.backend = gw_arena_copy(&run->arena, start->backend);
    return run->start.key.ptr != NULL && run->start.backend.ptr != NULL &&
           gw_value_copy(&run->arena, &start->metadata, &run->start.metadata) == 0 &&
           gw_value_copy(&run->arena, &start->input, &run->start.input) == 0 &&
           gw_value_copy(&run->arena, &start->authorization, &run->start.authorization) == 0;
}

static struct gw_flow_run *create(const struct gw_flow_host *host,
                                  const struct gw_flow_start *start)
{
    struct gw_flow_run *run = calloc(1, sizeof(*run));

    if (run == NULL)
        return NULL;
    gw_arena_init(&run->arena, RUN_BLOCK_BYTES,
                  start->max_arena_bytes > 0 ? start->max_arena_bytes : DEFAULT_MAX_ARENA_BYTES);
    gw_list_init(&run->ready);
    run->host = *host;
    run->loop = host->worker->loop;
    run->flow = gw_flow_hold(start->flow);
    run->started_ns = gw_clock_realtime_ns();
    run->context = gw_value_object(NULL, 0);
    if (copy_start(run, start))
        run->root = flow_frame_push(run, NULL, &run->flow->root, run->start.input);
    if (run->root != NULL)
        return run;
    destroy(run);
    return NULL;
}

struct gw_flow_run *gw_flow_start(const struct gw_flow_host *host,
                                  const struct gw_flow_start *start)
{
    struct gw_flow_run *run = create(host, start);

    if (run == NULL)
        return NULL;
    uint64_t now_ns = gw_loop_now_ns(run->loop);
    uint64_t left_ns = start->deadline_ns > now_ns ? start->deadline_ns - now_ns : 0;
    gw_timer_start(run->loop, &run->deadline, left_ns, deadline_passed);
    flow_run_pump(run);
    return run;
}

void gw_flow_cancel(struct gw_flow_run *run)
{
    run->is_over = run->is_cancelled = true;
    flow_run_pump(run);
}
