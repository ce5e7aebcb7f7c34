#include "server/gateway/flow_service.h"

#include <errno.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/gateway/flow_answer.h"
#include "server/gateway/flow_input.h"
#include "server/gateway/flow_metrics.h"
#include "server/gateway/flow_text.h"
#include "server/gateway/landscape.h"
#include "server/gateway/landscape_board.h"
#include "server/gateway/landscape_fan.h"
#include "server/gateway/landscape_route.h"
#include "server/gateway/landscape_shadow.h"
#include "server/gateway/request.h"
#include "server/http/problem.h"
#include "server/observe/metrics.h"

#define MAX_BODY_BYTES ((size_t)4 * 1024 * 1024) /* where neither contract nor policy says less */
#define MAX_INPUT_BYTES ((size_t)64 * 1024 * 1024)
#define INPUT_BLOCK_BYTES (16 * 1024)
#define MAX_RUN_NS (UINT64_C(60) * GW_NS_PER_SECOND)

/* A request that a flow serves: the exchange's handler state. */
struct serving {
    struct gw_exchange *ex;
    struct gw_flow_run *run;   /* NULL: it has ended */
    struct gw_arena memory;    /* of its output */
    struct gw_flow_text *text; /* of the answer, which is being written; NULL: it is not */
    bool has_effect;
    bool is_over;
    struct gw_landscape_slot *write; /* counted as under way; NULL: it is none, or over */
    const struct gw_service *shadow; /* that the answer is compared with; NULL: none */
    struct gw_str key;               /* of the landscape */
};

static struct gw_request_owner *owner_of(const struct gw_exchange *ex)
{
    return GW_CONTAINER_OF(ex->worker, struct gw_request_owner, worker);
}

/* With the end of the exchange: nobody waits for it any more. */
static void leave(void *self)
{
    struct serving *serving = self;

    serving->is_over = true;
    if (serving->run != NULL)
        gw_flow_cancel(serving->run);
    serving->run = NULL;
    if (serving->text != NULL)
        gw_flow_text_abandon(serving->text);
    serving->text = NULL;
    gw_landscape_write_end(serving->write);
    serving->write = NULL;
}

static void refuse(struct gw_exchange *ex, const char *problem)
{
    gw_problem_set(ex, problem, NULL);
    gw_chain_response_set(ex);
}

void gw_flow_service_note_write(struct gw_exchange *ex)
{
    if (ex->service != NULL && ex->service->flow != NULL)
        gw_exchange_must_finish(ex);
}

void gw_flow_service_note_effect(struct gw_exchange *ex)
{
    struct serving *serving = ex->handler_state;

    if (ex->service != NULL && ex->service->flow != NULL && serving != NULL)
        serving->has_effect = true;
}

/* --- the end --- */

static void count(const struct gw_exchange *ex, const struct gw_flow_error *error)
{
    gw_flow_metrics_count(ex->service->flow->metrics, ex->worker->metrics, error);
}

/* What is known of the effect is told as of a backend's answer, for whoever keeps a record. */
static void conclude(struct serving *serving)
{
    struct gw_exchange *ex = serving->ex;

    serving->is_over = true;
    ex->record.was_sent = serving->has_effect;
    ex->record.upstream_head_ns = gw_clock_monotonic_ns();
    if (ex->record.problem == NULL)
        ex->record.upstream_status = ex->response.status;
    gw_landscape_write_end(serving->write);
    serving->write = NULL;
    if (serving->shadow != NULL)
        gw_landscape_shadow_start(owner_of(ex), ex, serving->shadow, serving->key);
    gw_chain_response_set(ex);
}

static void on_written(void *self, const struct gw_value *output, struct gw_buf *text)
{
    struct serving *serving = self;

    serving->text = NULL;
    gw_flow_answer_set(serving->ex, output, text);
    conclude(serving);
}

static void on_done(void *self, const struct gw_value *output, const struct gw_flow_error *error)
{
    struct serving *serving = self;
    struct gw_exchange *ex = serving->ex;

    serving->run = NULL;
    count(ex, error);
    if (error == NULL)
        serving->text = gw_flow_text_start(ex, &serving->memory, output, on_written, serving);
    if (serving->text != NULL)
        return;
    if (error != NULL)
        gw_flow_answer_fail(ex, error);
    else
        gw_flow_answer_set(ex, output, NULL);
    gw_arena_finish(&serving->memory);
    conclude(serving);
}

static void on_fan_done(void *self)
{
    conclude(self);
}

/* --- the start --- */

static struct gw_str limit_field_of(const struct gw_exchange *ex)
{
    const struct gw_snapshot *snapshot = ex->view->snapshot;

    return snapshot->backend_count > 0 ? snapshot->backends[0].deadline_field : GW_STR("");
}

/* When nobody waits any more: the gateway's own bound, that of whoever called the operation, and
 * what the caller says in the field that the operator has named for it. */
static uint64_t deadline_of(const struct gw_exchange *ex)
{
    uint64_t deadline_ns = gw_clock_monotonic_ns() + MAX_RUN_NS, limit_ms;
    struct gw_str name = limit_field_of(ex);
    const struct gw_str *field = name.len > 0 ? gw_request_field(ex, name) : NULL;

    if (ex->deadline_ns > 0 && ex->deadline_ns < deadline_ns)
        deadline_ns = ex->deadline_ns;
    if (field != NULL && gw_str_to_u64(*field, &limit_ms) == 0 && limit_ms > 0 &&
        limit_ms < MAX_RUN_NS / GW_NS_PER_MS && ex->now_ns + limit_ms * GW_NS_PER_MS < deadline_ns)
        deadline_ns = ex->now_ns + limit_ms * GW_NS_PER_MS;
    return deadline_ns;
}

static int run_flow(struct serving *serving, const struct gw_flow_start *start)
{
    struct gw_flow_run *started = gw_flow_start(&owner_of(serving->ex)->flow_host, start);

    if (started == NULL)
        return -ENOMEM;
    if (!serving->is_over) /* else it has ended before it was even known */
        serving->run = started;
    return 0;
}

/* From here on the service is that of the system that was chosen. */
static int run_at_system(struct serving *serving, struct gw_flow_start *start,
                         const struct gw_landscape_choice *choice, struct gw_arena *arena)
{
    struct gw_exchange *ex = serving->ex;
    const struct gw_landscape_system *system = choice->service->system;

    serving->key = gw_arena_copy(&ex->arena, choice->key);
    serving->shadow = serving->key.ptr != NULL ? choice->shadow : NULL;
    if (gw_landscape_is_write(ex))
        serving->write = gw_landscape_write_begin(
            owner_of(ex)->landscape_board, ex->service->landscape->landscape->name, choice->key);
    ex->service = choice->service;
    ex->record.flow = gw_flow_name(choice->service->flow->flow);
    ex->record.backend = system->backend;
    start->flow = choice->service->flow->flow;
    start->backend = system->backend;
    int rc = gw_landscape_metadata(arena, choice->service->landscape->landscape, system,
                                   choice->key, &start->metadata);
    return rc == 0 ? run_flow(serving, start) : rc;
}

static int run_in_landscape(struct serving *serving, struct gw_flow_start *start,
                            struct gw_arena *arena)
{
    struct gw_exchange *ex = serving->ex;
    struct gw_landscape_choice choice;
    int rc = 0;

    switch (gw_landscape_choose(ex, &start->input, &choice)) {
    case GW_LANDSCAPE_ONE:
        return run_at_system(serving, start, &choice, arena);
    case GW_LANDSCAPE_ALL:
        rc = gw_landscape_fan_start(ex, &owner_of(ex)->flow_host, start, on_fan_done, serving);
        if (rc != -EINVAL)
            return rc;
        break;
    case GW_LANDSCAPE_REFUSED:
        break;
    }
    gw_chain_response_set(ex);
    return 0;
}

static int run(struct serving *serving, struct gw_arena *arena)
{
    struct gw_exchange *ex = serving->ex;
    struct gw_flow_start start = {
        .flow = ex->service->flow->flow,
        .key = gw_flow_input_key(ex),
        .deadline_ns = deadline_of(ex),
        .cause = ex,
        .memory = &serving->memory,
        .done = on_done,
        .self = serving,
    };
    int rc = start.key.ptr == NULL ? -ENOMEM : gw_flow_input_make(ex, arena, &start.input);

    if (rc == 0)
        rc = gw_flow_input_identity(ex, arena, &start.authorization);
    if (rc != 0)
        return rc;
    return ex->service->landscape != NULL ? run_in_landscape(serving, &start, arena)
                                          : run_flow(serving, &start);
}

static void on_body(struct gw_exchange *ex)
{
    struct gw_arena arena;

    if (ex->is_body_over) {
        refuse(ex, "body-too-large");
        return;
    }
    gw_arena_init(&arena, INPUT_BLOCK_BYTES, MAX_INPUT_BYTES);
    int rc = run(ex->handler_state, &arena);
    gw_arena_finish(&arena);
    if (rc != 0)
        refuse(ex, rc == -EINVAL ? "invalid-body" : "overloaded");
}

void gw_flow_service_start(struct gw_exchange *ex)
{
    struct serving *serving = gw_arena_calloc(&ex->arena, 1, sizeof(*serving));
    uint64_t max_bytes = MAX_BODY_BYTES;

    if (ex->service->flow == NULL) { /* no system of the landscape has one */
        refuse(ex, "not-offered");
        return;
    }
    if (serving == NULL || gw_arena_defer(&ex->arena, leave, serving) != 0) {
        refuse(ex, "overloaded");
        return;
    }
    serving->ex = ex;
    ex->handler_state = serving;
    ex->record.flow = ex->service->landscape != NULL ? ex->operation->flow
                                                     : gw_flow_name(ex->service->flow->flow);
    ex->record.upstream_start_ns = gw_clock_monotonic_ns();
    if (ex->body_limit_bytes > 0 && ex->body_limit_bytes < max_bytes)
        max_bytes = ex->body_limit_bytes;
    if (ex->operation->max_body_bytes > 0 && ex->operation->max_body_bytes < max_bytes)
        max_bytes = ex->operation->max_body_bytes;
    gw_exchange_collect_body(ex, (size_t)max_bytes, on_body);
}
