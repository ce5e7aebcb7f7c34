#include "server/gateway/flow_answer.h"

#include <errno.h>

#include "server/connector/connector.h"
#include "server/contract/media.h"
#include "server/contract/operation.h"
#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/filter/filter.h"
#include "server/http/hop_fields.h"
#include "server/http/problem.h"
#include "server/net/http_parser.h"
#include "server/upstream/proxy_fields.h"

#define MAX_PROBLEM_BYTES ((size_t)256 * 1024)

static void free_text(void *self)
{
    gw_buf_finish(self);
}

/* Grows outside of the arena, and goes with it. */
static struct gw_buf *make_text(struct gw_exchange *ex, size_t max_bytes)
{
    struct gw_buf *text = gw_arena_calloc(&ex->arena, 1, sizeof(*text));

    if (text == NULL || gw_arena_defer(&ex->arena, free_text, text) != 0)
        return NULL;
    gw_buf_init(text, max_bytes);
    return text;
}

static void blame(struct gw_exchange *ex, const char *what)
{
    ex->record.detail = gw_str_of(what);
    gw_problem_set(ex, "internal-error", NULL);
}

/* --- output: the status --- */

static int default_status(const struct gw_operation *operation, bool has_body)
{
    int least = 0;

    for (size_t i = 0; i < operation->response_count; i++) {
        const struct gw_response_rule *rule = &operation->responses[i];
        int status = rule->first_status;
        if (status >= 200 && status < 300 && (least == 0 || status < least))
            least = status;
    }
    return least > 0 ? least : has_body ? 200 : 204;
}

/* 0: the output has one that is none. */
static int status_of(const struct gw_exchange *ex, const struct gw_value *output, bool has_body)
{
    const struct gw_value *given = gw_value_member(output, GW_STR("status"));
    uint64_t status;

    if (given == NULL || given->type == GW_JSON_NULL)
        return default_status(ex->operation, has_body);
    if (given->type != GW_JSON_NUMBER || gw_str_to_u64(given->text, &status) != 0 || status < 200 ||
        status > 599)
        return 0;
    return (int)status;
}

/* --- output: fields --- */

static bool is_own_field(struct gw_str name)
{
    return gw_str_equal_nocase(name, GW_STR("content-length")) ||
           gw_str_equal_nocase(name, GW_STR("x-request-id")) || gw_proxy_drops_field(name);
}

static int add_field(struct gw_exchange *ex, const struct gw_value_member *member)
{
    bool is_text = member->value.type == GW_JSON_STRING || member->value.type == GW_JSON_NUMBER;
    struct gw_str name = gw_arena_copy(&ex->arena, member->name);

    if (member->value.type == GW_JSON_NULL)
        return 0;
    if (!is_text || !gw_http_is_token(member->name) || is_own_field(member->name))
        return -EINVAL;
    struct gw_str value = gw_arena_copy(&ex->arena, member->value.text);
    return name.ptr == NULL || value.ptr == NULL ? -ENOMEM : gw_response_add_field(ex, name, value);
}

static int add_fields(struct gw_exchange *ex, const struct gw_value *headers)
{
    int rc = 0;

    if (headers == NULL || headers->type == GW_JSON_NULL)
        return 0;
    if (headers->type != GW_JSON_OBJECT)
        return -EINVAL;
    for (uint32_t i = 0; rc == 0 && i < headers->count; i++)
        rc = add_field(ex, &headers->members[i]);
    return rc;
}

/* --- output: the body --- */

/* A text under a media type that is not JSON is written as it is. */
static int add_body(struct gw_exchange *ex, const struct gw_value *body, struct gw_buf *written)
{
    const struct gw_str *type = gw_response_field(ex, GW_STR("content-type"));
    struct gw_buf *text = make_text(ex, GW_FLOW_MAX_BODY_BYTES);
    struct gw_str range;
    bool is_json = type == NULL || (gw_media_parse(*type, &range) && gw_media_is_json(range));

    if (text == NULL)
        return -ENOMEM;
    if (!is_json && body->type != GW_JSON_STRING)
        return -EINVAL;
    if (is_json && written != NULL) {
        *text = *written;
        *written = (struct gw_buf){0};
    } else if (is_json) {
        gw_value_write(text, body);
    } else {
        gw_buf_append_str(text, body->text);
    }
    if (text->has_failed)
        return -ENOMEM;
    ex->response.body = gw_buf_str(text);
    return type != NULL
               ? 0
               : gw_response_add_field(ex, GW_STR("Content-Type"), GW_STR("application/json"));
}

/* Weak comparison (RFC 9110, section 8.8.3.2). */
static struct gw_str opaque_tag(struct gw_str tag)
{
    tag = gw_str_trim(tag);
    return gw_str_has_prefix(tag, GW_STR("W/")) ? gw_str_tail(tag, 2) : tag;
}

static bool is_not_modified(const struct gw_exchange *ex)
{
    const struct gw_str *wanted = gw_request_field(ex, GW_STR("if-none-match"));
    const struct gw_str *etag = gw_response_field(ex, GW_STR("etag"));
    struct gw_str rest, tag;

    if (wanted == NULL || etag == NULL || ex->response.status != 200 ||
        (ex->request.method != GW_METHOD_GET && ex->request.method != GW_METHOD_HEAD))
        return false;
    rest = *wanted;
    while (gw_str_split(&rest, ',', &tag)) {
        if (gw_str_equal(gw_str_trim(tag), GW_STR("*")) ||
            gw_str_equal(opaque_tag(tag), opaque_tag(*etag)))
            return true;
    }
    return false;
}

void gw_flow_answer_set(struct gw_exchange *ex, const struct gw_value *output,
                        struct gw_buf *written)
{
    const struct gw_value *body = gw_value_member(output, GW_STR("body"));
    bool has_body = body != NULL && body->type != GW_JSON_NULL;
    int rc;

    if (output->type != GW_JSON_OBJECT) {
        blame(ex, "the flow's output is no object {body, status, headers}");
        return;
    }
    ex->response.status = status_of(ex, output, has_body);
    if (ex->response.status == 0) {
        blame(ex, "the `status` of the flow's output is none from 200 to 599");
        return;
    }
    rc = add_fields(ex, gw_value_member(output, GW_STR("headers")));
    if (rc == 0 && is_not_modified(ex))
        ex->response.status = 304;
    else if (rc == 0 && has_body && ex->response.status != 204 && ex->response.status != 304)
        rc = add_body(ex, body, written);
    if (rc == -ENOMEM)
        gw_problem_set(ex, "overloaded", NULL);
    else if (rc != 0)
        blame(ex, "the `headers` or the `body` of the flow's output cannot be written");
}

/* --- errors --- */

static void append_member(struct gw_buf *text, const char *name, struct gw_str value)
{
    if (value.len == 0)
        return;
    gw_buf_printf(text, ",\"%s\":\"", name);
    gw_buf_append_json(text, value);
    gw_buf_append_byte(text, '"');
}

static bool is_ours(struct gw_str name)
{
    static const struct gw_str names[] = {GW_STR_INIT("type"),     GW_STR_INIT("title"),
                                          GW_STR_INIT("status"),   GW_STR_INIT("detail"),
                                          GW_STR_INIT("instance"), GW_STR_INIT("trace_id")};

    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        if (gw_str_equal(names[i], name))
            return true;
    }
    return false;
}

/* What the author of the flow says to the caller (RFC 9457). */
static void set_raised(struct gw_exchange *ex, const struct gw_flow_error *error)
{
    struct gw_buf *text = make_text(ex, MAX_PROBLEM_BYTES);
    int status = error->status >= 400 && error->status <= 599 ? error->status : 500;

    gw_problem_set(ex, "internal-error", NULL);
    if (text == NULL)
        return;
    gw_buf_printf(text, "{\"status\":%d", status);
    append_member(text, "type", error->type);
    append_member(text, "title", error->title);
    append_member(text, "detail", error->detail);
    append_member(text, "instance", ex->request.path);
    append_member(text, "trace_id", ex->record.trace_id);
    for (uint32_t i = 0; error->members.type == GW_JSON_OBJECT && i < error->members.count; i++) {
        const struct gw_value_member *member = &error->members.members[i];
        if (is_ours(member->name))
            continue;
        gw_buf_append_text(text, ",\"");
        gw_buf_append_json(text, member->name);
        gw_buf_append_text(text, "\":");
        gw_value_write(text, &member->value);
    }
    gw_buf_append_byte(text, '}');
    if (text->has_failed)
        return;
    ex->record.problem = "raised";
    ex->response.status = status;
    ex->response.body = gw_buf_str(text);
}

/* The problem of an operation that the flow has called, for the same caller: what it may be told as
 * well. NULL: none such. */
static const struct gw_value *passed_on(const struct gw_flow_error *error)
{
    bool is_client_error = error->backend_status >= 400 && error->backend_status < 500;

    if (error->answer.type != GW_JSON_OBJECT || error->backend_status == 401 ||
        !(is_client_error || error->backend_status == 503 || error->backend_status == 504))
        return NULL;
    return gw_value_member_text(&error->answer, GW_STR("title")).len > 0 ? &error->answer : NULL;
}

static void add_retry_after(struct gw_exchange *ex, uint64_t retry_ns)
{
    uint64_t seconds = (retry_ns + GW_NS_PER_SECOND - 1) / GW_NS_PER_SECOND;
    struct gw_str text = gw_arena_printf(&ex->arena, "%llu", (unsigned long long)seconds);

    if (seconds > 0 && text.ptr != NULL &&
        gw_response_add_field(ex, GW_STR("Retry-After"), text) != 0)
        return; /* there is no room for what is only a hint */
}

static void set_passed_on(struct gw_exchange *ex, const struct gw_flow_error *error,
                          const struct gw_value *problem)
{
    struct gw_flow_error same = *error;

    same.type = gw_value_member_text(problem, GW_STR("type"));
    same.title = gw_value_member_text(problem, GW_STR("title"));
    same.detail = gw_value_member_text(problem, GW_STR("detail"));
    same.status = error->backend_status;
    same.members = *problem;
    set_raised(ex, &same);
    add_retry_after(ex, error->retry_ns);
}

/* The standard errors of the DSL, by the last part of their type. */
static const char *standard_problem(const struct gw_flow_error *error)
{
    static const struct {
        struct gw_str kind;
        const char *problem;
    } rows[] = {
        {GW_STR_INIT("timeout"), "backend-timeout"},
        {GW_STR_INIT("communication"), "bad-gateway"},
        {GW_STR_INIT("authentication"), "bad-gateway"},
        {GW_STR_INIT("authorization"), "bad-gateway"},
    };

    for (size_t i = 0; i < GW_COUNT_OF(rows); i++) {
        if (gw_str_has_suffix(error->type, rows[i].kind))
            return rows[i].problem;
    }
    /* What the flow itself asks of its input, beyond the contract. */
    if (gw_str_has_suffix(error->type, GW_STR("/validation")) &&
        (error->task.len == 0 || gw_str_has_prefix(error->task, GW_STR("/input"))))
        return "invalid-body";
    return "internal-error";
}

/* An expression that fails behind a backend's answer has found there what it can make nothing of.
 */
static bool has_met_rubbish(const struct gw_exchange *ex, const struct gw_flow_error *error)
{
    return ex->record.backend.len > 0 && gw_str_has_suffix(error->type, GW_STR("/expression"));
}

/* Who has named a state in If-Match is told of that, and not that there was a conflict. */
static bool has_missed_its_state(const struct gw_exchange *ex, const struct gw_flow_error *error)
{
    return error->connector_error == GW_CONNECTOR_CONFLICT &&
           gw_request_field(ex, GW_STR("if-match")) != NULL;
}

static const char *problem_of(const struct gw_exchange *ex, const struct gw_flow_error *error)
{
    if (has_missed_its_state(ex, error))
        return "precondition-failed";
    if (error->problem != NULL)
        return error->problem;
    if (error->connector_error != GW_CONNECTOR_OK)
        return gw_connector_error_row(error->connector_error)->problem;
    return has_met_rubbish(ex, error) ? "bad-gateway" : standard_problem(error);
}

/* Whether a write is in doubt, of the flow itself or of an operation that it has called. */
static bool is_in_doubt(const struct gw_flow_error *error)
{
    struct gw_str type = gw_value_member_text(&error->answer, GW_STR("type"));

    return error->connector_error == GW_CONNECTOR_IN_DOUBT ||
           (error->connector_error == GW_CONNECTOR_OK &&
            (gw_str_equal(type, GW_STR("/problems/effect-in-doubt")) ||
             gw_str_equal(type, GW_STR("/problems/outcome-unknown")) ||
             gw_str_equal(type, GW_STR("/problems/effect-settling"))));
}

/* It was sent by an earlier attempt; this one has sent nothing. */
static bool is_unknown_for_good(const struct gw_flow_error *error)
{
    return gw_str_equal(error->code, GW_STR(GW_CONNECTOR_UNKNOWN_FOR_GOOD)) ||
           gw_str_equal(gw_value_member_text(&error->answer, GW_STR("type")),
                        GW_STR("/problems/outcome-unknown"));
}

/* With an outcome that will be known at a known time it is worth the caller's while to come again;
 * else a person must say what it was. Who has sent no key must not come again in either case: it
 * would be another request. */
static void set_in_doubt(struct gw_exchange *ex, const struct gw_flow_error *error)
{
    const char *problem = "effect-in-doubt";
    const char *detail = "It was sent, and its outcome is unknown. It is not sent again, also not "
                         "under the same key, until a person at the gateway has said what came of "
                         "it.";
    uint64_t retry_ns = 0;

    if (ex->record.idempotency_key.len == 0) {
        detail = "It was sent, and its outcome is unknown. Look whether it was done before you "
                 "send it again: without an Idempotency-Key that is another request.";
    } else if (error->retry_ns > 0) {
        problem = "effect-settling";
        detail = "It was sent, and its outcome will be known later. Send the request again then, "
                 "with the same key: nothing is done twice.";
        retry_ns = error->retry_ns;
    } else if (is_unknown_for_good(error)) {
        problem = "outcome-unknown";
    }
    (void)gw_exchange_reject(ex, problem, detail, retry_ns);
}

void gw_flow_answer_fail(struct gw_exchange *ex, const struct gw_flow_error *error)
{
    struct gw_str type = error->type;
    const struct gw_value *problem = passed_on(error);
    const char *name = problem_of(ex, error);

    if (error->is_raised)
        set_raised(ex, error);
    else if (is_in_doubt(error))
        set_in_doubt(ex, error);
    else if (problem != NULL)
        set_passed_on(ex, error, problem);
    else
        (void)gw_exchange_reject(ex, name, NULL, error->retry_ns);
    ex->record.detail = gw_arena_printf(&ex->arena, "%.*s: %.*s (%.*s)", GW_STR_ARG(error->task),
                                        GW_STR_ARG(error->reason), GW_STR_ARG(type));
    if (ex->record.detail.ptr == NULL)
        ex->record.detail = GW_STR("");
}
