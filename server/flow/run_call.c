/* call: functions of connectors, and operations of the gateway itself. */
#include <errno.h>

#include "server/core/clock.h"
#include "server/flow/frame.h"

static void raise_failure(struct flow_frame *frame)
{
    struct gw_flow_error error = frame->failure;

    flow_frame_raise(frame, &error);
}

static void return_answer(struct flow_frame *frame)
{
    flow_frame_return(frame, frame->answer);
}

static struct gw_str own(struct flow_frame *frame, struct gw_str text)
{
    struct gw_str copy = gw_arena_copy(&frame->run->arena, text);

    return copy.ptr != NULL ? copy : GW_STR("");
}

/* --- connectors ---------------------------------------------------------------------------------
 */

/* A failure of `call: http` is a communication error with the answer's status, as the DSL has it;
 * one of a connector's function has a type of its own. */
static void set_failure(struct flow_frame *frame, const struct gw_connector_failure *failure)
{
    const struct gw_connector_error_row *row = gw_connector_error_row(failure->error);
    struct gw_flow_error *error = &frame->failure;

    *error = flow_error_of(frame, FLOW_ERROR_COMMUNICATION, own(frame, failure->reason));
    error->backend_status = failure->backend_status;
    if (frame->task->call.is_http) {
        flow_error_set_status(error, failure->backend_status);
    } else {
        error->type = gw_str_of(row->type);
        error->status = row->status;
        error->title = gw_str_of(row->name);
    }
    error->connector_error = failure->error;
    error->code = own(frame, failure->code);
    error->is_retryable = row->is_retryable;
    error->retry_ns = failure->retry_ns;
    error->problem = failure->problem;
}

/* Its response is told with what was asked, but for credentials. */
static int add_request(struct flow_frame *frame, const struct gw_value *result)
{
    const struct gw_value *asked = &frame->call.arguments;
    const struct gw_value *headers = gw_value_member(asked, GW_STR("headers"));
    const struct gw_value *method = gw_value_member(asked, GW_STR("method"));
    const struct gw_value *path = gw_value_member(asked, GW_STR("path"));
    struct gw_arena *arena = &frame->run->arena;
    struct gw_value_builder request = {.arena = arena}, shown = {.arena = arena};
    struct gw_value_builder whole = {.arena = arena};
    int rc = 0;

    for (uint32_t i = 0; headers != NULL && headers->type == GW_JSON_OBJECT && i < headers->count;
         i++)
        if (!gw_str_equal_nocase(headers->members[i].name, GW_STR("authorization")))
            rc |= gw_value_add_member(&shown, headers->members[i].name, headers->members[i].value);
    rc |=
        gw_value_add_member(&request, GW_STR("method"), method != NULL ? *method : gw_value_null());
    rc |= gw_value_add_member(&request, GW_STR("uri"), path != NULL ? *path : gw_value_null());
    rc |= gw_value_add_member(&request, GW_STR("headers"), gw_value_built_object(&shown));
    rc |= gw_value_add_member(&whole, GW_STR("request"), gw_value_built_object(&request));
    for (uint32_t i = 0; result->type == GW_JSON_OBJECT && i < result->count; i++)
        rc |= gw_value_add_member(&whole, result->members[i].name, result->members[i].value);
    frame->answer = gw_value_built_object(&whole);
    return rc;
}

static void return_http_response(struct flow_frame *frame)
{
    struct gw_value result = frame->answer;

    if (add_request(frame, &result) != 0)
        flow_run_exhaust(frame->run, frame);
    else
        flow_frame_return(frame, frame->answer);
}

static flow_step *step_after(const struct flow_frame *frame)
{
    struct gw_str output = gw_value_member_text(&frame->call.arguments, GW_STR("output"));

    return frame->task->call.is_http && gw_str_equal(output, GW_STR("response"))
               ? return_http_response
               : return_answer;
}

void flow_tell_write(const struct flow_frame *frame, bool has_effect)
{
    const struct gw_flow_run *run = frame->run;

    if (frame->task->call.is_write && run->host.on_write != NULL)
        run->host.on_write(run->host.self, run->start.cause, has_effect);
}

static void connector_done(struct gw_connector_call *call,
                           const struct gw_connector_failure *failure)
{
    struct flow_frame *frame = call->owner;

    frame->wait = FLOW_WAIT_NONE;
    if (failure == NULL || failure->error == GW_CONNECTOR_IN_DOUBT)
        flow_tell_write(frame, true);
    if (failure != NULL)
        set_failure(frame, failure);
    else
        frame->answer = call->result;
    flow_frame_ready(frame, failure != NULL ? raise_failure : step_after(frame));
    flow_run_pump(frame->run);
}

static void begin_call(struct flow_frame *frame, struct gw_value arguments, void *instance,
                       const struct gw_backend *backend)
{
    const struct flow_connector_call *task = &frame->task->call;
    struct gw_flow_run *run = frame->run;
    struct gw_str key = task->is_write ? flow_effect_key(frame) : GW_STR("");

    if (key.ptr == NULL) {
        flow_run_exhaust(run, frame);
        return;
    }
    frame->call = (struct gw_connector_call){.function = task->function,
                                             .arena = &run->arena,
                                             .worker = run->host.worker,
                                             .backend = backend,
                                             .cause = run->start.cause,
                                             .arguments = arguments,
                                             .metadata = run->start.metadata,
                                             .effect_key = key,
                                             .deadline_ns = frame->deadline_ns,
                                             .done = connector_done,
                                             .owner = frame};
    frame->wait = FLOW_WAIT_CONNECTOR;
    flow_tell_write(frame, false);
    gw_connector_begin(instance, &frame->call);
}

static void call_connector(struct flow_frame *frame)
{
    struct gw_flow_run *run = frame->run;
    struct gw_str name = gw_value_member_text(&frame->answer, GW_STR("backend"));
    const struct gw_value *arguments = gw_value_member(&frame->answer, GW_STR("arguments"));
    const struct gw_value *named = gw_value_member(&frame->answer, GW_STR("backend"));
    const struct gw_backend *backend = NULL;
    void *instance = NULL;
    int rc = -ENOENT;

    if (named == NULL || named->type == GW_JSON_NULL)
        name = run->start.backend;

    if (frame->task->call.type->needs_no_backend)
        rc = 0;
    else if (name.len > 0 && run->host.connector != NULL)
        rc = run->host.connector(run->host.self, run->start.cause, name, frame->task->call.type,
                                 &instance, &backend);
    if (rc == 0) {
        begin_call(frame, *arguments, instance, backend);
        return;
    }
    struct gw_str reason = gw_arena_printf(&run->arena, "%s: there is no such backend: \"%.*s\"",
                                           frame->task->call.type->name, GW_STR_ARG(name));
    if (reason.ptr == NULL)
        flow_run_exhaust(run, frame);
    else
        flow_raise(frame, FLOW_ERROR_CONFIGURATION, reason);
}

void flow_begin_connector(struct flow_frame *frame)
{
    flow_frame_ask(frame, &frame->task->call.with, frame->input, call_connector);
}

/* --- operations ---------------------------------------------------------------------------------
 */

static int status_of(const struct gw_value *answer)
{
    int64_t status = 0;

    if (flow_integer_of(gw_value_member(answer, GW_STR("status")), &status) != 0)
        return 0;
    return status < 1000 ? (int)status : 0;
}

/* {request, statusCode, headers, content} */
static int response_value(struct flow_frame *frame, struct gw_value *out_value)
{
    static const struct {
        const char *from, *to;
    } names[] = {{"request", "request"},
                 {"status", "statusCode"},
                 {"headers", "headers"},
                 {"body", "content"}};
    struct gw_value_builder builder = {.arena = &frame->run->arena};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        const struct gw_value *member =
            gw_value_member(&frame->operation.answer, gw_str_of(names[i].from));
        if (gw_value_add_member(&builder, gw_str_of(names[i].to),
                                member != NULL ? *member : gw_value_null()) != 0)
            return -ENOMEM;
    }
    *out_value = gw_value_built_object(&builder);
    return 0;
}

static void return_response(struct flow_frame *frame)
{
    struct gw_value value;

    if (response_value(frame, &value) != 0)
        flow_run_exhaust(frame->run, frame);
    else
        flow_frame_return(frame, value);
}

/* Of its Retry-After (RFC 9110, section 10.2.3), where that is a number of seconds; else 0. */
static uint64_t retry_of(const struct gw_value *answer)
{
    const struct gw_value *headers = gw_value_member(answer, GW_STR("headers"));
    uint64_t seconds;

    if (headers == NULL || headers->type != GW_JSON_OBJECT ||
        gw_str_to_u64(gw_value_member_text(headers, GW_STR("retry-after")), &seconds) != 0)
        return 0;
    return seconds < 86400 ? seconds * GW_NS_PER_SECOND : 86400 * GW_NS_PER_SECOND;
}

static void operation_failed(struct flow_frame *frame, const char *problem, int status)
{
    struct gw_str reason =
        problem != NULL ? gw_str_of(problem) : GW_STR("the operation answers with an error");
    const struct gw_value *body = gw_value_member(&frame->operation.answer, GW_STR("body"));

    frame->failure = flow_error_of(frame, FLOW_ERROR_COMMUNICATION, own(frame, reason));
    flow_error_set_status(&frame->failure, status);
    frame->failure.is_retryable = status == 0 || status == 429 || status >= 500;
    if (problem == NULL && body != NULL)
        frame->failure.answer = *body;
    if (problem == NULL)
        frame->failure.retry_ns = retry_of(&frame->operation.answer);
    flow_frame_ready(frame, raise_failure);
}

static void operation_done(struct gw_flow_operation_call *call, const char *problem)
{
    struct flow_frame *frame = call->owner;
    int status = problem == NULL ? status_of(&call->answer) : 0;
    const struct gw_value *body = gw_value_member(&call->answer, GW_STR("body"));

    frame->wait = FLOW_WAIT_NONE;
    if (problem != NULL || status < 200 || status > 299) {
        operation_failed(frame, problem, status);
    } else if (frame->task->operation.output == FLOW_OUTPUT_RESPONSE) {
        flow_frame_ready(frame, return_response);
    } else {
        frame->answer = body != NULL ? *body : gw_value_null();
        flow_frame_ready(frame, return_answer);
    }
    flow_run_pump(frame->run);
}

static void call_operation(struct flow_frame *frame)
{
    struct gw_flow_run *run = frame->run;
    struct gw_str key = flow_effect_key(frame);

    if (key.ptr == NULL) {
        flow_run_exhaust(run, frame);
        return;
    }
    if (run->host.call_operation == NULL) {
        flow_raise(frame, FLOW_ERROR_CONFIGURATION, GW_STR("no operations can be called here"));
        return;
    }
    struct gw_value asked = frame->answer;
    frame->operation = (struct gw_flow_operation_call){
        .operation_id = frame->task->operation.operation_id,
        .parameters = *gw_value_member(&asked, GW_STR("parameters")),
        .body = *gw_value_member(&asked, GW_STR("body")),
        .effect_key = key,
        .deadline_ns = frame->deadline_ns,
        .arena = &run->arena,
        .cause = run->start.cause,
        .done = operation_done,
        .owner = frame};
    frame->wait = FLOW_WAIT_OPERATION;
    run->host.call_operation(run->host.self, &frame->operation);
}

void flow_begin_operation(struct flow_frame *frame)
{
    flow_frame_ask(frame, &frame->task->operation.with, frame->input, call_operation);
}
