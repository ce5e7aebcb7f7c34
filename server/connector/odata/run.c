#include "server/connector/odata/run.h"

#include <errno.h>

#include "server/connector/answer.h"
#include "server/core/arena.h"
#include "server/upstream/backend.h"
#include "server/upstream/call.h"

static void send_now(struct odata_run *run);

/* --- ends ------------------------------------------------------------------------------------- */

static void cancel(struct gw_connector_call *call)
{
    struct odata_run *run = call->state;

    gw_call_cancel(run->http);
    run->http = NULL;
}

void odata_run_done(struct odata_run *run, struct gw_value result)
{
    gw_connector_done(run->call, result);
}

void odata_run_refuse(struct odata_run *run, const struct odata_reply *reply)
{
    const struct gw_connector_failure failure = {
        .error = reply->error,
        .backend_status = reply->status,
        .reason = reply->refusal.message,
        .code = reply->refusal.code,
        .retry_ns = reply->retry_ns,
        .problem = reply->problem,
    };

    gw_connector_fail(run->call, &failure);
}

void odata_run_fail(struct odata_run *run, enum gw_connector_error error, int status,
                    const char *reason)
{
    const struct gw_connector_failure failure = {
        .error = error,
        .backend_status = status,
        .reason = gw_arena_copy(run->call->arena, gw_str_of(reason)),
    };

    gw_connector_fail(run->call, &failure);
}

static void fail_memory(struct gw_connector_call *call)
{
    const struct gw_connector_failure failure = {
        .error = GW_CONNECTOR_UNAVAILABLE,
        .reason = GW_STR("not enough memory for the call"),
    };

    gw_connector_fail(call, &failure);
}

void odata_run_fail_memory(struct odata_run *run)
{
    fail_memory(run->call);
}

/* --- beginnings ------------------------------------------------------------------------------- */

struct odata_run *odata_run_create(struct odata *odata, struct gw_connector_call *call,
                                   size_t state_bytes)
{
    const struct gw_effect *effect = &odata->backend->config->effect;
    struct odata_run *run = gw_arena_calloc(call->arena, 1, sizeof(*run));
    void *state = gw_arena_calloc(call->arena, 1, state_bytes);

    if (run == NULL || state == NULL) {
        fail_memory(call);
        return NULL;
    }
    run->odata = odata;
    run->call = call;
    run->state = state;
    run->is_repeatable = call->effect_key.len > 0 &&
                         (odata->settings.has_repeatability || gw_effect_is_repeatable(effect));
    call->state = run;
    call->cancel = cancel;
    return run;
}

bool odata_run_build(struct odata_run *run, const char *name, struct odata_request *out_request)
{
    struct gw_error error;
    const struct odata_builder builder = {
        .arena = run->call->arena,
        .settings = &run->odata->settings,
        .arguments = &run->call->arguments,
        .error = &error,
    };
    int rc = odata_request_build(&builder, gw_str_of(name), out_request);

    if (rc == -ENOMEM)
        odata_run_fail_memory(run);
    else if (rc != 0)
        odata_run_fail(run, GW_CONNECTOR_WRONG, 0, error.text);
    return rc == 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

static enum odata_ask ask_of(const struct odata_run *run)
{
    if (!run->request->is_write || run->is_fetching)
        return ODATA_READING;
    return run->is_repeatable ? ODATA_WRITING_ONCE : ODATA_WRITING;
}

/* The backend has given no whole answer. */
static void classify_silence(const struct odata_run *run, const struct gw_call_answer *answer,
                             struct odata_reply *reply)
{
    struct gw_connector_failure failure = {0};

    reply->error = gw_connector_judge(answer, ask_of(run) == ODATA_WRITING, &failure);
    reply->status = answer->backend_status;
    reply->problem = failure.problem;
    reply->refusal.message = gw_str_of(answer->problem);
}

void odata_run_fail_rubbish(struct odata_run *run, int status, const char *reason)
{
    odata_run_fail(run, ask_of(run) == ODATA_WRITING ? GW_CONNECTOR_IN_DOUBT : GW_CONNECTOR_RUBBISH,
                   status, reason);
}

static int classify(const struct odata_run *run, struct odata_reply *reply)
{
    if (reply->status >= 200 && reply->status < 300)
        return 0;
    int rc = odata_refusal_read(run->call->arena, reply->body, &reply->refusal);
    if (rc != 0)
        return rc;
    reply->error = odata_refusal_class(reply->status, &reply->refusal, ask_of(run));
    if (reply->refusal.message.len > 0)
        return 0;
    reply->refusal.message =
        gw_arena_printf(run->call->arena, "status %d without an OData error: %.*s", reply->status,
                        (int)(reply->body.len < 200 ? reply->body.len : 200),
                        reply->body.ptr != NULL ? reply->body.ptr : "");
    return reply->refusal.message.ptr != NULL ? 0 : -ENOMEM;
}

/* Copied: the answer goes with the call. */
static int take(const struct odata_run *run, const struct gw_call_answer *answer,
                struct odata_reply *reply)
{
    struct gw_arena *arena = run->call->arena;

    *reply = (struct odata_reply){.status = answer->status, .retry_ns = answer->retry_ns};
    if (answer->problem != NULL) {
        classify_silence(run, answer, reply);
        return 0;
    }
    for (size_t i = 0; i < answer->field_count; i++) {
        if (gw_str_equal_nocase(answer->fields[i].name, GW_STR("etag")))
            reply->etag = gw_arena_copy(arena, answer->fields[i].value);
        if (gw_str_equal_nocase(answer->fields[i].name, GW_STR("content-type")))
            reply->content_type = gw_arena_copy(arena, answer->fields[i].value);
    }
    reply->value = gw_call_take_json(answer, arena);
    reply->body = reply->value != NULL ? answer->body : gw_arena_copy(arena, answer->body);
    return reply->body.ptr != NULL ? classify(run, reply) : -ENOMEM;
}

int odata_run_read(const struct odata_run *run, const struct odata_request *request,
                   struct gw_str name, const struct odata_reply *reply,
                   struct odata_answer *out_answer, struct gw_error *error)
{
    const struct odata_settings *settings = &run->odata->settings;

    return reply->value != NULL ? odata_answer_of(run->call->arena, settings, request, name,
                                                  reply->value, out_answer, error)
                                : odata_answer_read(run->call->arena, settings, request, name,
                                                    reply->body, out_answer, error);
}

static void finish_fetch(struct odata_run *run, const struct gw_call_answer *answer,
                         const struct odata_reply *reply)
{
    bool has_token = reply->error == GW_CONNECTOR_OK && odata_csrf_keep(run->odata, answer);

    run->is_fetching = false;
    if (reply->error != GW_CONNECTOR_OK)
        run->then(run, reply);
    else if (!has_token)
        odata_run_fail(run, GW_CONNECTOR_RUBBISH, reply->status,
                       "the service gave no CSRF token when it was asked for one");
    else
        send_now(run);
}

static void on_answer(void *self, const struct gw_call_answer *answer)
{
    struct odata_run *run = self;
    struct odata_reply *reply = gw_arena_calloc(run->call->arena, 1, sizeof(*reply));

    run->http = NULL;
    if (reply == NULL || take(run, answer, reply) != 0) {
        odata_run_fail_memory(run);
        return;
    }
    if (run->is_fetching) {
        finish_fetch(run, answer, reply);
    } else if (answer->problem == NULL && !run->has_fetched && odata_csrf_is_refused(answer) &&
               run->odata->settings.needs_csrf_token) {
        odata_csrf_forget(run->odata); /* its session has ended: once more with a new one */
        send_now(run);
    } else {
        run->then(run, reply);
    }
}

/* --- requests --------------------------------------------------------------------------------- */

/* A link to a next page may have it already. */
static bool has_query(struct gw_str query, struct gw_str more)
{
    return query.len > 0 && more.len > 0 &&
           memmem(query.ptr, query.len, more.ptr, more.len) != NULL;
}

static struct gw_str target_of(const struct odata_run *run)
{
    const struct gw_str none = {NULL, 0};
    struct gw_str path = run->is_fetching ? GW_STR("/") : run->request->path;
    struct gw_str query = run->is_fetching ? none : run->request->query;
    struct gw_str extra = run->odata->settings.query;
    struct gw_str more = has_query(query, extra) ? none : extra;
    const struct gw_str parts[] = {
        path,  query.len + more.len > 0 ? GW_STR("?") : none,
        query, query.len > 0 && more.len > 0 ? GW_STR("&") : none,
        more,
    };

    return gw_arena_join(run->call->arena, parts, GW_COUNT_OF(parts));
}

static void send_now(struct odata_run *run)
{
    const struct odata *odata = run->odata;
    bool may_change = run->request->is_write || run->content_type.len > 0;
    struct gw_field fields[ODATA_MAX_FIELDS];
    size_t field_count;

    run->is_fetching = odata->settings.needs_csrf_token && may_change && odata->token_len == 0;
    run->has_fetched |= run->is_fetching;
    struct gw_str target = target_of(run);
    if (target.ptr == NULL || odata_fields(run, fields, &field_count) != 0) {
        odata_run_fail_memory(run);
        return;
    }
    const struct gw_call_request request = {
        .backend = run->call->backend,
        .method = gw_str_of(run->is_fetching ? "GET" : run->request->method),
        .target = target,
        .fields = fields,
        .field_count = field_count,
        .body = run->is_fetching ? gw_str_from(NULL, 0) : run->request->body,
        .has_body = !run->is_fetching && run->request->body.ptr != NULL,
        .deadline_ns = run->call->deadline_ns,
        .max_answer_bytes = odata->settings.max_answer_bytes,
        .max_json_depth = ODATA_MAX_DEPTH,
        .is_repeatable = ask_of(run) != ODATA_WRITING,
        .cause = run->call->cause,
    };
    run->http = gw_call_start(&request, on_answer, run);
    if (run->http == NULL)
        odata_run_fail(run, GW_CONNECTOR_UNAVAILABLE, 0, "the backend takes no call now");
}

void odata_run_send(struct odata_run *run, const struct odata_request *request, odata_then_fn *then)
{
    run->request = request;
    run->then = then;
    run->has_fetched = false;
    send_now(run);
}
