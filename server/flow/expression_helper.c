/* One evaluation after the other in a helper; one that does not end, or ends it, fails alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/flow/expression_evaluator.h"

#define LOAD_TIMEOUT_NS (10 * GW_NS_PER_SECOND)
#define POOL_TIMEOUT_NS (10 * GW_NS_PER_SECOND)
#define MAX_PROGRAM_BYTES (64u << 20)
#define CALM_DEATHS 3 /* as many in a row are replaced at once */
#define MAX_PAUSE_NS (5 * GW_NS_PER_SECOND)

/* --- ends ------------------------------------------------------------------------------------- */

/* Frees the place of the one that was under way; it is returned, NULL if it was cancelled. */
static struct gw_evaluation *finish_current(struct gw_jq_helper *helper)
{
    struct gw_evaluation *current = helper->current;

    gw_timer_stop(&helper->deadline);
    gw_jq_program_release(helper->program);
    helper->program = NULL;
    helper->current = NULL;
    helper->state = GW_EVALUATOR_IDLE;
    if (helper->job != NULL)
        gw_jq_job_abandon(helper->job);
    helper->job = NULL;
    if (helper->input.capacity > GW_JQ_SPARE_BYTES)
        gw_buf_finish(&helper->input);
    if (helper->out.capacity > GW_JQ_SPARE_BYTES)
        gw_buf_finish(&helper->out);
    if (current != NULL)
        current->evaluator = NULL;
    return current;
}

/* Of the expressions that are asked together the helper says which failed; if not, it may be any of
 * them, and the first is named. */
static void fail_current(struct gw_jq_helper *helper, uint32_t place, const char *why)
{
    struct gw_evaluation *current = finish_current(helper);

    if (current == NULL)
        return;
    if (place >= current->rest_count)
        place = 0;
    gw_evaluation_fail(current, current->indices[current->rest[place]], why);
}

/* The next one is started at once a few times, then after a growing pause. */
void gw_jq_helper_on_death(struct gw_jq_helper *helper, const char *why)
{
    uint64_t pause_ns = 0;

    gw_jq_helper_stop(helper);
    if (++helper->deaths > CALM_DEATHS) {
        unsigned more = helper->deaths - CALM_DEATHS;
        pause_ns = (50 * GW_NS_PER_MS) << (more < 8 ? more : 8);
        pause_ns = pause_ns < MAX_PAUSE_NS ? pause_ns : MAX_PAUSE_NS;
        gw_log_warn("expressions: the helper ended %u times in a row, the last time because %s",
                    helper->deaths, why);
    }
    helper->not_before_ns = gw_loop_now_ns(helper->evaluator->loop) + pause_ns;
    if (helper->state != GW_EVALUATOR_IDLE)
        fail_current(helper, 0, why);
    gw_evaluator_pump(helper->evaluator);
}

static void on_deadline(struct gw_timer *timer)
{
    struct gw_jq_helper *helper = GW_CONTAINER_OF(timer, struct gw_jq_helper, deadline);
    char why[80] = "its document did not compile in time";

    if (helper->job != NULL) { /* the helper cannot be blamed */
        fail_current(helper, 0, "no thread had the time for what is large in it");
        gw_evaluator_pump(helper->evaluator);
        return;
    }
    if (helper->state == GW_EVALUATOR_RUNNING)
        snprintf(why, sizeof(why), "it did not end within %llu ms",
                 (unsigned long long)(helper->evaluator->limits.timeout_ns / GW_NS_PER_MS));
    gw_jq_helper_on_death(helper, why);
}

/* --- answers ---------------------------------------------------------------------------------- */

static int put_results(struct gw_evaluation *current, const struct gw_value *all)
{
    if (all->type != GW_JSON_ARRAY || all->count != current->rest_count)
        return -EPROTO;
    for (uint32_t i = 0; i < all->count; i++)
        current->results[current->rest[i]] = all->items[i];
    return 0;
}

static void end_with(struct gw_jq_helper *helper, int rc)
{
    if (rc == -EDOM)
        fail_current(helper, 0,
                     "it makes something of a number with more digits than jq "
                     "calculates with");
    else if (rc == -ENOMEM)
        fail_current(helper, 0, "its results need more memory than there is");
    else if (rc != 0) /* what libjq does not write to the end is no JSON */
        fail_current(helper, 0, "its results are nested too deep");
    else {
        struct gw_evaluation *current = finish_current(helper);
        if (current != NULL)
            current->done(current, NULL);
    }
}

static void on_read(struct gw_jq_helper *helper, struct gw_jq_job *job)
{
    struct gw_evaluation *current = helper->current;
    int rc = job->rc;

    helper->job = NULL;
    if (current != NULL && rc == 0)
        rc = gw_arena_adopt(current->arena, &job->arena);
    if (current != NULL && rc == 0)
        rc = put_results(current, &job->all);
    end_with(helper, rc);
    gw_evaluator_pump(helper->evaluator);
}

static void on_results(struct gw_jq_helper *helper, struct gw_str body)
{
    struct gw_evaluation *current = helper->current;
    struct gw_value all;
    int rc = 0;

    helper->deaths = 0;
    if (current != NULL && body.len > GW_JQ_LARGE_BYTES)
        helper->job =
            gw_jq_job_read(helper->evaluator->loop, helper, body, helper->is_guarded, on_read);
    if (helper->job != NULL) {
        helper->state = GW_EVALUATOR_READING;
        gw_timer_start(helper->evaluator->loop, &helper->deadline, POOL_TIMEOUT_NS, on_deadline);
        return;
    }
    if (current != NULL)
        rc = gw_jq_read_results(current->arena, body, helper->is_guarded, &all);
    if (current != NULL && rc == 0)
        rc = put_results(current, &all);
    end_with(helper, rc);
}

static void on_error(struct gw_jq_helper *helper, struct gw_str body)
{
    uint32_t place = 0;
    char why[500];

    helper->deaths = 0;
    if (body.len >= sizeof(place))
        memcpy(&place, body.ptr, sizeof(place));
    struct gw_str text = gw_str_tail(body, body.len < sizeof(place) ? body.len : sizeof(place));
    snprintf(why, sizeof(why), "%.*s", GW_STR_ARG(text));
    gw_jq_restore_text(why);
    fail_current(helper, place, why);
}

static void send_run(struct gw_jq_helper *helper);

static void on_loaded(struct gw_jq_helper *helper, struct gw_str messages)
{
    char why[500];

    if (messages.len == 0 && helper->current != NULL) {
        struct gw_jq_slot *slot = &helper->slots[helper->slot];
        slot->program = gw_jq_program_hold(helper->program);
        slot->is_guarded = helper->is_guarded;
        send_run(helper);
        return;
    }
    helper->deaths = 0;
    messages.len = gw_str_find(messages, '\n');
    snprintf(why, sizeof(why), "libjq does not compile its document: %.*s", GW_STR_ARG(messages));
    fail_current(helper, 0, why);
}

/* Whether there is an answer for what is under way. */
static bool is_expected(const struct gw_jq_helper *helper, uint32_t kind)
{
    if (kind == GW_JQ_LOADED)
        return helper->state == GW_EVALUATOR_LOADING;
    return helper->state == GW_EVALUATOR_RUNNING && (kind == GW_JQ_RESULTS || kind == GW_JQ_ERROR);
}

void gw_jq_helper_on_frame(struct gw_jq_helper *helper, uint32_t kind, struct gw_str body)
{
    char why[80];

    if (kind == GW_JQ_OUT_OF_MEMORY && helper->state != GW_EVALUATOR_IDLE) {
        snprintf(why, sizeof(why), "it needs more memory than %zu MiB",
                 helper->evaluator->limits.max_memory_bytes >> 20);
        gw_jq_helper_on_death(helper, why);
        return;
    }
    if (!is_expected(helper, kind)) {
        gw_jq_helper_on_death(helper, "the helper answered out of turn");
        return;
    }
    if (kind == GW_JQ_LOADED)
        on_loaded(helper, body);
    else if (kind == GW_JQ_RESULTS)
        on_results(helper, body);
    else
        on_error(helper, body);
    gw_evaluator_pump(helper->evaluator);
}

/* --- questions -------------------------------------------------------------------------------- */

static void begin_frame(struct gw_jq_helper *helper, enum gw_jq_frame_kind kind, size_t len)
{
    const struct gw_jq_frame frame = {.kind = kind, .len = (uint32_t)len};

    gw_buf_clear(&helper->out);
    helper->sent = 0;
    gw_buf_append(&helper->out, &frame, sizeof(frame));
}

static void send_frame(struct gw_jq_helper *helper, uint64_t timeout_ns)
{
    gw_timer_start(helper->evaluator->loop, &helper->deadline, timeout_ns, on_deadline);
    if (helper->out.has_failed)
        fail_current(helper, 0, "there is no memory to ask the helper");
    else
        gw_jq_helper_flush(helper);
}

static void send_run(struct gw_jq_helper *helper)
{
    const struct gw_evaluation *current = helper->current;
    const uint32_t *cases = current->set->cases;
    const struct gw_jq_run_order order = {.slot = helper->slot,
                                          .count = (uint32_t)current->rest_count,
                                          .max_output_bytes =
                                              helper->evaluator->limits.max_output_bytes};

    helper->slots[helper->slot].used = ++helper->uses;
    helper->state = GW_EVALUATOR_RUNNING;
    begin_frame(helper, GW_JQ_RUN,
                sizeof(order) + current->rest_count * sizeof(uint32_t) + helper->input.len);
    gw_buf_append(&helper->out, &order, sizeof(order));
    for (size_t i = 0; i < current->rest_count; i++)
        gw_buf_append(&helper->out, &cases[current->indices[current->rest[i]]], sizeof(uint32_t));
    gw_buf_append_str(&helper->out, gw_buf_str(&helper->input));
    send_frame(helper, helper->evaluator->limits.timeout_ns);
}

static void send_load(struct gw_jq_helper *helper)
{
    const struct gw_jq_load load = {.slot = helper->slot};
    struct gw_buf program;

    gw_buf_init(&program, MAX_PROGRAM_BYTES);
    gw_jq_write_guard(&program, helper->is_guarded);
    gw_jq_program_write(&program, helper->program, NULL);
    helper->state = GW_EVALUATOR_LOADING;
    begin_frame(helper, GW_JQ_LOAD, sizeof(load) + program.len);
    gw_buf_append(&helper->out, &load, sizeof(load));
    gw_buf_append_str(&helper->out, gw_buf_str(&program));
    helper->out.has_failed |= program.has_failed;
    gw_buf_finish(&program);
    send_frame(helper, LOAD_TIMEOUT_NS);
}

/* The slot that has the program, or the one to put it into: a free one, or the one that was not
 * used for the longest time. */
static bool find_slot(struct gw_jq_helper *helper)
{
    uint32_t oldest = 0;

    for (uint32_t i = 0; i < helper->evaluator->limits.max_programs; i++) {
        const struct gw_jq_slot *slot = &helper->slots[i];
        if (slot->program != NULL && slot->is_guarded == helper->is_guarded &&
            gw_jq_program_is_same(slot->program, helper->program)) {
            helper->slot = i;
            return true;
        }
        if (slot->used < helper->slots[oldest].used)
            oldest = i;
    }
    gw_jq_program_release(helper->slots[oldest].program);
    helper->slots[oldest] = (struct gw_jq_slot){0};
    helper->slot = oldest;
    return false;
}

/* The input is there as text. */
static void go_on(struct gw_jq_helper *helper, const struct gw_jq_written *written)
{
    struct gw_error error;

    helper->is_guarded = written->has_long;
    if (helper->input.has_failed) {
        fail_current(helper, 0, "its input is larger than what is allowed, or nested too deep");
        return;
    }
    if (written->has_long && written->has_sign) {
        fail_current(helper, 0,
                     "its input has characters from U+10F000 to U+10F00F beside numbers with more "
                     "digits than jq calculates with");
        return;
    }
    if (gw_jq_helper_start(helper, &error) != 0) {
        fail_current(helper, 0, error.text);
        return;
    }
    if (helper->out.ptr == NULL)
        gw_buf_init(&helper->out, helper->evaluator->limits.max_input_bytes + MAX_PROGRAM_BYTES);
    if (find_slot(helper))
        send_run(helper);
    else
        send_load(helper);
}

static void on_written(struct gw_jq_helper *helper, struct gw_jq_job *job)
{
    helper->job = NULL;
    gw_timer_stop(&helper->deadline);
    if (helper->current == NULL) {
        (void)finish_current(helper);
    } else {
        gw_buf_finish(&helper->input);
        helper->input = job->text;
        job->text = (struct gw_buf){0};
        go_on(helper, &job->written);
    }
    gw_evaluator_pump(helper->evaluator);
}

static bool is_large(const struct gw_evaluation *evaluation)
{
    return gw_value_is_longer(&evaluation->input, GW_JQ_LARGE_BYTES) ||
           gw_value_is_longer(&evaluation->variables, GW_JQ_LARGE_BYTES);
}

static void write_here(struct gw_jq_helper *helper, const struct gw_evaluation *evaluation)
{
    struct gw_jq_written written = {0};

    if (helper->input.ptr == NULL)
        gw_buf_init(&helper->input, helper->evaluator->limits.max_input_bytes);
    gw_buf_clear(&helper->input);
    gw_jq_write_input(&helper->input, &evaluation->input, &evaluation->variables, &written);
    go_on(helper, &written);
}

void gw_jq_helper_begin(struct gw_jq_helper *helper, struct gw_evaluation *evaluation)
{
    struct gw_loop *loop = helper->evaluator->loop;

    helper->current = evaluation;
    if (evaluation->set->program == NULL) {
        fail_current(helper, 0, "its document was not compiled");
        return;
    }
    helper->program = gw_jq_program_hold(evaluation->set->program);
    if (is_large(evaluation))
        helper->job = gw_jq_job_write(loop, helper, evaluation,
                                      helper->evaluator->limits.max_input_bytes, on_written);
    if (helper->job == NULL) {
        write_here(helper, evaluation);
        return;
    }
    helper->state = GW_EVALUATOR_WRITING;
    gw_timer_start(loop, &helper->deadline, POOL_TIMEOUT_NS, on_deadline);
}
