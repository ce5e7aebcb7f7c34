#include "policies/schema/schema.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/schema/body.h"
#include "policies/schema/parameters.h"
#include "server/contract/operation.h"
#include "server/filter/worker.h"
#include "server/observe/metrics.h"

static const struct gw_option schema_options[] = {
    {"max_body_bytes", GW_BYTES, 1, 64 << 20, "1MiB",
     "The largest request body that is collected to be checked, unless the operation states its "
     "own.",
     NULL, NULL, 0},
    {"max_errors", GW_INT, 1, 1000, "20", "How many violations a caller is told at once.", NULL,
     NULL, 0},
    {"max_depth", GW_INT, 1, GW_JSON_DEPTH_CEILING, "128",
     "How deep arrays and objects of a body may lie in each other.", NULL, NULL, 0},
    {"duplicate_names", GW_ENUM, 0, 0, "refuse",
     "What happens to a JSON object in which a name comes twice.", NULL, "refuse pass", 0},
    {"unknown_query", GW_ENUM, 0, 0, "pass",
     "What happens to query parameters that the contract does not name.", NULL, "refuse pass", 0},
    {0},
};

static const struct gw_metric metric_passed = {"millgate_schema_requests_total",
                                               "Requests held against their contract.",
                                               "result=\"valid\"", false};
static const struct gw_metric metric_refused_parameter = {"millgate_schema_requests_total",
                                                          "Requests held against their contract.",
                                                          "result=\"parameter\"", false};
static const struct gw_metric metric_refused_body = {"millgate_schema_requests_total",
                                                     "Requests held against their contract.",
                                                     "result=\"body\"", false};
static const struct gw_metric metric_refused_media = {"millgate_schema_requests_total",
                                                      "Requests held against their contract.",
                                                      "result=\"media_type\"", false};

struct schema { /* one per worker */
    size_t max_body_bytes;
    size_t max_errors;
    uint32_t max_depth;
    bool allows_duplicates;
    bool refuses_unknown;
};

static size_t number_of(const json_t *config, const char *key)
{
    return (size_t)json_integer_value(json_object_get(config, key));
}

static bool is_word(const json_t *config, const char *key, const char *word)
{
    const char *value = json_string_value(json_object_get(config, key));
    return value != NULL && strcmp(value, word) == 0;
}

static int schema_create(const json_t *config, void **out_self, struct gw_error *error)
{
    struct schema *schema = calloc(1, sizeof(*schema));

    if (schema == NULL)
        return gw_error_set(error, -ENOMEM, "no memory for the schema policy");
    schema->max_body_bytes = number_of(config, "max_body_bytes");
    schema->max_errors = number_of(config, "max_errors");
    schema->max_depth = (uint32_t)number_of(config, "max_depth");
    schema->allows_duplicates = is_word(config, "duplicate_names", "pass");
    schema->refuses_unknown = is_word(config, "unknown_query", "refuse");
    *out_self = schema;
    return 0;
}

static void schema_destroy(void *self)
{
    free(self);
}

/* --- refusals --------------------------------------------------------------------------------- */

static void count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

static enum gw_verdict refuse(struct gw_exchange *ex, const char *problem, const char *detail,
                              const struct violations *list)
{
    if (list->count == 0) /* nothing but memory was missing */
        return gw_exchange_reject(ex, "overloaded", NULL, 0);
    ex->record.detail = violations_summary(list);
    gw_problem_set_with(ex, problem, detail, violations_members(list));
    return GW_STOP;
}

static enum gw_verdict refuse_media_type(struct gw_exchange *ex, const char *detail)
{
    count(ex, &metric_refused_media);
    return gw_exchange_reject(ex, "unsupported-media-type", detail, 0);
}

static enum gw_verdict refuse_missing_body(struct gw_exchange *ex)
{
    struct violation violation = {
        .in = VIOLATION_IN_BODY,
        .keyword = GW_STR("required"),
        .detail = GW_STR("is required, but missing"),
    };
    struct violations list;

    violations_init(&list, &ex->arena, 1);
    violations_add(&list, &violation);
    count(ex, &metric_refused_body);
    return refuse(ex, "invalid-body", "The operation needs a body.", &list);
}

static enum gw_verdict pass(const struct gw_exchange *ex)
{
    count(ex, &metric_passed);
    return GW_NEXT;
}

/* --- the request's body ----------------------------------------------------------------------- */

/* The one Content-Type; empty if there is none or more than one. */
static struct gw_str content_type_of(const struct gw_field *fields, size_t field_count)
{
    struct gw_str found = GW_STR("");

    for (size_t i = 0; i < field_count; i++) {
        if (!gw_str_equal_nocase(fields[i].name, GW_STR("content-type")))
            continue;
        if (found.len > 0)
            return GW_STR("");
        found = fields[i].value;
    }
    return found;
}

static bool is_coded(const struct gw_field *fields, size_t field_count)
{
    const struct gw_str *coding = gw_field_find(fields, field_count, GW_STR("content-encoding"));
    return coding != NULL && coding->len > 0 && !gw_str_equal_nocase(*coding, GW_STR("identity"));
}

static const struct gw_media_type *media_type_of(const struct gw_exchange *ex,
                                                 struct gw_str content_type)
{
    return media_type_select(ex->operation->media_types, ex->operation->media_type_count,
                             content_type);
}

static enum gw_verdict check_body(void *self, struct gw_exchange *ex)
{
    const struct schema *schema = self;
    struct gw_str content_type = content_type_of(ex->request.fields, ex->request.field_count);
    const struct body_rules rules = {
        .schemas = ex->operation->api->schemas,
        .direction = GW_SCHEMA_REQUEST,
        .json = {.max_bytes = UINT32_C(1) << 31, .max_depth = schema->max_depth},
        .allows_duplicates = schema->allows_duplicates,
    };
    struct violations list;

    if (ex->request.body.len == 0)
        return ex->operation->is_body_required ? refuse_missing_body(ex) : pass(ex);
    violations_init(&list, &ex->arena, schema->max_errors);
    body_check(&rules, media_type_of(ex, content_type), content_type, ex->request.body, &list);
    if (!violations_are_any(&list))
        return pass(ex);
    count(ex, &metric_refused_body);
    return refuse(ex, "invalid-body", "The body does not fit the contract; errors tells where.",
                  &list);
}

static size_t max_body_of(const struct schema *schema, const struct gw_operation *operation)
{
    return operation->max_body_bytes > 0 ? (size_t)operation->max_body_bytes
                                         : schema->max_body_bytes;
}

static enum gw_verdict start_body(const struct schema *schema, struct gw_exchange *ex)
{
    const struct gw_operation *operation = ex->operation;
    struct gw_str content_type = content_type_of(ex->request.fields, ex->request.field_count);

    if (ex->request.body_bytes == 0)
        return operation->is_body_required ? refuse_missing_body(ex) : pass(ex);
    if (!operation->has_body)
        return refuse_media_type(ex, "The contract describes no body for this operation.");
    const struct gw_media_type *type = media_type_of(ex, content_type);
    if (type == NULL)
        return refuse_media_type(ex, "The contract does not offer the body's Content-Type.");
    if (!body_is_checked(type, content_type))
        return pass(ex);
    if (is_coded(ex->request.fields, ex->request.field_count))
        return refuse_media_type(ex, "A body with a Content-Encoding cannot be checked.");
    return gw_exchange_need_request_body(ex, max_body_of(schema, operation), check_body);
}

static enum gw_verdict schema_on_request(void *self, struct gw_exchange *ex)
{
    const struct schema *schema = self;
    struct violations list;

    violations_init(&list, &ex->arena, schema->max_errors);
    parameters_check(ex, schema->refuses_unknown, &list);
    if (!violations_are_any(&list))
        return start_body(schema, ex);
    count(ex, &metric_refused_parameter);
    return refuse(ex, "invalid-parameter",
                  "A parameter does not fit the contract; errors tells which.", &list);
}

const struct gw_filter_type gw_schema = {
    .name = "schema",
    .options = schema_options,
    .create = schema_create,
    .destroy = schema_destroy,
    .on_request = schema_on_request,
};
