#include "server/gateway/operation_request.h"

#include <errno.h>

#include "server/connector/connector.h"
#include "server/contract/media.h"
#include "server/contract/operation.h"
#include "server/contract/parameter_text.h"
#include "server/core/arena.h"
#include "server/core/buf.h"

#define MAX_TARGET_BYTES (16 * 1024)
#define MAX_FIELD_BYTES (16 * 1024)
#define MAX_BODY_BYTES ((size_t)16 * 1024 * 1024)

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

static int fail(struct gw_operation_request *request, const char *problem)
{
    if (request->problem == NULL)
        request->problem = problem;
    return -EINVAL;
}

static int add_field(struct gw_operation_request *request, struct gw_str name, struct gw_str value)
{
    if (request->field_count == GW_OPERATION_MAX_FIELDS)
        return fail(request, "it would have too many header fields");
    request->fields[request->field_count++] = (struct gw_field){name, value};
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

static int append_path(struct gw_operation_request *request, struct gw_buf *text)
{
    const struct gw_operation *operation = request->operation;
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
        const struct gw_value *value = gw_value_member(&request->parameters, name);
        if (parameter == NULL || value == NULL)
            return fail(request, "a parameter of its path is not given");
        if (gw_parameter_append(text, parameter, value) != 0)
            return fail(request, "a parameter of its path has a value that none can have");
        path = gw_str_tail(path, close < path.len ? close + 1 : close);
    }
    return 0;
}

/* A cookie goes to the field that holds all of them. */
static int add_in_field(struct gw_operation_request *request, const struct gw_parameter *parameter,
                        const struct gw_value *value, struct gw_buf *cookies)
{
    bool is_cookie = parameter->place == GW_IN_COOKIE;
    struct gw_buf *text = is_cookie ? cookies : make_text(request->arena, MAX_FIELD_BYTES);

    if (text == NULL)
        return -ENOMEM;
    if (is_cookie && text->len > 0)
        gw_buf_append_text(text, "; ");
    if (gw_parameter_append(text, parameter, value) != 0)
        return fail(request, "a parameter has a value that its style cannot say");
    return is_cookie ? 0 : add_field(request, parameter->name, gw_buf_str(text));
}

static int add_parameters(struct gw_operation_request *request, struct gw_buf *target,
                          struct gw_buf *cookies)
{
    const struct gw_operation *operation = request->operation;
    char join = '?';
    int rc = append_path(request, target);

    for (size_t i = 0; rc == 0 && i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        const struct gw_value *value = gw_value_member(&request->parameters, parameter->name);
        if (parameter->place == GW_IN_PATH || value == NULL || value->type == GW_JSON_NULL)
            continue;
        if (parameter->place != GW_IN_QUERY) {
            rc = add_in_field(request, parameter, value, cookies);
        } else if (value->type != GW_JSON_ARRAY || value->count > 0) {
            gw_buf_append_byte(target, join);
            join = '&';
            if (gw_parameter_append(target, parameter, value) != 0)
                rc = fail(request, "a parameter has a value that its style cannot say");
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

static int check_names(struct gw_operation_request *request)
{
    const struct gw_value *parameters = &request->parameters;

    if (parameters->type == GW_JSON_NULL)
        return 0;
    if (parameters->type != GW_JSON_OBJECT)
        return fail(request, "its parameters are no object");
    for (uint32_t i = 0; i < parameters->count; i++) {
        if (!is_known(request->operation, parameters->members[i].name))
            return fail(request, "it is given a parameter that its contract does not have");
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

static int add_body(struct gw_operation_request *request)
{
    const struct gw_value *body = &request->given_body;
    struct gw_str type = body_type(request->operation);
    struct gw_buf *text;

    if (body->type == GW_JSON_NULL)
        return 0;
    text = make_text(request->arena, MAX_BODY_BYTES);
    if (text == NULL)
        return -ENOMEM;
    if (gw_media_is_json(type))
        gw_value_write(text, body);
    else if (body->type == GW_JSON_STRING)
        gw_buf_append_str(text, body->text);
    else
        return fail(request, "its body is no text, and the contract has no JSON");
    request->body = gw_buf_str(text);
    request->has_body = true;
    return text->has_failed ? -ENOMEM : add_field(request, GW_STR("Content-Type"), type);
}

static int add_key(struct gw_operation_request *request)
{
    struct gw_arena *arena = request->arena;

    if (!gw_operation_is_write(request->operation))
        return 0;
    struct gw_str key = gw_connector_key_text(arena, request->effect_key);
    if (key.len == 0)
        return key.ptr == NULL ? -ENOMEM : 0;
    struct gw_str text = gw_arena_printf(arena, "\"%.*s\"", GW_STR_ARG(key));
    return text.ptr == NULL ? -ENOMEM : add_field(request, GW_STR("Idempotency-Key"), text);
}

int gw_operation_request_make(struct gw_operation_request *request)
{
    struct gw_buf *target = make_text(request->arena, MAX_TARGET_BYTES);
    struct gw_buf *cookies = make_text(request->arena, MAX_FIELD_BYTES);
    int rc = target == NULL || cookies == NULL ? -ENOMEM : check_names(request);

    if (rc == 0)
        rc = add_parameters(request, target, cookies);
    if (rc == 0 && cookies->len > 0)
        rc = add_field(request, GW_STR("Cookie"), gw_buf_str(cookies));
    if (rc == 0)
        rc = add_body(request);
    if (rc == 0)
        rc = add_key(request);
    if (rc == 0)
        rc = add_field(request, GW_STR("Accept"), GW_STR("application/json"));
    if (rc == 0 && (target->has_failed || cookies->has_failed))
        rc = fail(request, "its parameters are too long");
    if (rc == 0)
        request->target = gw_buf_str(target);
    return rc;
}

bool gw_operation_is_write(const struct gw_operation *operation)
{
    enum gw_method method = operation->method;

    return method != GW_METHOD_GET && method != GW_METHOD_HEAD && method != GW_METHOD_OPTIONS;
}
