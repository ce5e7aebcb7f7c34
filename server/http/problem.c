#include "server/http/problem.h"

#include <assert.h>

#include "server/core/buf.h"

static const struct gw_problem_type problem_types[] = {
    {"malformed-request", 400, "The request is not well-formed HTTP"},
    {"invalid-parameter", 400, "A parameter does not fit the contract"},
    {"invalid-body", 400, "The body does not fit the contract"},
    {"idempotency-key-missing", 400, "The operation needs an Idempotency-Key"},
    {"idempotency-key-invalid", 400, "The Idempotency-Key is not well-formed"},
    {"unauthorized", 401, "A valid credential is needed"},
    {"forbidden", 403, "The caller may not do this"},
    {"insufficient-scope", 403, "The credential lacks a scope"},
    {"not-found", 404, "No such resource"},
    {"unknown-key", 404, "No system keeps the record of this"},
    {"method-not-allowed", 405, "The resource does not offer this method"},
    {"conflict", 409, "The resource is there already"},
    {"request-in-flight", 409, "The first request with this key is still under way"},
    {"outcome-unknown", 409, "It is not known whether the first request had its effect"},
    {"already-executed", 409, "The first request with this key had its effect"},
    {"answer-not-kept", 409, "The first request was executed; its answer was not kept"},
    {"changed-meanwhile", 409, "Somebody else has changed the resource"},
    {"sequence-gap", 409, "What comes before is missing"},
    {"wrong-phase", 409, "The move is not at this point"},
    {"writes-under-way", 409, "Writes are not known to have ended"},
    {"gone", 410, "The resource is no longer there"},
    {"refused", 422, "The rules of the system behind forbid this"},
    {"idempotency-key-reused", 422, "The key was used for another request"},
    {"invalid-event", 422, "The event is none, or does not fit its schema"},
    {"unknown-event-type", 422, "No event of that type is known"},
    {"invalid-configuration", 422, "The configuration has problems"},
    {"request-timeout", 408, "The request did not arrive in time"},
    {"body-too-large", 413, "The body is larger than allowed"},
    {"unsupported-media-type", 415, "The contract does not offer this media type"},
    {"expectation-failed", 417, "The expectation cannot be met"},
    {"misdirected-request", 421, "The host is not served here"},
    {"precondition-failed", 412, "It has changed since it was read"},
    {"precondition-required", 428, "The operation needs a condition"},
    {"rate-limited", 429, "Too many requests"},
    {"too-many-failed-tokens", 429, "Too many tokens from this address were bad"},
    {"upgrade-required", 426, "The resource speaks WebSocket only"},
    {"header-too-large", 431, "The request head is larger than allowed"},
    {"internal-error", 500, "The gateway failed"},
    {"not-implemented", 501, "The method is not known"},
    {"not-offered", 501, "The system that keeps the record does not offer this"},
    {"bad-gateway", 502, "The backend's answer cannot be used"},
    {"effect-in-doubt", 502, "It is not known whether the backend did it"},
    {"backend-unreachable", 502, "The backend cannot be reached"},
    {"overloaded", 503, "The gateway is at a limit"},
    {"unavailable", 503, "A service that is needed is not available"},
    {"outcome-not-recorded", 503, "What came of the request could not be recorded"},
    {"draining", 503, "The record is being moved to another system"},
    {"effect-settling", 503, "It is not known yet whether the backend did it"},
    {"maintenance", 503, "The backend is under maintenance"},
    {"backend-throttled", 503, "The backend has asked for a pause"},
    {"backend-unavailable", 503, "The backend is left alone for a while"},
    {"backend-overloaded", 503, "The backend takes no more calls"},
    {"not-cached", 504, "No answer is kept, and none was to be fetched"},
    {"backend-timeout", 504, "The backend did not answer in time"},
    {NULL, 0, NULL},
};

const struct gw_problem_type *gw_problem_types(void)
{
    return problem_types;
}

const struct gw_problem_type *gw_problem_type_find(const char *name)
{
    for (const struct gw_problem_type *type = problem_types; type->name != NULL; type++) {
        if (strcmp(type->name, name) == 0)
            return type;
    }
    return NULL;
}

void gw_problem_set(struct gw_exchange *ex, const char *name, const char *detail)
{
    gw_problem_set_with(ex, name, detail, GW_STR(""));
}

static void append_member(struct gw_buf *buf, const char *name, struct gw_str value)
{
    gw_buf_printf(buf, ",\"%s\":\"", name);
    gw_buf_append_json(buf, value);
    gw_buf_append_byte(buf, '"');
}

/* Without memory for the text, the status alone must do. */
static struct gw_str problem_text(struct gw_exchange *ex, const struct gw_problem_type *type,
                                  const char *detail, struct gw_str members)
{
    struct gw_buf buf;

    gw_buf_init(&buf, 1024 * 1024);
    gw_buf_printf(&buf, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d", type->name,
                  type->title, type->status);
    append_member(&buf, "detail", gw_str_of(detail != NULL ? detail : type->title));
    if (ex->request.path.len > 0)
        append_member(&buf, "instance", ex->request.path);
    if (ex->record.trace_id.len > 0)
        append_member(&buf, "trace_id", ex->record.trace_id);
    if (members.len > 0) {
        gw_buf_append_byte(&buf, ',');
        gw_buf_append_str(&buf, members);
    }
    gw_buf_append_byte(&buf, '}');

    struct gw_str text = GW_STR("");
    if (!buf.has_failed)
        text = gw_arena_copy(&ex->arena, gw_buf_str(&buf));
    gw_buf_finish(&buf);
    return text;
}

void gw_problem_set_with(struct gw_exchange *ex, const char *name, const char *detail,
                         struct gw_str members)
{
    const struct gw_problem_type *type = gw_problem_type_find(name);

    assert(type != NULL);
    gw_response_clear(ex);
    ex->record.problem = type->name;
    ex->response.status = type->status;
    ex->response.body = problem_text(ex, type, detail, members);
    if (gw_response_add_field(ex, GW_STR("Content-Type"), GW_STR("application/problem+json")) != 0)
        ex->response.body = GW_STR("");
}
