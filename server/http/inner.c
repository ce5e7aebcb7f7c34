#include "server/http/inner.h"

#include <errno.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/http/problem.h"
#include "server/net/loop.h"

#define READ_BYTES (16 * 1024)

struct inner {
    struct gw_list node; /* in the pool's list */
    struct gw_soon soon;
    struct gw_exchange *ex;
    struct gw_inner_place place;
    gw_inner_done_fn *done; /* NULL: nobody waits any more */
    void *self;
    struct gw_buf body; /* of the response, as far as it has come */
    size_t max_response_bytes;
    bool is_ending;
};

/* --- the end --- */

static void free_body(void *self)
{
    gw_buf_finish(self);
}

static void end(struct inner *inner)
{
    struct gw_exchange *ex = inner->ex;
    gw_inner_done_fn *done = inner->done;

    inner->is_ending = true;
    gw_soon_stop(&inner->soon);
    gw_list_remove(&inner->node);
    inner->place.handler->finish(inner->place.handler_self, ex);
    if (done != NULL)
        done(inner->self, ex);
    gw_exchange_give_back(inner->place.pool, ex);
}

static void give_up(struct inner *inner)
{
    gw_exchange_abandon(inner->ex);
    end(inner);
}

/* --- the response --- */

/* 0 when all of the body is there, -EAGAIN, or another negative errno. */
static int collect(struct inner *inner)
{
    struct gw_response *response = &inner->ex->response;
    ssize_t count = 1;

    while (count > 0 && inner->body.len <= inner->max_response_bytes) {
        char *room = gw_buf_reserve(&inner->body, READ_BYTES);
        if (room == NULL)
            return -ENOMEM;
        count = response->source->read(response->source_self, room, READ_BYTES);
        if (count > 0)
            inner->body.len += (size_t)count;
    }
    return count > 0 ? -EMSGSIZE : (int)count;
}

static void refuse(struct inner *inner, int rc)
{
    gw_problem_set(inner->ex, rc == -ENOMEM ? "overloaded" : "bad-gateway",
                   rc == -EMSGSIZE ? "The backend's answer is too large."
                   : rc == -ENOMEM ? NULL
                                   : "The backend's answer is not complete.");
}

/* Returns whether the response is whole, if only as a problem. */
static bool complete(struct inner *inner)
{
    struct gw_exchange *ex = inner->ex;
    struct gw_response *response = &ex->response;
    int rc = 0;

    if (response->source != NULL) {
        rc = collect(inner);
        if (rc == -EAGAIN)
            return false;
        response->source = NULL;
        response->source_self = NULL;
        response->body = gw_buf_str(&inner->body);
    }
    if (response->tunnel != NULL)
        rc = -EPROTO;
    if (rc == 0 && response->body.len > inner->max_response_bytes)
        rc = -EMSGSIZE;
    if (rc != 0)
        refuse(inner, rc);
    ex->record.response_bytes = response->body.len;
    return true;
}

static void on_turn(struct gw_soon *soon)
{
    struct inner *inner = GW_CONTAINER_OF(soon, struct inner, soon);

    if (inner->ex->state != GW_EXCHANGE_RESPONDING)
        return;
    if (inner->done == NULL)
        give_up(inner); /* what had to be finished is */
    else if (complete(inner))
        end(inner);
}

/* Whoever has set the response is still at it: the exchange must not go beneath it. */
static void on_wake(struct gw_exchange *ex)
{
    struct inner *inner = ex->io_self;

    gw_loop_soon(inner->place.loop, &inner->soon, on_turn);
}

static const struct gw_exchange_io inner_io = {.wake = on_wake};

/* --- the start --- */

static int copy(struct gw_arena *arena, struct gw_str *text)
{
    if (text->len == 0) {
        *text = GW_STR("");
        return 0;
    }
    *text = gw_arena_copy(arena, *text);
    return text->ptr == NULL ? -ENOMEM : 0;
}

static int copy_fields(struct gw_exchange *ex, const struct gw_inner_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct gw_field field = request->fields[i];
        int rc = copy(&ex->arena, &field.name);
        if (rc == 0)
            rc = copy(&ex->arena, &field.value);
        if (rc == 0)
            rc = gw_request_add_field(ex, field.name, field.value);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int copy_request(struct gw_exchange *ex, const struct gw_inner_request *from)
{
    struct gw_request *request = &ex->request;
    struct gw_str body = from->has_body ? from->body : GW_STR("");

    request->method_name = from->method;
    request->target = from->target;
    if (copy(&ex->arena, &request->method_name) != 0 || copy(&ex->arena, &request->target) != 0 ||
        copy(&ex->arena, &body) != 0 || copy_fields(ex, from) != 0)
        return -ENOMEM;
    request->method = gw_method_parse(request->method_name);
    size_t path_len = gw_str_find(request->target, '?');
    request->path = gw_str_from(request->target.ptr, path_len);
    if (path_len < request->target.len)
        request->query = gw_str_tail(request->target, path_len + 1);
    request->body_bytes = (int64_t)body.len;
    ex->preread = body; /* all of it has come already */
    ex->preread_capacity = body.len;
    ex->is_body_ended = true;
    ex->record.request_bytes = body.len;
    return 0;
}

static int copy_identity(struct gw_arena *arena, struct gw_identity *identity)
{
    struct gw_str *const texts[] = {&identity->consumer, &identity->subject, &identity->issuer,
                                    &identity->scopes,   &identity->claims,  &identity->plan};

    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        if (copy(arena, texts[i]) != 0)
            return -ENOMEM;
    return 0;
}

static int copy_cause(struct gw_exchange *ex, const struct gw_exchange *cause)
{
    struct gw_exchange_record *record = &ex->record;
    struct gw_str *const texts[] = {&record->trace_id,   &record->parent_span, &record->cause_id,
                                    &record->tracestate, &ex->request.host,    &ex->request.peer};

    record->trace_id = cause->record.trace_id;
    record->parent_span = cause->record.span_id;
    record->cause_id = cause->record.request_id;
    record->tracestate = cause->record.tracestate;
    record->is_sampled = cause->record.is_sampled;
    ex->request.host = cause->request.host;
    ex->request.peer = cause->request.peer;
    ex->request.is_tls = cause->request.is_tls;
    ex->view = cause->view;
    ex->depth = cause->depth + 1;
    for (size_t i = 0; i < GW_COUNT_OF(texts); i++)
        if (copy(&ex->arena, texts[i]) != 0)
            return -ENOMEM;
    ex->credential_count = cause->credential_count;
    memcpy(ex->credentials, cause->credentials, sizeof(ex->credentials));
    for (size_t i = 0; i < ex->credential_count; i++)
        if (copy_identity(&ex->arena, &ex->credentials[i]) != 0)
            return -ENOMEM;
    ex->identity = cause->identity;
    return copy_identity(&ex->arena, &ex->identity);
}

static struct inner *make(const struct gw_inner_place *place,
                          const struct gw_inner_request *request, struct gw_exchange *ex)
{
    struct inner *inner = gw_arena_calloc(&ex->arena, 1, sizeof(*inner));

    if (inner == NULL || gw_arena_defer(&ex->arena, free_body, &inner->body) != 0)
        return NULL;
    inner->ex = ex;
    inner->place = *place;
    inner->done = request->done;
    inner->self = request->self;
    inner->max_response_bytes = request->max_response_bytes;
    gw_buf_init(&inner->body, request->max_response_bytes + 2 * READ_BYTES);
    if (copy_request(ex, request) != 0 ||
        (request->cause != NULL && copy_cause(ex, request->cause) != 0))
        return NULL;
    return inner;
}

struct gw_exchange *gw_inner_start(const struct gw_inner_place *place,
                                   const struct gw_inner_request *request)
{
    struct gw_exchange *ex = gw_exchange_take(place->pool);

    if (ex == NULL)
        return NULL;
    struct inner *inner = make(place, request, ex);
    if (inner == NULL) {
        gw_exchange_give_back(place->pool, ex);
        return NULL;
    }
    ex->worker = place->worker;
    ex->now_ns = gw_clock_monotonic_ns();
    ex->wall_ns = gw_clock_realtime_ns();
    ex->deadline_ns = request->deadline_ns;
    ex->is_inner = true;
    ex->io = &inner_io;
    ex->io_self = inner;
    gw_list_append(&place->pool->inner, &inner->node);
    if (request->prepare != NULL)
        request->prepare(request->self, ex);
    place->handler->begin(place->handler_self, ex);
    return ex;
}

void gw_inner_cancel(struct gw_exchange *ex)
{
    struct inner *inner = ex->io_self;

    if (inner->is_ending)
        return;
    inner->done = NULL;
    if (!ex->must_finish || ex->state != GW_EXCHANGE_DECIDING)
        give_up(inner);
}

void gw_inner_cancel_all(struct gw_exchange_pool *pool)
{
    while (!gw_list_is_empty(&pool->inner)) {
        struct inner *inner = GW_LIST_ITEM(pool->inner.next, struct inner, node);
        inner->done = NULL;
        give_up(inner);
    }
}
