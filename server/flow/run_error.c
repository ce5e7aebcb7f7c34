/* Workflow errors: the DSL's standard ones, their statuses and titles, and `$error`. */
#include <errno.h>

#include "server/flow/frame.h"

#define SPEC "https://serverlessworkflow.io/spec/1.0.0/errors/"
#define OLD_SPEC "https://serverlessworkflow.io/dsl/errors/types/" /* as earlier documents say */

static const struct {
    struct gw_str type;
    int status;
    struct gw_str title;
} types[] = {
    [FLOW_ERROR_CONFIGURATION] = {GW_STR_INIT(SPEC "configuration"), 400,
                                  GW_STR_INIT("Configuration Error")},
    [FLOW_ERROR_VALIDATION] = {GW_STR_INIT(SPEC "validation"), 400,
                               GW_STR_INIT("Validation Error")},
    [FLOW_ERROR_EXPRESSION] = {GW_STR_INIT(SPEC "expression"), 400,
                               GW_STR_INIT("Expression Error")},
    [FLOW_ERROR_AUTHENTICATION] = {GW_STR_INIT(SPEC "authentication"), 401,
                                   GW_STR_INIT("Authentication Error")},
    [FLOW_ERROR_AUTHORIZATION] = {GW_STR_INIT(SPEC "authorization"), 403,
                                  GW_STR_INIT("Authorization Error")},
    [FLOW_ERROR_TIMEOUT] = {GW_STR_INIT(SPEC "timeout"), 408, GW_STR_INIT("Timeout Error")},
    [FLOW_ERROR_COMMUNICATION] = {GW_STR_INIT(SPEC "communication"), 500,
                                  GW_STR_INIT("Communication Error")},
    [FLOW_ERROR_RUNTIME] = {GW_STR_INIT(SPEC "runtime"), 500, GW_STR_INIT("Runtime Error")},
};

struct gw_flow_error flow_error_of(const struct flow_frame *frame, enum flow_error_type type,
                                   struct gw_str reason)
{
    return (struct gw_flow_error){
        .type = types[type].type,
        .status = types[type].status,
        .title = types[type].title,
        .is_retryable = type == FLOW_ERROR_TIMEOUT || type == FLOW_ERROR_COMMUNICATION,
        .task = frame->task->pointer,
        .reason = reason,
    };
}

void flow_raise(struct flow_frame *frame, enum flow_error_type type, struct gw_str reason)
{
    struct gw_flow_error error = flow_error_of(frame, type, reason);

    flow_frame_raise(frame, &error);
}

/* The reason phrases of RFC 9110 and 6585, of what an API answers. */
void flow_error_set_status(struct gw_flow_error *error, int status)
{
    static const struct {
        int status;
        struct gw_str title;
    } titles[] = {
        {400, GW_STR_INIT("Bad Request")},
        {401, GW_STR_INIT("Unauthorized")},
        {403, GW_STR_INIT("Forbidden")},
        {404, GW_STR_INIT("Not Found")},
        {405, GW_STR_INIT("Method Not Allowed")},
        {406, GW_STR_INIT("Not Acceptable")},
        {408, GW_STR_INIT("Request Timeout")},
        {409, GW_STR_INIT("Conflict")},
        {410, GW_STR_INIT("Gone")},
        {412, GW_STR_INIT("Precondition Failed")},
        {413, GW_STR_INIT("Content Too Large")},
        {415, GW_STR_INIT("Unsupported Media Type")},
        {422, GW_STR_INIT("Unprocessable Content")},
        {428, GW_STR_INIT("Precondition Required")},
        {429, GW_STR_INIT("Too Many Requests")},
        {500, GW_STR_INIT("Internal Server Error")},
        {501, GW_STR_INIT("Not Implemented")},
        {502, GW_STR_INIT("Bad Gateway")},
        {503, GW_STR_INIT("Service Unavailable")},
        {504, GW_STR_INIT("Gateway Timeout")},
    };

    error->backend_status = status;
    if (status < 300 || status > 599)
        return;
    error->status = status;
    for (size_t i = 0; i < GW_COUNT_OF(titles); i++)
        if (titles[i].status == status)
            error->title = titles[i].title;
}

/* "https://.../communication" of either version as "communication". */
static struct gw_str short_name(struct gw_str type)
{
    static const struct gw_str prefixes[] = {GW_STR_INIT(SPEC), GW_STR_INIT(OLD_SPEC)};

    for (size_t i = 0; i < GW_COUNT_OF(prefixes); i++)
        if (gw_str_has_prefix(type, prefixes[i]))
            return gw_str_tail(type, prefixes[i].len);
    return (struct gw_str){NULL, 0};
}

/* What a connector says is a communication error and one of its own class: `catch` may know it by
 * either. */
bool flow_error_is(const struct gw_flow_error *error, struct gw_str type)
{
    struct gw_str wanted = short_name(type), own = short_name(error->type);

    if (gw_str_equal(type, error->type) ||
        (wanted.ptr != NULL && own.ptr != NULL && gw_str_equal(wanted, own)))
        return true;
    if (error->connector_error == GW_CONNECTOR_OK)
        return false;
    return (wanted.ptr != NULL && gw_str_equal(wanted, GW_STR("communication"))) ||
           gw_str_equal(type, gw_str_of(gw_connector_error_row(error->connector_error)->type));
}

static int add_text(struct gw_value_builder *builder, const char *name, struct gw_str text)
{
    if (text.len == 0)
        return 0;
    return gw_value_add_member(builder, gw_str_of(name), gw_value_string(text));
}

static int add_status(struct gw_value_builder *builder, const char *name, int status)
{
    struct gw_value number;
    int rc = gw_value_integer(builder->arena, status, &number);

    return rc != 0 ? rc : gw_value_add_member(builder, gw_str_of(name), number);
}

int flow_error_value(struct gw_arena *arena, const struct gw_flow_error *error,
                     struct gw_value *out_value)
{
    struct gw_value_builder builder = {.arena = arena};
    struct gw_str instance = error->instance.len > 0 ? error->instance : error->task;
    int rc = 0;

    for (uint32_t i = 0; error->members.type == GW_JSON_OBJECT && i < error->members.count; i++)
        rc |= gw_value_add_member(&builder, error->members.members[i].name,
                                  error->members.members[i].value);
    rc |= add_text(&builder, "type", error->type);
    rc |= add_status(&builder, "status", error->status);
    rc |= add_text(&builder, "title", error->title);
    rc |= add_text(&builder, "detail", error->is_raised ? error->detail : error->reason);
    rc |= add_text(&builder, "instance", instance);
    rc |= add_text(&builder, "code", error->code);
    if (error->connector_error != GW_CONNECTOR_OK)
        rc |= add_text(&builder, "class",
                       gw_str_of(gw_connector_error_row(error->connector_error)->name));
    if (error->backend_status > 0)
        rc |= add_status(&builder, "backendStatus", error->backend_status);
    if (error->answer.type != GW_JSON_NULL)
        rc |= gw_value_add_member(&builder, GW_STR("body"), error->answer);
    *out_value = gw_value_built_object(&builder);
    return rc == 0 ? 0 : -ENOMEM;
}
