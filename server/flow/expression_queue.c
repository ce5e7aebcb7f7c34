/* One evaluation after the other in the helper; one that does not end, or ends it, fails alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/flow/expression_evaluator.h"

#define DEFAULT_MEMORY_BYTES (256u << 20)
#define DEFAULT_TIMEOUT_NS GW_NS_PER_SECOND
#define DEFAULT_IO_BYTES (16u << 20)
#define LOAD_TIMEOUT_NS (10 * GW_NS_PER_SECOND)
#define MAX_PROGRAM_BYTES (64u << 20)
#define CALM_DEATHS 3 /* as many in a row are replaced at once */
#define MAX_PAUSE_NS (5 * GW_NS_PER_SECOND)

static void pump(struct gw_evaluator *evaluator);

/* --- ends ------------------------------------------------------------------------------------- */

/* Frees the place of the one that was under way; it is returned, NULL if it was cancelled. */
static struct gw_evaluation *finish_current(struct gw_evaluator *evaluator)
{
    struct gw_evaluation *current = evaluator->current;

    gw_timer_stop(&evaluator->deadline);
    gw_jq_program_release(evaluator->program);
    evaluator->program = NULL;
    evaluator->current = NULL;
    evaluator->state = GW_EVALUATOR_IDLE;
    if (evaluator->input.capacity > GW_JQ_SPARE_BYTES)
        gw_buf_finish(&evaluator->input);
    if (evaluator->out.capacity > GW_JQ_SPARE_BYTES)
        gw_buf_finish(&evaluator->out);
    if (current != NULL)
        current->evaluator = NULL;
    return current;
}

/* Of the expressions that are asked together the helper says which failed; if not, it may be any of
 * them, and the first is named. */
static void fail_current(struct gw_evaluator *evaluator, uint32_t place, const char *why)
{
    struct gw_evaluation *current = finish_current(evaluator);

    if (current == NULL)
        return;
    if (place >= current->rest_count)
        place = 0;
    gw_evaluation_fail(current, current->indices[current->rest[place]], why);
}

/* The next one is started at once a few times, then after a growing pause. */
void gw_evaluator_on_death(struct gw_evaluator *evaluator, const char *why)
{
    uint64_t pause_ns = 0;

    gw_evaluator_stop_helper(evaluator);
    if (++evaluator->deaths > CALM_DEATHS) {
        unsigned more = evaluator->deaths - CALM_DEATHS;
        pause_ns = (50 * GW_NS_PER_MS) << (more < 8 ? more : 8);
        pause_ns = pause_ns < MAX_PAUSE_NS ? pause_ns : MAX_PAUSE_NS;
        gw_log_warn("expressions: the helper ended %u times in a row, the last time because %s",
                    evaluator->deaths, why);
    }
    evaluator->not_before_ns = gw_loop_now_ns(evaluator->loop) + pause_ns;
    if (evaluator->state != GW_EVALUATOR_IDLE)
        fail_current(evaluator, 0, why);
    pump(evaluator);
}

static void on_deadline(struct gw_timer *timer)
{
    struct gw_evaluator *evaluator = GW_CONTAINER_OF(timer, struct gw_evaluator, deadline);
    char why[80] = "its document did not compile in time";

    if (evaluator->state == GW_EVALUATOR_RUNNING)
        snprintf(why, sizeof(why), "it did not end within %llu ms",
                 (unsigned long long)(evaluator->limits.timeout_ns / GW_NS_PER_MS));
    gw_evaluator_on_death(evaluator, why);
}

/* --- answers ---------------------------------------------------------------------------------- */

static int take_results(struct gw_evaluation *current, struct gw_str body, bool is_guarded)
{
    const struct gw_json_limits limits = {.max_bytes = SIZE_MAX / 2,
                                          .max_depth = GW_JSON_DEPTH_CEILING};
    struct gw_str text = gw_arena_copy(current->arena, body);
    struct gw_json_error error;
    struct gw_value all;

    if (text.ptr == NULL)
        return -ENOMEM;
    int rc = gw_value_read(current->arena, text, &limits, &all, &error);
    if (rc == 0 && is_guarded) {
        struct gw_value restored;
        rc = gw_jq_restore(current->arena, &all, &restored) == -EINVAL ? -EDOM : 0;
        all = rc == 0 ? restored : all;
    }
    if (rc == 0 && (all.type != GW_JSON_ARRAY || all.count != current->rest_count))
        rc = -EPROTO;
    for (uint32_t i = 0; rc == 0 && i < all.count; i++)
        current->results[current->rest[i]] = all.items[i];
    return rc;
}

static void on_results(struct gw_evaluator *evaluator, struct gw_str body)
{
    bool is_guarded = evaluator->is_guarded;
    int rc = evaluator->current == NULL ? 0 : take_results(evaluator->current, body, is_guarded);

    evaluator->deaths = 0;
    if (rc == -EDOM)
        fail_current(evaluator, 0,
                     "it makes something of a number with more digits than jq "
                     "calculates with");
    else if (rc == -ENOMEM)
        fail_current(evaluator, 0, "its results need more memory than there is");
    else if (rc != 0) /* what libjq does not write to the end is no JSON */
        fail_current(evaluator, 0, "its results are nested too deep");
    else {
        struct gw_evaluation *current = finish_current(evaluator);
        if (current != NULL)
            current->done(current, NULL);
    }
}

static void on_error(struct gw_evaluator *evaluator, struct gw_str body)
{
    uint32_t place = 0;
    char why[500];

    evaluator->deaths = 0;
    if (body.len >= sizeof(place))
        memcpy(&place, body.ptr, sizeof(place));
    struct gw_str text = gw_str_tail(body, body.len < sizeof(place) ? body.len : sizeof(place));
    snprintf(why, sizeof(why), "%.*s", GW_STR_ARG(text));
    gw_jq_restore_text(why);
    fail_current(evaluator, place, why);
}

static void send_run(struct gw_evaluator *evaluator);

static void on_loaded(struct gw_evaluator *evaluator, struct gw_str messages)
{
    char why[500];

    if (messages.len == 0 && evaluator->current != NULL) {
        struct gw_jq_slot *slot = &evaluator->slots[evaluator->slot];
        slot->program = gw_jq_program_hold(evaluator->program);
        slot->is_guarded = evaluator->is_guarded;
        send_run(evaluator);
        return;
    }
    evaluator->deaths = 0;
    messages.len = gw_str_find(messages, '\n');
    snprintf(why, sizeof(why), "libjq does not compile its document: %.*s", GW_STR_ARG(messages));
    fail_current(evaluator, 0, why);
}

/* Whether there is an answer for what is under way. */
static bool is_expected(const struct gw_evaluator *evaluator, uint32_t kind)
{
    if (kind == GW_JQ_LOADED)
        return evaluator->state == GW_EVALUATOR_LOADING;
    return evaluator->state == GW_EVALUATOR_RUNNING &&
           (kind == GW_JQ_RESULTS || kind == GW_JQ_ERROR);
}

void gw_evaluator_on_frame(struct gw_evaluator *evaluator, uint32_t kind, struct gw_str body)
{
    char why[80];

    if (kind == GW_JQ_OUT_OF_MEMORY && evaluator->state != GW_EVALUATOR_IDLE) {
        snprintf(why, sizeof(why), "it needs more memory than %zu MiB",
                 evaluator->limits.max_memory_bytes >> 20);
        gw_evaluator_on_death(evaluator, why);
        return;
    }
    if (!is_expected(evaluator, kind)) {
        gw_evaluator_on_death(evaluator, "the helper answered out of turn");
        return;
    }
    if (kind == GW_JQ_LOADED)
        on_loaded(evaluator, body);
    else if (kind == GW_JQ_RESULTS)
        on_results(evaluator, body);
    else
        on_error(evaluator, body);
    pump(evaluator);
}

/* --- questions -------------------------------------------------------------------------------- */

static void begin_frame(struct gw_evaluator *evaluator, enum gw_jq_frame_kind kind, size_t len)
{
    const struct gw_jq_frame frame = {.kind = kind, .len = (uint32_t)len};

    gw_buf_clear(&evaluator->out);
    evaluator->sent = 0;
    gw_buf_append(&evaluator->out, &frame, sizeof(frame));
}

static void send_frame(struct gw_evaluator *evaluator, uint64_t timeout_ns)
{
    gw_timer_start(evaluator->loop, &evaluator->deadline, timeout_ns, on_deadline);
    if (evaluator->out.has_failed)
        fail_current(evaluator, 0, "there is no memory to ask the helper");
    else
        gw_evaluator_flush(evaluator);
}

static void send_run(struct gw_evaluator *evaluator)
{
    const struct gw_evaluation *current = evaluator->current;
    const uint32_t *cases = current->set->cases;
    const struct gw_jq_run_order order = {.slot = evaluator->slot,
                                          .count = (uint32_t)current->rest_count,
                                          .max_output_bytes = evaluator->limits.max_output_bytes};

    evaluator->slots[evaluator->slot].used = ++evaluator->uses;
    evaluator->state = GW_EVALUATOR_RUNNING;
    begin_frame(evaluator, GW_JQ_RUN,
                sizeof(order) + current->rest_count * sizeof(uint32_t) + evaluator->input.len);
    gw_buf_append(&evaluator->out, &order, sizeof(order));
    for (size_t i = 0; i < current->rest_count; i++)
        gw_buf_append(&evaluator->out, &cases[current->indices[current->rest[i]]],
                      sizeof(uint32_t));
    gw_buf_append_str(&evaluator->out, gw_buf_str(&evaluator->input));
    send_frame(evaluator, evaluator->limits.timeout_ns);
}

static void send_load(struct gw_evaluator *evaluator)
{
    const struct gw_jq_load load = {.slot = evaluator->slot};
    struct gw_buf program;

    gw_buf_init(&program, MAX_PROGRAM_BYTES);
    gw_jq_write_guard(&program, evaluator->is_guarded);
    gw_jq_program_write(&program, evaluator->program, NULL);
    evaluator->state = GW_EVALUATOR_LOADING;
    begin_frame(evaluator, GW_JQ_LOAD, sizeof(load) + program.len);
    gw_buf_append(&evaluator->out, &load, sizeof(load));
    gw_buf_append_str(&evaluator->out, gw_buf_str(&program));
    evaluator->out.has_failed |= program.has_failed;
    gw_buf_finish(&program);
    send_frame(evaluator, LOAD_TIMEOUT_NS);
}

/* The slot that has the program, or the one to put it into: a free one, or the one that was not
 * used for the longest time. */
static bool find_slot(struct gw_evaluator *evaluator)
{
    uint32_t oldest = 0;

    for (uint32_t i = 0; i < evaluator->limits.max_programs; i++) {
        const struct gw_jq_slot *slot = &evaluator->slots[i];
        if (slot->program != NULL && slot->is_guarded == evaluator->is_guarded &&
            gw_jq_program_is_same(slot->program, evaluator->program)) {
            evaluator->slot = i;
            return true;
        }
        if (slot->used < evaluator->slots[oldest].used)
            oldest = i;
    }
    gw_jq_program_release(evaluator->slots[oldest].program);
    evaluator->slots[oldest] = (struct gw_jq_slot){0};
    evaluator->slot = oldest;
    return false;
}

/* The input and the variables as text: NULL, or why it cannot be sent. */
static const char *write_input(struct gw_evaluator *evaluator,
                               const struct gw_evaluation *evaluation)
{
    struct gw_jq_written written = {0};
    struct gw_buf *input = &evaluator->input;

    if (input->ptr == NULL)
        gw_buf_init(input, evaluator->limits.max_input_bytes);
    gw_buf_clear(input);
    gw_buf_append_byte(input, '[');
    gw_jq_write_value(input, &evaluation->input, &written);
    gw_buf_append_byte(input, ',');
    gw_jq_write_value(input, &evaluation->variables, &written);
    gw_buf_append_byte(input, ']');
    evaluator->is_guarded = written.has_long;
    if (input->has_failed)
        return "its input is larger than what is allowed, or nested too deep";
    return written.has_long && written.has_sign
               ? "its input has characters from U+10F000 to U+10F00F beside numbers with more "
                 "digits than jq calculates with"
               : NULL;
}

static void start(struct gw_evaluator *evaluator, struct gw_evaluation *evaluation)
{
    struct gw_error error;

    evaluator->current = evaluation;
    if (evaluation->set->program == NULL) {
        fail_current(evaluator, 0, "its document was not compiled");
        return;
    }
    evaluator->program = gw_jq_program_hold(evaluation->set->program);
    const char *why = write_input(evaluator, evaluation);
    if (why != NULL) {
        fail_current(evaluator, 0, why);
        return;
    }
    if (gw_evaluator_start_helper(evaluator, &error) != 0) {
        fail_current(evaluator, 0, error.text);
        return;
    }
    if (evaluator->out.ptr == NULL)
        gw_buf_init(&evaluator->out, evaluator->limits.max_input_bytes + MAX_PROGRAM_BYTES);
    if (find_slot(evaluator))
        send_run(evaluator);
    else
        send_load(evaluator);
}

static void on_pause(struct gw_timer *timer)
{
    pump(GW_CONTAINER_OF(timer, struct gw_evaluator, pause));
}

/* Starts the next one, if none is under way. */
static void pump(struct gw_evaluator *evaluator)
{
    uint64_t now_ns = gw_loop_now_ns(evaluator->loop);
    struct gw_list *node;

    while (evaluator->state == GW_EVALUATOR_IDLE && !gw_list_is_empty(&evaluator->queue)) {
        if (evaluator->process.pid == 0 && now_ns < evaluator->not_before_ns) {
            gw_timer_start(evaluator->loop, &evaluator->pause, evaluator->not_before_ns - now_ns,
                           on_pause);
            return;
        }
        node = gw_list_take(&evaluator->queue);
        evaluator->queued--;
        start(evaluator, GW_LIST_ITEM(node, struct gw_evaluation, node));
    }
}

void gw_evaluator_enqueue(struct gw_evaluator *evaluator, struct gw_evaluation *evaluation)
{
    evaluation->evaluator = evaluator;
    gw_list_append(&evaluator->queue, &evaluation->node);
    evaluator->queued++;
    pump(evaluator);
}

/* --- life ------------------------------------------------------------------------------------- */

struct gw_evaluator *gw_evaluator_create(struct gw_loop *loop,
                                         const struct gw_evaluator_limits *limits)
{
    struct gw_evaluator *evaluator = calloc(1, sizeof(*evaluator));

    if (evaluator == NULL)
        return NULL;
    evaluator->loop = loop;
    if (limits != NULL)
        evaluator->limits = *limits;
    if (evaluator->limits.max_memory_bytes == 0)
        evaluator->limits.max_memory_bytes = DEFAULT_MEMORY_BYTES;
    if (evaluator->limits.timeout_ns == 0)
        evaluator->limits.timeout_ns = DEFAULT_TIMEOUT_NS;
    if (evaluator->limits.max_programs == 0 || evaluator->limits.max_programs > GW_JQ_SLOTS)
        evaluator->limits.max_programs = GW_JQ_SLOTS;
    if (evaluator->limits.max_input_bytes == 0)
        evaluator->limits.max_input_bytes = DEFAULT_IO_BYTES;
    if (evaluator->limits.max_output_bytes == 0)
        evaluator->limits.max_output_bytes = DEFAULT_IO_BYTES;
    gw_list_init(&evaluator->queue);
    gw_buf_init(&evaluator->in, evaluator->limits.max_output_bytes + GW_JQ_SPARE_BYTES);
    return evaluator;
}

void gw_evaluator_destroy(struct gw_evaluator *evaluator)
{
    if (evaluator == NULL)
        return;
    gw_evaluator_stop_helper(evaluator);
    gw_timer_stop(&evaluator->deadline);
    gw_timer_stop(&evaluator->pause);
    gw_timer_stop(&evaluator->reaper);
    gw_evaluator_reap(evaluator, 0);
    gw_jq_program_release(evaluator->program);
    gw_buf_finish(&evaluator->input);
    gw_buf_finish(&evaluator->out);
    gw_buf_finish(&evaluator->in);
    free(evaluator);
}
