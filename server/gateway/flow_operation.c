#include "server/gateway/flow_operation.h"

#include <errno.h>

#include "server/contract/media.h"
#include "server/contract/operation.h"
#include "server/core/utf8.h"
#include "server/gateway/flow_host.h"
#include "server/gateway/flow_service.h"
#include "server/gateway/flows.h"
#include "server/gateway/operation_request.h"
#include "server/gateway/request.h"
#include "server/http/inner.h"
#include "server/upstream/call_ahead.h"

#define MAX_BODY_BYTES ((size_t)16 * 1024 * 1024)

/* One call, in its arena. */
struct calling {
    struct gw_flow_operation_call *call;
    struct gw_exchange *ex;      /* NULL: it is over */
    struct gw_call_ahead *ahead; /* its answer, which is being read; NULL: it is not */
    struct gw_operation_request request;
};

static bool is_write(const struct calling *calling)
{
    return gw_operation_is_write(calling->request.operation);
}

static struct gw_exchange *cause_of(const struct calling *calling)
{
    return (struct gw_exchange *)(uintptr_t)calling->call->cause;
}

/* --- the answer --- */

static bool is_json(const struct gw_call_answer *answer)
{
    const struct gw_str *type =
        gw_field_find(answer->fields, answer->field_count, GW_STR("content-type"));
    struct gw_str range;

    return type != NULL && gw_media_parse(*type, &range) && gw_media_is_json(range);
}

static int read_body(struct gw_arena *arena, const struct gw_call_answer *answer,
                     struct gw_value *out_value)
{
    const struct gw_value *ahead = gw_call_take_json(answer, arena);
    struct gw_str body = answer->body;
    struct gw_json_error error;

    *out_value = ahead != NULL ? *ahead : gw_value_null();
    if (ahead != NULL || body.len == 0)
        return 0;
    body = gw_arena_copy(arena, body); /* the exchange goes before the value does */
    if (body.ptr == NULL)
        return -ENOMEM;
    if (is_json(answer))
        return gw_value_read(arena, body, NULL, out_value, &error);
    if (!gw_utf8_is_valid(body))
        return -EINVAL;
    *out_value = gw_value_string(body);
    return 0;
}

static struct gw_str copy_lower(struct gw_arena *arena, struct gw_str text)
{
    char *copy = gw_arena_alloc(arena, text.len + 1);

    for (size_t i = 0; copy != NULL && i < text.len; i++)
        copy[i] =
            text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] | 0x20) : text.ptr[i];
    return (struct gw_str){copy, text.len};
}

static int read_headers(struct gw_arena *arena, const struct gw_call_answer *answer,
                        struct gw_value *out_value)
{
    struct gw_value_builder headers = {.arena = arena};

    for (size_t i = 0; i < answer->field_count; i++) {
        struct gw_str name = copy_lower(arena, answer->fields[i].name);
        struct gw_str value = gw_arena_copy(arena, answer->fields[i].value);
        if (name.ptr == NULL || value.ptr == NULL ||
            gw_value_add_member(&headers, name, gw_value_string(value)) != 0)
            return -ENOMEM;
    }
    *out_value = gw_value_built_object(&headers);
    return 0;
}

static int describe_request(const struct calling *calling, struct gw_value *out_value)
{
    struct gw_value_builder request = {.arena = calling->call->arena};
    struct gw_str method = gw_method_name(calling->request.operation->method);

    if (gw_value_add_member(&request, GW_STR("method"), gw_value_string(method)) != 0 ||
        gw_value_add_member(&request, GW_STR("uri"), gw_value_string(calling->request.target)) != 0)
        return -ENOMEM;
    *out_value = gw_value_built_object(&request);
    return 0;
}

static int read_answer(struct calling *calling, const struct gw_call_answer *given)
{
    struct gw_arena *arena = calling->call->arena;
    struct gw_value_builder answer = {.arena = arena};
    struct gw_value status, headers, body, request;
    int rc = read_body(arena, given, &body);

    if (rc != 0)
        return rc;
    if (gw_value_integer(arena, given->status, &status) != 0 ||
        read_headers(arena, given, &headers) != 0 || describe_request(calling, &request) != 0 ||
        gw_value_add_member(&answer, GW_STR("status"), status) != 0 ||
        gw_value_add_member(&answer, GW_STR("headers"), headers) != 0 ||
        gw_value_add_member(&answer, GW_STR("body"), body) != 0 ||
        gw_value_add_member(&answer, GW_STR("request"), request) != 0)
        return -ENOMEM;
    calling->call->answer = gw_value_built_object(&answer);
    return 0;
}

static void on_read(void *self, const struct gw_call_answer *answer)
{
    struct calling *calling = self;
    struct gw_flow_operation_call *call = calling->call;

    calling->ahead = NULL;
    int rc = read_answer(calling, answer);
    call->done(call, rc == 0         ? NULL
                     : rc == -ENOMEM ? "out of memory"
                                     : "its answer is not what its media type says");
}

static void on_done(void *self, struct gw_exchange *ex)
{
    struct calling *calling = self;
    const struct gw_call_answer answer = {
        .status = ex->response.status,
        .fields = ex->response.fields,
        .field_count = ex->response.field_count,
        .body = ex->response.body,
    };

    calling->ex = NULL;
    if (is_write(calling) && ex->record.was_sent)
        gw_flow_service_note_effect(cause_of(calling));
    if (is_json(&answer))
        calling->ahead = gw_call_ahead_start(cause_of(calling)->worker->loop, &answer,
                                             GW_JSON_LIMITS_DEFAULT.max_depth, on_read, calling);
    if (calling->ahead == NULL)
        on_read(calling, &answer);
}

/* --- start and end --- */

static struct gw_exchange *start(struct gw_request_owner *owner, struct calling *calling)
{
    const struct gw_inner_place place = {
        .pool = &owner->inner,
        .worker = &owner->worker,
        .loop = owner->worker.loop,
        .handler = &gw_request_handler,
        .handler_self = owner,
    };
    const struct gw_inner_request request = {
        .method = gw_method_name(calling->request.operation->method),
        .target = calling->request.target,
        .fields = calling->request.fields,
        .field_count = calling->request.field_count,
        .body = calling->request.body,
        .has_body = calling->request.has_body,
        .cause = calling->call->cause,
        .deadline_ns = calling->call->deadline_ns,
        .max_response_bytes = MAX_BODY_BYTES,
        .done = on_done,
        .self = calling,
    };

    return gw_inner_start(&place, &request);
}

static const char *prepare(struct gw_request_owner *owner, struct gw_flow_operation_call *call,
                           struct calling **out_calling)
{
    struct calling *calling = gw_arena_calloc(call->arena, 1, sizeof(*calling));
    bool is_one_of_several;

    (void)owner;
    if (calling == NULL)
        return "out of memory";
    calling->call = call;
    calling->request.operation = gw_flows_find_operation(call->cause->view->snapshot,
                                                         call->operation_id, &is_one_of_several);
    if (calling->request.operation == NULL)
        return "there is no such operation";
    if (call->cause->depth >= GW_MAX_OPERATION_DEPTH)
        return "operations call each other too deeply";
    calling->request.arena = call->arena;
    calling->request.parameters = call->parameters;
    calling->request.given_body = call->body;
    calling->request.effect_key = call->effect_key;
    int rc = gw_operation_request_make(&calling->request);
    if (rc != 0)
        return rc == -EINVAL && calling->request.problem != NULL ? calling->request.problem
                                                                 : "out of memory";
    *out_calling = calling;
    return NULL;
}

void gw_flow_operation_call(void *self, struct gw_flow_operation_call *call)
{
    struct gw_request_owner *owner = self;
    struct calling *calling = NULL;
    const char *problem = prepare(owner, call, &calling);

    call->state = NULL;
    if (problem == NULL && is_write(calling))
        gw_flow_service_note_write(cause_of(calling));
    if (problem == NULL) {
        calling->ex = start(owner, calling);
        if (calling->ex == NULL)
            problem = "too many operations are under way";
    }
    if (problem != NULL)
        call->done(call, problem);
    else
        call->state = calling;
}

void gw_flow_operation_cancel(void *self, struct gw_flow_operation_call *call)
{
    struct calling *calling = call->state;

    (void)self;
    if (calling != NULL && calling->ahead != NULL)
        gw_call_ahead_abandon(calling->ahead);
    if (calling == NULL || calling->ex == NULL)
        return;
    if (is_write(calling)) /* it goes on by itself, and nobody hears of its end */
        gw_flow_service_note_effect(cause_of(calling));
    gw_inner_cancel(calling->ex);
    calling->ex = NULL;
}
