#include "server/gateway/landscape_shadow.h"

#include <stdlib.h>

#include "server/contract/operation.h"
#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/gateway/flow_input.h"
#include "server/gateway/landscape.h"
#include "server/gateway/landscape_difference.h"
#include "server/gateway/landscape_route.h"
#include "server/http/inner.h"
#include "server/observe/metrics.h"

#define ARENA_BLOCK_BYTES (8 * 1024)
#define ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_BODY_BYTES ((size_t)1024 * 1024)
#define MAX_TIME_NS (10 * GW_NS_PER_SECOND)
#define TOLD_AT_MOST 10 /* differences a worker logs in a minute */
#define MINUTE_NS (60 * GW_NS_PER_SECOND)

struct shadow {
    struct gw_arena arena;
    struct gw_request_owner *owner;
    const struct gw_service *service;
    struct gw_str key, body; /* what the caller was told */
    struct gw_value input, authorization;
    struct gw_flow_run *run;
    struct gw_exchange *ex;
    bool is_over;
};

static const struct gw_metric reads = {
    "millgate_landscape_shadow_reads_total",
    "Reads that were made at the system that a key moves to, by what the comparison gave.", NULL,
    false};

static void count(struct gw_request_owner *owner, const struct gw_service *service,
                  enum gw_shadow_outcome outcome)
{
    gw_metrics_add(owner->worker.metrics, service->landscape->shadow_metrics[outcome], 1);
}

/* --- the end --- */

/* With its exchange. */
static void destroy(void *self)
{
    struct shadow *shadow = self;
    struct gw_flow_run *run = shadow->run;

    shadow->run = NULL;
    if (run != NULL)
        gw_flow_cancel(run);
    shadow->owner->shadow_count--;
    gw_arena_finish(&shadow->arena);
    free(shadow);
}

/* Places are told, values are not: they are the business of whoever may read them. */
static void tell(struct shadow *shadow, struct gw_str pointer)
{
    struct gw_request_owner *owner = shadow->owner;
    uint64_t now_ns = gw_clock_monotonic_ns();

    if (now_ns - owner->shadow_told_ns > MINUTE_NS || owner->shadow_told_ns == 0) {
        owner->shadow_told_ns = now_ns;
        owner->shadow_told = 0;
    }
    if (owner->shadow_told++ >= TOLD_AT_MOST)
        return;
    gw_log_warn("landscape %.*s: %.*s of %.*s differs at %.*s: at \"%.*s\"",
                GW_STR_ARG(shadow->service->landscape->landscape->name),
                GW_STR_ARG(shadow->service->operation->id), GW_STR_ARG(shadow->key),
                GW_STR_ARG(shadow->service->system->name), GW_STR_ARG(pointer));
}

static enum gw_shadow_outcome compare(struct shadow *shadow, const struct gw_value *output)
{
    const struct gw_landscape *landscape = shadow->service->landscape->landscape;
    const struct gw_value *status = gw_value_member(output, GW_STR("status"));
    const struct gw_value *body = gw_value_member(output, GW_STR("body"));
    struct gw_json_error error;
    struct gw_value given, none = gw_value_null();
    struct gw_buf pointer;

    if (status != NULL && status->type == GW_JSON_NUMBER &&
        !gw_str_equal(status->text, GW_STR("200")))
        return GW_SHADOW_FAILED;
    if (gw_value_read(&shadow->arena, shadow->body, NULL, &given, &error) != 0)
        return GW_SHADOW_DROPPED;
    gw_buf_init(&pointer, 1000);
    bool differs = gw_landscape_difference(&given, body != NULL ? body : &none, landscape->ignored,
                                           landscape->ignored_count, &pointer);
    if (differs)
        tell(shadow, gw_buf_str(&pointer));
    gw_buf_finish(&pointer);
    return differs ? GW_SHADOW_DIFFERENT : GW_SHADOW_EQUAL;
}

static void conclude(struct shadow *shadow, enum gw_shadow_outcome outcome)
{
    count(shadow->owner, shadow->service, outcome);
    shadow->ex->response.status = 204; /* nobody sees it */
    gw_exchange_respond(shadow->ex);
}

static void on_done(void *self, const struct gw_value *output, const struct gw_flow_error *error)
{
    struct shadow *shadow = self;

    shadow->run = NULL;
    shadow->is_over = true;
    conclude(shadow, error != NULL ? GW_SHADOW_FAILED : compare(shadow, output));
}

/* --- an exchange of its own, so that it may outlive the caller's --- */

static void begin(void *self, struct gw_exchange *ex)
{
    struct shadow *shadow = self;
    const struct gw_landscape_system *system = shadow->service->system;
    struct gw_flow_start start = {.flow = shadow->service->flow->flow,
                                  .input = shadow->input,
                                  .authorization = shadow->authorization,
                                  .key = ex->record.cause_id,
                                  .backend = system->backend,
                                  .deadline_ns = ex->deadline_ns,
                                  .cause = ex,
                                  .done = on_done,
                                  .self = shadow};

    ex->view->exchange_count++;
    if (shadow->ex == NULL) { /* no memory to tie it to the exchange: whoever began it frees it */
        ex->response.status = 204;
        gw_exchange_respond(ex);
        return;
    }
    struct gw_flow_run *run = NULL;
    if (gw_landscape_metadata(&shadow->arena, shadow->service->landscape->landscape, system,
                              shadow->key, &start.metadata) == 0)
        run = gw_flow_start(&shadow->owner->flow_host, &start);
    if (shadow->is_over)
        return;
    shadow->run = run;
    if (run == NULL)
        conclude(shadow, GW_SHADOW_DROPPED);
}

static void finish(void *self, struct gw_exchange *ex)
{
    (void)self;
    ex->view->exchange_count--;
}

static void prepare(void *self, struct gw_exchange *ex)
{
    struct shadow *shadow = self;

    ex->api = shadow->service->operation->api; /* by which its backends are granted */
    if (gw_arena_defer(&ex->arena, destroy, shadow) == 0)
        shadow->ex = ex;
}

static void on_ended(void *self, struct gw_exchange *ex)
{
    (void)self; /* it goes with the exchange */
    (void)ex;
}

static const struct gw_exchange_handler handler = {.begin = begin, .finish = finish};

static int fill(struct shadow *shadow, struct gw_exchange *ex, struct gw_str key)
{
    shadow->key = gw_arena_copy(&shadow->arena, key);
    shadow->body = gw_arena_copy(&shadow->arena, ex->response.body);
    if (shadow->key.ptr == NULL || shadow->body.ptr == NULL)
        return -1;
    struct gw_value input;
    if (gw_flow_input_make(ex, &shadow->arena, &input) != 0 ||
        gw_value_copy(&shadow->arena, &input, &shadow->input) != 0 ||
        gw_flow_input_identity(ex, &shadow->arena, &input) != 0)
        return -1;
    return gw_value_copy(&shadow->arena, &input, &shadow->authorization);
}

void gw_landscape_shadow_start(struct gw_request_owner *owner, struct gw_exchange *ex,
                               const struct gw_service *service, struct gw_str key)
{
    struct shadow *shadow = NULL;

    if (ex->response.status != 200)
        return;
    if (owner->shadow_count < GW_MAX_SHADOWS && ex->response.source == NULL &&
        ex->response.body.len <= MAX_BODY_BYTES)
        shadow = calloc(1, sizeof(*shadow));
    if (shadow == NULL) {
        count(owner, service, GW_SHADOW_DROPPED);
        return;
    }
    gw_arena_init(&shadow->arena, ARENA_BLOCK_BYTES, ARENA_MAX_BYTES);
    owner->shadow_count++;
    shadow->owner = owner;
    shadow->service = service;
    const struct gw_inner_place place = {.pool = &owner->inner,
                                         .worker = &owner->worker,
                                         .loop = owner->worker.loop,
                                         .handler = &handler,
                                         .handler_self = shadow};
    const struct gw_inner_request request = {.method = GW_STR("GET"),
                                             .target = ex->request.target,
                                             .cause = ex,
                                             .deadline_ns = gw_clock_monotonic_ns() + MAX_TIME_NS,
                                             .max_response_bytes = 1024,
                                             .prepare = prepare,
                                             .done = on_ended,
                                             .self = shadow};
    bool is_begun = fill(shadow, ex, key) == 0 && gw_inner_start(&place, &request) != NULL;
    if (!is_begun || shadow->ex == NULL) {
        count(owner, service, GW_SHADOW_DROPPED);
        destroy(shadow);
    }
}

/* --- metrics --- */

void gw_landscape_shadow_name(struct gw_metrics_shard *shard, struct gw_service *service)
{
    static const char *const names[] = {[GW_SHADOW_EQUAL] = "equal",
                                        [GW_SHADOW_DIFFERENT] = "different",
                                        [GW_SHADOW_FAILED] = "failed",
                                        [GW_SHADOW_DROPPED] = "dropped"};
    struct gw_buf labels;

    if (service->landscape == NULL)
        return;
    gw_buf_init(&labels, 1024);
    for (size_t i = 0; i < GW_SHADOW_OUTCOME_COUNT; i++) {
        gw_buf_clear(&labels);
        gw_buf_append_text(&labels, "operation=\"");
        gw_buf_append_json(&labels, service->operation->id);
        gw_buf_printf(&labels, "\",outcome=\"%s\"", names[i]);
        gw_buf_append_byte(&labels, '\0');
        if (!labels.has_failed)
            service->landscape->shadow_metrics[i] = gw_metrics_labelled(shard, &reads, labels.ptr);
    }
    gw_buf_finish(&labels);
}
