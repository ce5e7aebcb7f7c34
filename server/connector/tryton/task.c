#include "server/connector/tryton/task.h"

#include <errno.h>
#include <inttypes.h>

#include "server/connector/tryton/answer.h"
#include "server/connector/tryton/value.h"
#include "server/core/buf.h"
#include "server/upstream/backend.h"
#include "server/upstream/call.h"
#include "server/upstream/upstreams.h"

#define MAX_BODY_BYTES ((size_t)16 << 20)

static void begin_step(struct tryton_task *task);

/* --- the end of a step ------------------------------------------------------------------------ */

static void fail_step(struct tryton_task *task, enum gw_connector_error error, const char *reason)
{
    const struct gw_connector_failure failure = {.error = error, .reason = gw_str_of(reason)};

    task->step.then(task, NULL, &failure);
}

/* The session is gone, and nothing has been done, or nothing that may not be done twice. */
static bool is_forgotten(const struct tryton_task *task, const struct gw_connector_failure *failure)
{
    return gw_str_equal(failure->code, GW_STR(TRYTON_CODE_SESSION)) ||
           (gw_str_equal(failure->code, GW_STR(TRYTON_CODE_SESSION_END)) &&
            task->step.is_repeatable);
}

static void on_answer(void *self, const struct gw_call_answer *answer)
{
    struct tryton_task *task = self;
    struct gw_connector_failure failure;
    struct gw_value wire;

    task->http = NULL;
    if (tryton_answer_read(task->call->arena, answer, task->step.is_write, &wire, &failure) ==
        GW_CONNECTOR_OK) {
        task->step.then(task, &wire, NULL);
        return;
    }
    if (is_forgotten(task, &failure)) {
        tryton_session_drop(&task->tryton->session, task->generation);
        if (!task->has_logged_in_anew) {
            task->has_logged_in_anew = true;
            begin_step(task);
            return;
        }
    }
    task->step.then(task, NULL, &failure);
}

/* --- the request ------------------------------------------------------------------------------ */

static void write_member(struct gw_buf *out, struct gw_str name, size_t start)
{
    if (out->len > start)
        gw_buf_append_byte(out, ',');
    gw_buf_append_byte(out, '"');
    gw_buf_append_json(out, name);
    gw_buf_append_text(out, "\":");
}

/* What the user prefers, then what the operator says, then the call: the later one counts. */
static int write_context(struct gw_buf *out, const struct tryton_task *task, struct gw_error *error)
{
    const struct tryton_session *session = &task->tryton->session;
    const struct tryton_settings *settings = &session->settings;
    const struct gw_value *context = task->step.context;
    size_t start = out->len + 1;
    int rc = 0;

    gw_buf_append_byte(out, '{');
    for (uint32_t i = 0; i < session->preferences.count; i++) {
        const struct gw_value_member *member = &session->preferences.members[i];
        write_member(out, member->name, start);
        gw_value_write(out, &member->value);
    }
    if (settings->company > 0) {
        write_member(out, GW_STR("company"), start);
        gw_buf_printf(out, "%" PRId64, settings->company);
    }
    if (settings->language.len > 0) {
        write_member(out, GW_STR("language"), start);
        gw_buf_printf(out, "\"%.*s\"", GW_STR_ARG(settings->language));
    }
    for (uint32_t i = 0; context != NULL && i < context->count && rc == 0; i++) {
        write_member(out, context->members[i].name, start);
        rc = tryton_value_write(out, &context->members[i].value, error);
    }
    if (task->step.own_context.len > 0)
        gw_buf_append_str(out, gw_str_tail(task->step.own_context, out->len == start ? 1 : 0));
    gw_buf_append_byte(out, '}');
    return rc;
}

/* Exactly id, method and parameters: with anything else Tryton answers otherwise. */
static int write_body(struct gw_buf *out, struct tryton_task *task, struct gw_error *error)
{
    const struct tryton_step *step = &task->step;

    gw_buf_printf(out, "{\"id\":%" PRIu64 ",\"method\":\"%.*s.%.*s\",\"params\":[",
                  ++task->tryton->next_id, GW_STR_ARG(step->object), GW_STR_ARG(step->method));
    gw_buf_append_str(out, step->parameters);
    int rc = write_context(out, task, error);
    gw_buf_append_text(out, "]}");
    return rc;
}

static struct gw_call *start_call(struct tryton_task *task, struct gw_str target,
                                  struct gw_str body)
{
    const struct gw_field fields[] = {
        {GW_STR("Content-Type"), GW_STR("application/json")},
        {GW_STR("Authorization"), task->tryton->session.authorization},
    };
    const struct gw_call_request request = {
        .backend = task->call->backend,
        .method = GW_STR("POST"),
        .target = target,
        .fields = fields,
        .field_count = GW_COUNT_OF(fields),
        .body = body,
        .has_body = true,
        .deadline_ns = task->call->deadline_ns,
        .max_json_depth = GW_JSON_LIMITS_DEFAULT.max_depth,
        .is_repeatable = task->step.is_repeatable,
        .cause = task->call->cause,
    };

    return gw_call_start(&request, on_answer, task);
}

static void send(struct tryton_task *task)
{
    struct gw_error error = {0};
    struct gw_buf body, target;

    gw_buf_init(&body, MAX_BODY_BYTES);
    gw_buf_init(&target, 128);
    tryton_settings_write_target(&target, &task->tryton->session.settings);
    task->generation = task->tryton->session.generation;
    int rc = write_body(&body, task, &error);
    bool is_whole = rc == 0 && !body.has_failed && !target.has_failed;
    if (is_whole)
        task->http = start_call(task, gw_buf_str(&target), gw_buf_str(&body));
    gw_buf_finish(&body);
    gw_buf_finish(&target);
    if (rc != 0)
        fail_step(task, GW_CONNECTOR_WRONG, error.text);
    else if (!is_whole)
        fail_step(task, GW_CONNECTOR_WRONG, "the request is too large");
    else if (task->http == NULL)
        fail_step(task, GW_CONNECTOR_UNAVAILABLE, "too many calls are under way");
}

/* --- the session ------------------------------------------------------------------------------ */

/* What the session says goes when this returns; some keep it for later. */
static void fail_session(struct tryton_task *task, const struct gw_connector_failure *failure)
{
    struct gw_connector_failure kept = *failure;

    kept.reason = gw_arena_copy(task->call->arena, failure->reason);
    if (kept.reason.ptr == NULL)
        kept.reason = GW_STR("");
    task->step.then(task, NULL, &kept);
}

static void on_session(struct tryton_waiter *waiter, const struct gw_connector_failure *failure)
{
    struct tryton_task *task = GW_CONTAINER_OF(waiter, struct tryton_task, waiter);

    gw_timer_stop(&task->deadline);
    if (failure != NULL)
        fail_session(task, failure);
    else
        send(task);
}

static void on_deadline(struct gw_timer *timer)
{
    struct tryton_task *task = GW_CONTAINER_OF(timer, struct tryton_task, deadline);

    const struct gw_connector_failure failure = {.error = GW_CONNECTOR_UNAVAILABLE,
                                                 .reason = GW_STR("no session was had in time"),
                                                 .problem = GW_CONNECTOR_LATE};

    tryton_session_leave(&task->waiter);
    task->step.then(task, NULL, &failure);
}

static void begin_step(struct tryton_task *task)
{
    struct gw_loop *loop = task->call->backend->upstreams->loop;
    uint64_t now_ns = gw_loop_now_ns(loop);
    uint64_t deadline_ns = task->call->deadline_ns;

    task->waiter = (struct tryton_waiter){.done = on_session};
    gw_timer_start(loop, &task->deadline, deadline_ns > now_ns ? deadline_ns - now_ns : 0,
                   on_deadline);
    tryton_session_want(&task->tryton->session, &task->waiter);
}

/* --- for the functions ------------------------------------------------------------------------ */

static void cancel(struct gw_connector_call *call)
{
    struct tryton_task *task = call->state;

    tryton_session_leave(&task->waiter);
    gw_timer_stop(&task->deadline);
    gw_call_cancel(task->http);
}

struct tryton_task *tryton_task_create(struct tryton *tryton, struct gw_connector_call *call)
{
    struct tryton_task *task = gw_arena_calloc(call->arena, 1, sizeof(*task));

    if (task == NULL || call->backend->upstreams == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE,
                               task == NULL ? "out of memory" : "the backend is not set up");
        return NULL;
    }
    task->tryton = tryton;
    task->call = call;
    call->state = task;
    call->cancel = cancel;
    return task;
}

void tryton_task_run(struct tryton_task *task, const struct tryton_step *step)
{
    task->step = *step;
    begin_step(task);
}

void tryton_task_done(struct tryton_task *task, struct gw_value result)
{
    gw_connector_done(task->call, result);
}

void tryton_task_done_wire(struct tryton_task *task, const struct gw_value *wire)
{
    struct gw_value result;
    int rc = tryton_value_read(task->call->arena, wire, &result);

    if (rc == 0)
        gw_connector_done(task->call, result);
    else if (rc == -ENOMEM)
        tryton_task_fail_memory(task);
    else
        gw_connector_fail_with(task->call,
                               task->step.is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_RUBBISH,
                               "the answer holds a value that is none of its class");
}

void tryton_task_fail(struct tryton_task *task, const struct gw_connector_failure *failure)
{
    gw_connector_fail(task->call, failure);
}

/* What was sent has been answered: a write is done, but nobody can be told. */
void tryton_task_fail_memory(struct tryton_task *task)
{
    gw_connector_fail_with(task->call,
                           task->step.is_write ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_UNAVAILABLE,
                           "out of memory");
}
