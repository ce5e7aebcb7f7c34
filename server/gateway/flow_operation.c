#include "server/gateway/flow_operation.h"

#include <errno.h>

#include "server/contract/media.h"
#include "server/contract/operation.h"
#include "server/contract/parameter_text.h"
#include "server/core/buf.h"
#include "server/core/utf8.h"
#include "server/gateway/flow_host.h"
#include "server/gateway/flow_service.h"
#include "server/gateway/flows.h"
#include "server/gateway/request.h"
#include "server/http/inner.h"
#include "server/upstream/call_ahead.h"

#define MAX_TARGET_BYTES (16 * 1024)
#define MAX_FIELD_BYTES (16 * 1024)
#define MAX_BODY_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_FIELDS 64

/* One call, in its arena. */
struct calling {
    struct gw_flow_operation_call *call;
    const struct gw_operation *operation;
    struct gw_exchange *ex;      /* NULL: it is over */
    struct gw_call_ahead *ahead; /* its answer, which is being read; NULL: it is not */
    struct gw_str target;
    struct gw_field fields[MAX_FIELDS];
    size_t field_count;
    struct gw_str body;
    bool has_body;
    const char *problem; /* why it cannot be called */
};

static bool is_write(const struct calling *calling)
{
    enum gw_method method = calling->operation->method;

    return method != GW_METHOD_GET && method != GW_METHOD_HEAD && method != GW_METHOD_OPTIONS;
}

static struct gw_exchange *cause_of(const struct calling *calling)
{
    return (struct gw_exchange *)(uintptr_t)calling->call->cause;
}

/* --- the request --- */

static void free_text(void *self)
{
    gw_buf_finish(self);
}

static struct gw_buf *make_text(struct gw_arena *arena, size_t max_bytes)
{
    struct gw_buf *text = gw_arena_calloc(arena, 1, sizeof(*text));

    if (text == NULL || gw_arena_defer(arena, free_text, text) != 0)
        return NULL;
    gw_buf_init(text, max_bytes);
    return text;
}

static int fail(struct calling *calling, const char *problem)
{
    if (calling->problem == NULL)
        calling->problem = problem;
    return -EINVAL;
}

static int add_field(struct calling *calling, struct gw_str name, struct gw_str value)
{
    if (calling->field_count == MAX_FIELDS)
        return fail(calling, "it would have too many header fields");
    calling->fields[calling->field_count++] = (struct gw_field){name, value};
    return 0;
}

static const struct gw_parameter *find_path_parameter(const struct gw_operation *operation,
                                                      struct gw_str name)
{
    for (size_t i = 0; i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if (parameter->place == GW_IN_PATH && gw_str_equal(parameter->name, name))
            return parameter;
    }
    return NULL;
}

static int append_path(struct calling *calling, struct gw_buf *text)
{
    const struct gw_operation *operation = calling->operation;
    struct gw_str path = operation->route;

    while (path.len > 0) {
        size_t open = gw_str_find(path, '{');
        gw_buf_append(text, path.ptr, open);
        path = gw_str_tail(path, open);
        if (path.len == 0)
            break;
        size_t close = gw_str_find(path, '}');
        struct gw_str name = gw_str_from(path.ptr + 1, close - 1);
        const struct gw_parameter *parameter = find_path_parameter(operation, name);
        const struct gw_value *value = gw_value_member(&calling->call->parameters, name);
        if (parameter == NULL || value == NULL)
            return fail(calling, "a parameter of its path is not given");
        if (gw_parameter_append(text, parameter, value) != 0)
            return fail(calling, "a parameter of its path has a value that none can have");
        path = gw_str_tail(path, close < path.len ? close + 1 : close);
    }
    return 0;
}

/* A cookie goes to the field that holds all of them. */
static int add_in_field(struct calling *calling, const struct gw_parameter *parameter,
                        const struct gw_value *value, struct gw_buf *cookies)
{
    bool is_cookie = parameter->place == GW_IN_COOKIE;
    struct gw_buf *text = is_cookie ? cookies : make_text(calling->call->arena, MAX_FIELD_BYTES);

    if (text == NULL)
        return -ENOMEM;
    if (is_cookie && text->len > 0)
        gw_buf_append_text(text, "; ");
    if (gw_parameter_append(text, parameter, value) != 0)
        return fail(calling, "a parameter has a value that its style cannot say");
    return is_cookie ? 0 : add_field(calling, parameter->name, gw_buf_str(text));
}

static int add_parameters(struct calling *calling, struct gw_buf *target, struct gw_buf *cookies)
{
    const struct gw_operation *operation = calling->operation;
    char join = '?';
    int rc = append_path(calling, target);

    for (size_t i = 0; rc == 0 && i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        const struct gw_value *value = gw_value_member(&calling->call->parameters, parameter->name);
        if (parameter->place == GW_IN_PATH || value == NULL || value->type == GW_JSON_NULL)
            continue;
        if (parameter->place != GW_IN_QUERY) {
            rc = add_in_field(calling, parameter, value, cookies);
        } else if (value->type != GW_JSON_ARRAY || value->count > 0) {
            gw_buf_append_byte(target, join);
            join = '&';
            if (gw_parameter_append(target, parameter, value) != 0)
                rc = fail(calling, "a parameter has a value that its style cannot say");
        }
    }
    return rc;
}

static bool is_known(const struct gw_operation *operation, struct gw_str name)
{
    for (size_t i = 0; i < operation->parameter_count; i++) {
        if (gw_str_equal(operation->parameters[i].name, name))
            return true;
    }
    return false;
}

static int check_names(struct calling *calling)
{
    const struct gw_value *parameters = &calling->call->parameters;

    if (parameters->type == GW_JSON_NULL)
        return 0;
    if (parameters->type != GW_JSON_OBJECT)
        return fail(calling, "its parameters are no object");
    for (uint32_t i = 0; i < parameters->count; i++) {
        if (!is_known(calling->operation, parameters->members[i].name))
            return fail(calling, "it is given a parameter that its contract does not have");
    }
    return 0;
}

static struct gw_str body_type(const struct gw_operation *operation)
{
    for (size_t i = 0; i < operation->media_type_count; i++) {
        if (gw_media_is_json(operation->media_types[i].range))
            return operation->media_types[i].range;
    }
    return operation->media_type_count > 0 ? operation->media_types[0].range
                                           : GW_STR("application/json");
}

static int add_body(struct calling *calling)
{
    const struct gw_value *body = &calling->call->body;
    struct gw_str type = body_type(calling->operation);
    struct gw_buf *text;

    if (body->type == GW_JSON_NULL)
        return 0;
    text = make_text(calling->call->arena, MAX_BODY_BYTES);
    if (text == NULL)
        return -ENOMEM;
    if (gw_media_is_json(type))
        gw_value_write(text, body);
    else if (body->type == GW_JSON_STRING)
        gw_buf_append_str(text, body->text);
    else
        return fail(calling, "its body is no text, and the contract has no JSON");
    calling->body = gw_buf_str(text);
    calling->has_body = true;
    return text->has_failed ? -ENOMEM : add_field(calling, GW_STR("Content-Type"), type);
}

static int add_key(struct calling *calling)
{
    struct gw_arena *arena = calling->call->arena;
    struct gw_str key = gw_connector_key_text(arena, calling->call->effect_key);

    if (!is_write(calling) || key.len == 0)
        return key.ptr == NULL ? -ENOMEM : 0;
    struct gw_str text = gw_arena_printf(arena, "\"%.*s\"", GW_STR_ARG(key));
    return text.ptr == NULL ? -ENOMEM : add_field(calling, GW_STR("Idempotency-Key"), text);
}

static int make_request(struct calling *calling)
{
    struct gw_buf *target = make_text(calling->call->arena, MAX_TARGET_BYTES);
    struct gw_buf *cookies = make_text(calling->call->arena, MAX_FIELD_BYTES);
    int rc = target == NULL || cookies == NULL ? -ENOMEM : check_names(calling);

    if (rc == 0)
        rc = add_parameters(calling, target, cookies);
    if (rc == 0 && cookies->len > 0)
        rc = add_field(calling, GW_STR("Cookie"), gw_buf_str(cookies));
    if (rc == 0)
        rc = add_body(calling);
    if (rc == 0)
        rc = add_key(calling);
    if (rc == 0)
        rc = add_field(calling, GW_STR("Accept"), GW_STR("application/json"));
    if (rc == 0 && (target->has_failed || cookies->has_failed))
        rc = fail(calling, "its parameters are too long");
    if (rc == 0)
        calling->target = gw_buf_str(target);
    return rc;
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
    struct gw_str method = gw_method_name(calling->operation->method);

    if (gw_value_add_member(&request, GW_STR("method"), gw_value_string(method)) != 0 ||
        gw_value_add_member(&request, GW_STR("uri"), gw_value_string(calling->target)) != 0)
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
        .method = gw_method_name(calling->operation->method),
        .target = calling->target,
        .fields = calling->fields,
        .field_count = calling->field_count,
        .body = calling->body,
        .has_body = calling->has_body,
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
    calling->operation = gw_flows_find_operation(call->cause->view->snapshot, call->operation_id,
                                                 &is_one_of_several);
    if (calling->operation == NULL)
        return "there is no such operation";
    if (call->cause->depth >= GW_MAX_OPERATION_DEPTH)
        return "operations call each other too deeply";
    int rc = make_request(calling);
    if (rc != 0)
        return rc == -EINVAL && calling->problem != NULL ? calling->problem : "out of memory";
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
