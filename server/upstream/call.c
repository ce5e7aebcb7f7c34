#include "server/upstream/call.h"

#include <inttypes.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "server/http/inner.h"
#include "server/http/problem.h"
#include "server/observe/trace.h"
#include "server/upstream/balance.h"
#include "server/upstream/call_ahead.h"
#include "server/upstream/proxy.h"
#include "server/upstream/retry_after.h"
#include "server/upstream/upstreams.h"

#define MAX_ANSWER_BYTES ((size_t)16 * 1024 * 1024)

struct gw_call {
    struct gw_exchange *ex;      /* gone once the answer is read ahead */
    struct gw_call_ahead *ahead; /* NULL: it is not */
    uint32_t max_json_depth;
    const struct gw_backend *backend;
    enum gw_resend resend;
    gw_call_done_fn *done;
    void *self;
    struct gw_timer deadline;
    bool is_ending;
};

/* --- the way of the exchange: no policy, one backend --- */

static void forward(struct gw_exchange *ex)
{
    const struct gw_call *call = ex->handler_state;

    gw_proxy_start(ex, call->backend, ex->request.target);
}

static const struct gw_chain call_chain = {.end = forward};

static void begin(void *self, struct gw_exchange *ex)
{
    (void)self;
    gw_chain_run(&call_chain, ex);
}

/* It is no request of a client: the backend's own metrics count it. */
static void finish(void *self, struct gw_exchange *ex)
{
    (void)self;
    (void)ex;
}

static const struct gw_exchange_handler call_handler = {.begin = begin, .finish = finish};

/* Ids need not be unforeseeable here: nobody is let in by them. Empty without memory. */
static struct gw_str make_id(struct gw_exchange *ex, uint64_t *random, size_t len)
{
    uint64_t bits[GW_TRACE_ID_LEN / 2 / sizeof(uint64_t)];
    char *text = gw_arena_alloc(&ex->arena, len + 1);

    if (text == NULL)
        return GW_STR("");
    for (size_t i = 0; i < GW_COUNT_OF(bits); i++)
        bits[i] = gw_balance_random(random);
    gw_trace_hex((const unsigned char *)bits, len, text);
    text[len] = '\0';
    return gw_str_from(text, len);
}

/* Tells the backend how long is left, where the operator has named a field for it. */
static void tell_limit(struct gw_exchange *ex, struct gw_str field)
{
    if (field.len == 0 || ex->deadline_ns <= ex->now_ns)
        return;
    uint64_t left_ms = (ex->deadline_ns - ex->now_ns) / GW_NS_PER_MS + 1;
    struct gw_str text = gw_arena_printf(&ex->arena, "%" PRIu64, left_ms);
    if (text.ptr != NULL && gw_request_add_field(ex, field, text) != 0)
        return; /* there is no room for what is only a hint */
}

static void prepare(void *self, struct gw_exchange *ex)
{
    struct gw_call *call = self;
    struct gw_exchange_record *record = &ex->record;
    uint64_t *random = &call->backend->upstreams->random;

    ex->handler_state = call;
    ex->resend = call->resend;
    ex->sends_own_fields = true;
    tell_limit(ex, call->backend->config->deadline_field);
    record->span_id = make_id(ex, random, GW_SPAN_ID_LEN);
    if (record->trace_id.len == 0)
        record->trace_id = make_id(ex, random, GW_TRACE_ID_LEN);
    record->request_id =
        record->cause_id.len > 0 ? record->cause_id : make_id(ex, random, GW_TRACE_ID_LEN);
}

/* --- the end --- */

static void answer(struct gw_call *call, const struct gw_call_answer *answer)
{
    call->is_ending = true;
    gw_timer_stop(&call->deadline);
    call->done(call->self, answer);
    free(call);
}

static uint64_t retry_ns_of(const struct gw_exchange *ex)
{
    const struct gw_str *field = gw_response_field(ex, GW_STR("retry-after"));
    uint64_t now_s = gw_clock_realtime_ns() / GW_NS_PER_SECOND;
    uint64_t wait_s;

    if (field == NULL || gw_retry_after_parse(*field, now_s, &wait_s) != 0 ||
        wait_s > UINT64_MAX / GW_NS_PER_SECOND)
        return 0;
    return wait_s * GW_NS_PER_SECOND;
}

static void on_read(void *self, const struct gw_call_answer *whole)
{
    answer(self, whole);
}

static void on_done(void *self, struct gw_exchange *ex)
{
    struct gw_call *call = self;
    const struct gw_call_answer whole = {
        .status = ex->response.status,
        .problem = ex->record.problem,
        .backend_status = ex->record.upstream_status,
        .was_sent = ex->record.was_sent,
        .retry_ns = retry_ns_of(ex),
        .fields = ex->response.fields,
        .field_count = ex->response.field_count,
        .body = ex->response.body,
    };

    if (call->max_json_depth > 0 && whole.problem == NULL)
        call->ahead = gw_call_ahead_start(call->backend->upstreams->loop, &whole,
                                          call->max_json_depth, on_read, call);
    if (call->ahead == NULL)
        answer(call, &whole);
    else
        gw_timer_stop(&call->deadline); /* what was waited for is there */
}

/* The tries keep the deadline themselves; who waits for credentials or a turn does not. */
static void on_deadline(struct gw_timer *timer)
{
    struct gw_call *call = GW_CONTAINER_OF(timer, struct gw_call, deadline);
    const struct gw_problem_type *type = gw_problem_type_find("backend-timeout");

    if (call->ex->record.attempts > 0)
        return;
    gw_inner_cancel(call->ex);
    answer(call, &(struct gw_call_answer){.status = type->status, .problem = type->name});
}

/* --- the start --- */

static struct gw_inner_request inner_request(const struct gw_call_request *request,
                                             struct gw_call *call)
{
    return (struct gw_inner_request){
        .method = request->method,
        .target = request->target,
        .fields = request->fields,
        .field_count = request->field_count,
        .body = request->body,
        .has_body = request->has_body,
        .cause = request->cause,
        .deadline_ns = request->deadline_ns,
        .max_response_bytes =
            request->max_answer_bytes > 0 ? request->max_answer_bytes : MAX_ANSWER_BYTES,
        .prepare = prepare,
        .done = on_done,
        .self = call,
    };
}

static void start_deadline(struct gw_call *call, struct gw_loop *loop, uint64_t deadline_ns)
{
    uint64_t now_ns = gw_loop_now_ns(loop);

    if (deadline_ns > 0)
        gw_timer_start(loop, &call->deadline, deadline_ns > now_ns ? deadline_ns - now_ns : 0,
                       on_deadline);
}

struct gw_call *gw_call_start(const struct gw_call_request *request, gw_call_done_fn *done,
                              void *self)
{
    struct gw_upstreams *upstreams = request->backend->upstreams;
    struct gw_call *call = upstreams == NULL ? NULL : calloc(1, sizeof(*call));

    if (call == NULL)
        return NULL;
    *call = (struct gw_call){
        .backend = request->backend,
        .max_json_depth = request->max_json_depth,
        .resend = request->is_repeatable ? GW_RESEND_YES : GW_RESEND_NO,
        .done = done,
        .self = self,
    };
    const struct gw_inner_request inner = inner_request(request, call);
    const struct gw_inner_place place = {
        .pool = &upstreams->calls,
        .worker = upstreams->worker,
        .loop = upstreams->loop,
        .handler = &call_handler,
    };
    call->ex = gw_inner_start(&place, &inner);
    if (call->ex == NULL) {
        free(call);
        return NULL;
    }
    start_deadline(call, upstreams->loop, request->deadline_ns);
    return call;
}

void gw_call_cancel(struct gw_call *call)
{
    if (call == NULL || call->is_ending)
        return;
    gw_timer_stop(&call->deadline);
    if (call->ahead != NULL)
        gw_call_ahead_abandon(call->ahead);
    else
        gw_inner_cancel(call->ex);
    free(call);
}
