#include "server/connector/http/http.h"

#include <errno.h>
#include <stdlib.h>

#include "server/connector/answer.h"
#include "server/connector/http/document.h"
#include "server/connector/http/request.h"
#include "server/connector/http/result.h"
#include "server/upstream/backend.h"

#define DOCUMENT_BLOCK_BYTES (64 * 1024)
#define DOCUMENT_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct http {
    struct gw_arena arena;
    struct http_document document;
};

/* One call, in its arena. */
struct http_call {
    struct gw_connector_call *call;
    struct gw_call *request;
    enum http_output output;
    bool is_write;
};

static void fail_memory(struct gw_connector_call *call)
{
    gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "out of memory");
}

/* --- the answer --- */

static void on_answer(void *self, const struct gw_call_answer *answer)
{
    struct http_call *state = self;
    struct gw_connector_failure failure;
    struct gw_value result = gw_value_null();

    state->request = NULL;
    if (gw_connector_judge(answer, state->is_write, &failure) != GW_CONNECTOR_OK) {
        if (answer->problem == NULL)
            failure.code = http_result_code(state->call->arena, answer);
        gw_connector_fail(state->call, &failure);
        return;
    }
    int rc = http_result_read(state->call->arena, state->output, answer, &result);
    if (rc == -ENOMEM)
        fail_memory(state->call);
    else if (rc != 0)
        gw_connector_fail_with(state->call, GW_CONNECTOR_RUBBISH,
                               "the answer's body is not what its media type says");
    else
        gw_connector_done(state->call, result);
}

/* --- the request --- */

static void cancel(struct gw_connector_call *call)
{
    struct http_call *state = call->state;

    gw_call_cancel(state->request);
}

static bool read_output(struct gw_connector_call *call, enum http_output *out)
{
    struct gw_str name = gw_value_member_text(&call->arguments, GW_STR("output"));

    *out = gw_str_equal(name, GW_STR("raw"))        ? HTTP_RAW
           : gw_str_equal(name, GW_STR("response")) ? HTTP_RESPONSE
                                                    : HTTP_CONTENT;
    return name.len == 0 || *out != HTTP_CONTENT || gw_str_equal(name, GW_STR("content"));
}

static bool is_idempotent(struct gw_str method)
{
    return gw_retry_is_idempotent(gw_method_parse(method));
}

/* The key of a write, where the backend takes one: 0, and whether it stands there. */
static int add_key(struct gw_connector_call *call, struct http_request *request, bool *out_is_keyed)
{
    const struct gw_effect *effect = &call->backend->config->effect;

    *out_is_keyed = request->is_write && call->effect_key.len > 0 &&
                    effect->class == GW_EFFECT_KEYED && effect->key_field.len > 0;
    if (!*out_is_keyed)
        return 0;
    struct gw_str text = gw_connector_key_text(call->arena, call->effect_key);
    if (text.ptr != NULL && !effect->is_key_bare)
        text = gw_arena_printf(call->arena, "\"%.*s\"", GW_STR_ARG(text));
    if (text.ptr == NULL)
        return -ENOMEM;
    return http_request_add_field(request, effect->key_field, text);
}

static void send(struct gw_connector_call *call, struct http_call *state,
                 struct http_request *request)
{
    bool is_keyed = false;
    int rc = add_key(call, request, &is_keyed);

    if (rc != 0) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "the effect's key cannot be written");
        return;
    }
    const struct gw_call_request outer = {
        .backend = call->backend,
        .method = request->method,
        .target = request->target,
        .fields = request->fields,
        .field_count = request->field_count,
        .body = request->body,
        .has_body = request->has_body,
        .deadline_ns = call->deadline_ns,
        .max_json_depth = state->output == HTTP_RAW ? 0 : HTTP_MAX_DEPTH,
        .is_repeatable = is_keyed || is_idempotent(request->method),
        .cause = call->cause,
    };
    state->is_write = request->is_write;
    state->request = gw_call_start(&outer, on_answer, state);
    if (state->request == NULL) {
        gw_connector_fail_with(call, GW_CONNECTOR_UNAVAILABLE, "too many calls are under way");
        return;
    }
    call->state = state;
    call->cancel = cancel;
}

static void begin(struct gw_connector_call *call, const struct http_document *document)
{
    struct http_call *state = gw_arena_calloc(call->arena, 1, sizeof(*state));
    struct http_request *request = gw_arena_calloc(call->arena, 1, sizeof(*request));

    if (state == NULL || request == NULL) {
        fail_memory(call);
        return;
    }
    state->call = call;
    if (!read_output(call, &state->output)) {
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG,
                               "`output` must be one of content, raw and response");
        return;
    }
    int rc = document != NULL ? http_request_make_operation(call, document, request)
                              : http_request_make(call, request);
    if (rc == -EINVAL)
        gw_connector_fail_with(call, GW_CONNECTOR_WRONG, "%s", request->wrong);
    else if (rc != 0)
        fail_memory(call);
    else
        send(call, state, request);
}

static void begin_request(void *self, struct gw_connector_call *call)
{
    (void)self;
    begin(call, NULL);
}

static void begin_operation(void *self, struct gw_connector_call *call)
{
    struct http *http = self;

    begin(call, &http->document);
}

/* --- the type --- */

static int create(const json_t *config, const struct gw_backend *backend, void **out_self,
                  struct gw_error *error)
{
    const char *document = json_string_value(json_object_get(config, "openapi"));
    struct http *http = calloc(1, sizeof(*http));
    int rc = 0;

    (void)backend;
    if (http == NULL)
        return gw_error_set(error, -ENOMEM, "out of memory");
    gw_arena_init(&http->arena, DOCUMENT_BLOCK_BYTES, DOCUMENT_MAX_BYTES);
    if (document != NULL)
        rc = http_document_read(&http->arena, gw_str_of(document), &http->document, error);
    if (rc != 0) {
        gw_arena_finish(&http->arena);
        free(http);
        return gw_error_prefix(error, rc, "openapi");
    }
    *out_self = http;
    return 0;
}

static void destroy(void *self)
{
    struct http *http = self;

    if (http == NULL)
        return;
    gw_arena_finish(&http->arena);
    free(http);
}

static const struct gw_option options[] = {
    {.name = "openapi",
     .type = GW_FILE,
     .max = 4 << 20,
     .help = "The backend's own OpenAPI document (3.0 or 3.1), for `http.operation`."},
    {0},
};

#define OUTPUT_OPTION                                                                           \
    {                                                                                           \
        .name = "output", .type = GW_ENUM, .words = "content raw response", .value = "content", \
        .help = "What comes of the answer: its body (JSON as a value, else a "                  \
                "text), its bytes in base64, or `{statusCode, headers, content}`."              \
    }

static const struct gw_option request_parameters[] = {
    {.name = "method",
     .type = GW_ENUM,
     .words = "GET HEAD POST PUT PATCH DELETE OPTIONS",
     .value = "GET",
     .help = "The method."},
    {.name = "path",
     .type = GW_STRING,
     .min = 1,
     .max = 4096,
     .flags = GW_OPTION_REQUIRED,
     .help = "Below the backend's base path; `{name}` stands for a parameter."},
    {.name = "parameters", .type = GW_ANY, .help = "Values for the path; they are escaped."},
    {.name = "query", .type = GW_ANY, .help = "Names and values; of a list, each."},
    {.name = "headers", .type = GW_ANY, .help = "Names and values."},
    {.name = "body", .type = GW_ANY, .help = "A value for JSON, or a text."},
    OUTPUT_OPTION,
    {0},
};

static const struct gw_option operation_parameters[] = {
    {.name = "operation",
     .type = GW_STRING,
     .min = 1,
     .max = 256,
     .flags = GW_OPTION_REQUIRED,
     .help = "An operationId of the backend's document."},
    {.name = "parameters", .type = GW_ANY, .help = "By the document's names, all places."},
    {.name = "headers", .type = GW_ANY, .help = "Further ones."},
    {.name = "body", .type = GW_ANY, .help = "A value for JSON, or a text."},
    OUTPUT_OPTION,
    {0},
};

static bool reads_with(const struct gw_value *arguments)
{
    const struct gw_value *method = gw_value_member(arguments, GW_STR("method"));

    return method == NULL || (method->type == GW_JSON_STRING && http_is_read(method->text));
}

/* Nothing is to be guarded of an operation that only reads; which one it is, the run alone knows.
 */
static enum gw_effect_class classify_operation(void *self, const struct gw_value *arguments)
{
    const struct http *http = self;
    const struct http_operation *operation =
        http_document_find(&http->document, gw_value_member_text(arguments, GW_STR("operation")));

    return operation != NULL && http_is_read(operation->method) ? GW_EFFECT_KEYED
                                                                : GW_EFFECT_UNKNOWN;
}

static const struct gw_connector_function functions[] = {
    {.name = "request",
     .parameters = request_parameters,
     .is_write = true,
     .reads_with = reads_with,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .help = "A request by method and path.",
     .begin = begin_request},
    {.name = "operation",
     .parameters = operation_parameters,
     .is_write = true,
     .sends_key = true,
     .effect = GW_EFFECT_UNKNOWN,
     .help = "An operation of the backend's own OpenAPI document.",
     .begin = begin_operation,
     .classify = classify_operation},
    {0},
};

const struct gw_connector_type gw_http_connector = {
    .name = "http",
    .options = options,
    .is_implied = true,
    .functions = functions,
    .create = create,
    .destroy = destroy,
};
