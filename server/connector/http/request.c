#include "server/connector/http/request.h"

#include <errno.h>
#include <stdio.h>

#include "server/connector/http/document.h"
#include "server/contract/media.h"
#include "server/contract/parameter_text.h"
#include "server/core/buf.h"
#include "server/http/normal_path.h"
#include "server/http/percent.h"
#include "server/net/http_parser.h"

#define MAX_TARGET_BYTES (16 * 1024)
#define MAX_FIELD_BYTES (16 * 1024)
#define MAX_BODY_BYTES ((size_t)16 * 1024 * 1024)

GW_PRINTF(2, 3)
static int wrong(struct http_request *request, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(request->wrong, sizeof(request->wrong), format, args);
    va_end(args);
    return -EINVAL;
}

static void free_text(void *self)
{
    gw_buf_finish(self);
}

/* A buffer whose text lives as long as the arena. */
static struct gw_buf *make_text(struct gw_arena *arena, size_t max_bytes)
{
    struct gw_buf *text = gw_arena_calloc(arena, 1, sizeof(*text));

    if (text == NULL || gw_arena_defer(arena, free_text, text) != 0)
        return NULL;
    gw_buf_init(text, max_bytes);
    return text;
}

int http_request_add_field(struct http_request *request, struct gw_str name, struct gw_str value)
{
    if (!gw_http_is_token(name) || !gw_http_is_value(value))
        return wrong(request, "the header \"%.*s\" cannot be written", GW_STR_ARG(name));
    if (request->field_count == HTTP_MAX_FIELDS)
        return wrong(request, "more than %d headers", HTTP_MAX_FIELDS);
    request->fields[request->field_count++] = (struct gw_field){name, value};
    return 0;
}

bool http_is_read(struct gw_str method)
{
    enum gw_method known = gw_method_parse(method);

    return known == GW_METHOD_GET || known == GW_METHOD_HEAD || known == GW_METHOD_OPTIONS;
}

static void set_method(struct http_request *request, struct gw_str method)
{
    request->method = method;
    request->is_write = !http_is_read(method);
}

/* --- the path --- */

/* A path of the author's must stay what it looks like: what an expression puts into it would else
 * reach another resource, or bring a query of its own. */
static int check_path(struct http_request *request, struct gw_str path)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return wrong(request, "`path` must begin with \"/\"");
    for (size_t i = 0; i < path.len; i++) {
        unsigned char byte = (unsigned char)path.ptr[i];
        if (byte <= ' ' || byte >= 0x7f || byte == '?' || byte == '#' || byte == '\\')
            return wrong(request, "`path` has a character that is none of a path: put values into "
                                  "`parameters`, and a query into `query`");
    }
    return 0;
}

/* What came of the template must not act as another path at any backend: a value may be dots in
 * some spelling, or stand beside a dot. */
static int check_filled(struct http_request *request, struct gw_str path)
{
    struct gw_normal_path normal;

    return gw_path_normalize(path, &normal) == 0
               ? 0
               : wrong(request, "`path` and its parameters make no path, or one with \".\" or "
                                "\"..\" as a segment");
}

static const struct gw_parameter plain_path = {.place = GW_IN_PATH, .style = GW_STYLE_SIMPLE};

/* The declared parameter of that place, or a plain one where nothing is declared. */
static const struct gw_parameter *find_declared(const struct http_operation *operation,
                                                enum gw_parameter_place place, struct gw_str name)
{
    if (operation == NULL)
        return place == GW_IN_PATH ? &plain_path : NULL;
    for (size_t i = 0; i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        if (parameter->place == place && gw_str_equal(parameter->name, name))
            return parameter;
    }
    return NULL;
}

/* Puts the values into the template's places. */
static int append_path(struct http_request *request, struct gw_buf *text, struct gw_str path,
                       const struct http_operation *operation, const struct gw_value *values)
{
    size_t from = text->len;

    while (path.len > 0) {
        size_t open = gw_str_find(path, '{');
        gw_buf_append(text, path.ptr, open);
        path = gw_str_tail(path, open);
        if (path.len == 0)
            break;
        size_t close = gw_str_find(path, '}');
        if (close == path.len)
            return wrong(request, "`path` has a brace that nothing closes");
        struct gw_str name = gw_str_from(path.ptr + 1, close - 1);
        const struct gw_parameter *parameter = find_declared(operation, GW_IN_PATH, name);
        const struct gw_value *value = gw_value_member(values, name);
        if (parameter == NULL || value == NULL)
            return wrong(request, "the path's parameter \"%.*s\" is not given", GW_STR_ARG(name));
        if (gw_parameter_append(text, parameter, value) != 0)
            return wrong(request, "the path's parameter \"%.*s\" cannot stand in a path",
                         GW_STR_ARG(name));
        path = gw_str_tail(path, close + 1);
    }
    return text->has_failed ? 0 : check_filled(request, gw_str_tail(gw_buf_str(text), from));
}

/* --- the query --- */

static int append_query(struct http_request *request, struct gw_buf *text,
                        const struct gw_value *query)
{
    char join = '?';

    if (query == NULL || query->type == GW_JSON_NULL)
        return 0;
    if (query->type != GW_JSON_OBJECT)
        return wrong(request, "`query` must be an object");
    for (uint32_t i = 0; i < query->count; i++) {
        const struct gw_value_member *member = &query->members[i];
        const struct gw_parameter parameter = {
            .name = member->name, .place = GW_IN_QUERY, .style = GW_STYLE_FORM, .explode = true};
        if (member->value.type == GW_JSON_NULL ||
            (member->value.type == GW_JSON_ARRAY && member->value.count == 0))
            continue;
        gw_buf_append_byte(text, join);
        join = '&';
        if (member->value.type == GW_JSON_OBJECT ||
            gw_parameter_append(text, &parameter, &member->value) != 0)
            return wrong(request, "`query` has no plain value for \"%.*s\"",
                         GW_STR_ARG(member->name));
    }
    return 0;
}

static int take_target(struct http_request *request, const struct gw_buf *text)
{
    if (text->has_failed)
        return text->len >= MAX_TARGET_BYTES ? wrong(request, "the path and query are too long")
                                             : -ENOMEM;
    request->target = gw_buf_str(text);
    return 0;
}

/* --- headers and body --- */

static int add_header(struct gw_connector_call *call, struct http_request *request,
                      struct gw_str name, const struct gw_value *value)
{
    if (value->type == GW_JSON_NULL)
        return 0;
    if (value->type == GW_JSON_STRING || value->type == GW_JSON_NUMBER)
        return http_request_add_field(request, name, value->text);
    const struct gw_parameter plain = {
        .name = name, .place = GW_IN_HEADER, .style = GW_STYLE_SIMPLE};
    struct gw_buf *text = make_text(call->arena, MAX_FIELD_BYTES);
    if (text == NULL)
        return -ENOMEM;
    if (gw_parameter_append(text, &plain, value) != 0)
        return wrong(request, "the header \"%.*s\" has no plain value", GW_STR_ARG(name));
    return text->has_failed ? -ENOMEM : http_request_add_field(request, name, gw_buf_str(text));
}

static int add_headers(struct gw_connector_call *call, struct http_request *request)
{
    const struct gw_value *headers = gw_value_member(&call->arguments, GW_STR("headers"));
    int rc = 0;

    if (headers == NULL || headers->type == GW_JSON_NULL)
        return 0;
    if (headers->type != GW_JSON_OBJECT)
        return wrong(request, "`headers` must be an object");
    for (uint32_t i = 0; rc == 0 && i < headers->count; i++)
        rc = add_header(call, request, headers->members[i].name, &headers->members[i].value);
    return rc;
}

static int write_form(struct http_request *request, struct gw_buf *text,
                      const struct gw_value *body)
{
    struct gw_buf query;

    gw_buf_init(&query, MAX_BODY_BYTES);
    int rc = append_query(request, &query, body);
    if (rc == 0 && query.len > 0)
        gw_buf_append(text, query.ptr + 1, query.len - 1);
    gw_buf_finish(&query);
    return rc;
}

/* JSON, unless the author names another type: text goes as it is, members as a form. */
static int add_body(struct gw_connector_call *call, struct http_request *request,
                    struct gw_str default_type)
{
    const struct gw_value *body = gw_value_member(&call->arguments, GW_STR("body"));
    const struct gw_str *given =
        gw_field_find(request->fields, request->field_count, GW_STR("content-type"));
    struct gw_str type = given != NULL ? *given : default_type, range;
    int rc = 0;

    if (body == NULL || body->type == GW_JSON_NULL)
        return 0;
    struct gw_buf *text = make_text(call->arena, MAX_BODY_BYTES);
    if (text == NULL)
        return -ENOMEM;
    if (!gw_media_parse(type, &range))
        return wrong(request, "\"%.*s\" is no media type", GW_STR_ARG(type));
    if (gw_media_is_json(range))
        gw_value_write(text, body);
    else if (body->type == GW_JSON_STRING)
        gw_buf_append_str(text, body->text);
    else if (gw_str_equal_nocase(range, GW_STR("application/x-www-form-urlencoded")))
        rc = write_form(request, text, body);
    else
        rc = wrong(request, "a body of %.*s must be a text", GW_STR_ARG(range));
    if (rc == 0 && given == NULL)
        rc = http_request_add_field(request, GW_STR("Content-Type"), type);
    if (rc == 0 && text->has_failed)
        rc = text->len > MAX_BODY_BYTES / 2 ? wrong(request, "the body is too large") : -ENOMEM;
    request->body = gw_buf_str(text);
    request->has_body = true;
    return rc;
}

static int add_accept(struct http_request *request)
{
    if (gw_field_find(request->fields, request->field_count, GW_STR("accept")) != NULL)
        return 0;
    return http_request_add_field(request, GW_STR("Accept"), GW_STR("application/json, */*;q=0.5"));
}

/* --- the two functions --- */

int http_request_make(struct gw_connector_call *call, struct http_request *out)
{
    const struct gw_value *arguments = &call->arguments;
    struct gw_str method = gw_value_member_text(arguments, GW_STR("method"));
    struct gw_str path = gw_value_member_text(arguments, GW_STR("path"));
    struct gw_buf *text = make_text(call->arena, MAX_TARGET_BYTES);

    if (text == NULL)
        return -ENOMEM;
    set_method(out, method.len > 0 ? method : GW_STR("GET"));
    if (gw_method_parse(out->method) == GW_METHOD_OTHER)
        return wrong(out, "\"%.*s\" is no method", GW_STR_ARG(method));
    int rc = check_path(out, path);
    if (rc == 0)
        rc = append_path(out, text, path, NULL, gw_value_member(arguments, GW_STR("parameters")));
    if (rc == 0)
        rc = append_query(out, text, gw_value_member(arguments, GW_STR("query")));
    if (rc == 0)
        rc = take_target(out, text);
    if (rc == 0)
        rc = add_headers(call, out);
    if (rc == 0)
        rc = add_body(call, out, GW_STR("application/json"));
    return rc == 0 ? add_accept(out) : rc;
}

static int add_cookie(struct http_request *request, struct gw_str pair)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (gw_str_equal(request->fields[i].name, GW_STR("Cookie")))
            return wrong(request, "more than one cookie");
    }
    return http_request_add_field(request, GW_STR("Cookie"), pair);
}

/* One that stands in a header or a cookie. */
static int add_field_parameter(struct gw_connector_call *call, struct http_request *request,
                               const struct gw_parameter *parameter, const struct gw_value *value)
{
    struct gw_buf *text = make_text(call->arena, MAX_FIELD_BYTES);

    if (text == NULL)
        return -ENOMEM;
    if (gw_parameter_append(text, parameter, value) != 0)
        return wrong(request, "the parameter \"%.*s\" cannot be written so",
                     GW_STR_ARG(parameter->name));
    if (text->has_failed)
        return -ENOMEM;
    return parameter->place == GW_IN_COOKIE
               ? add_cookie(request, gw_buf_str(text))
               : http_request_add_field(request, parameter->name, gw_buf_str(text));
}

static int add_parameters(struct gw_connector_call *call, struct http_request *request,
                          const struct http_operation *operation, struct gw_buf *text)
{
    const struct gw_value *values = gw_value_member(&call->arguments, GW_STR("parameters"));
    char join = '?';
    int rc = append_path(request, text, operation->path, operation, values);

    for (size_t i = 0; rc == 0 && i < operation->parameter_count; i++) {
        const struct gw_parameter *parameter = &operation->parameters[i];
        const struct gw_value *value = gw_value_member(values, parameter->name);
        if (parameter->place == GW_IN_PATH)
            continue;
        if (value == NULL || value->type == GW_JSON_NULL) {
            rc = parameter->is_required
                     ? wrong(request, "lacks the parameter \"%.*s\"", GW_STR_ARG(parameter->name))
                     : 0;
        } else if (parameter->place != GW_IN_QUERY) {
            rc = add_field_parameter(call, request, parameter, value);
        } else if (value->type != GW_JSON_ARRAY || value->count > 0) {
            gw_buf_append_byte(text, join);
            join = '&';
            if (gw_parameter_append(text, parameter, value) != 0)
                rc = wrong(request, "the parameter \"%.*s\" cannot be written so",
                           GW_STR_ARG(parameter->name));
        }
    }
    return rc == 0 ? take_target(request, text) : rc;
}

static bool is_declared(const struct http_operation *operation, struct gw_str name)
{
    for (size_t i = 0; i < operation->parameter_count; i++) {
        if (gw_str_equal(operation->parameters[i].name, name))
            return true;
    }
    return false;
}

static int check_names(struct http_request *request, const struct http_operation *operation,
                       const struct gw_value *values)
{
    if (values == NULL || values->type == GW_JSON_NULL)
        return 0;
    if (values->type != GW_JSON_OBJECT)
        return wrong(request, "`parameters` must be an object");
    for (uint32_t i = 0; i < values->count; i++) {
        if (!is_declared(operation, values->members[i].name))
            return wrong(request, "the operation has no parameter \"%.*s\"",
                         GW_STR_ARG(values->members[i].name));
    }
    return 0;
}

int http_request_make_operation(struct gw_connector_call *call,
                                const struct http_document *document, struct http_request *out)
{
    struct gw_str id = gw_value_member_text(&call->arguments, GW_STR("operation"));
    const struct http_operation *operation = http_document_find(document, id);
    struct gw_buf *text = make_text(call->arena, MAX_TARGET_BYTES);

    if (operation == NULL)
        return wrong(out, "the backend's document has no operation \"%.*s\"", GW_STR_ARG(id));
    if (text == NULL)
        return -ENOMEM;
    set_method(out, operation->method);
    int rc = check_names(out, operation, gw_value_member(&call->arguments, GW_STR("parameters")));
    if (rc == 0)
        rc = add_parameters(call, out, operation, text);
    if (rc == 0)
        rc = add_headers(call, out);
    if (rc == 0)
        rc = add_body(call, out,
                      operation->body_type.len > 0 ? operation->body_type
                                                   : GW_STR("application/json"));
    return rc == 0 ? add_accept(out) : rc;
}
