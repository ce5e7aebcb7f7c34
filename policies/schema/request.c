#include "policies/schema/request.h"

#include "policies/schema/body.h"
#include "policies/schema/parameters.h"
#include "server/contract/operation.h"
#include "server/core/metric.h"

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

/* --- refusals --------------------------------------------------------------------------------- */

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
    schema_count(ex, &metric_refused_media);
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
    schema_count(ex, &metric_refused_body);
    return refuse(ex, "invalid-body", "The operation needs a body.", &list);
}

static enum gw_verdict pass(const struct gw_exchange *ex)
{
    schema_count(ex, &metric_passed);
    return GW_NEXT;
}

/* Nothing is wrong but that a change does not say which state it means (RFC 6585, section 3). */
static bool is_unconditional(const struct violations *list)
{
    return list->count == 1 && !list->is_cut && !list->has_no_memory &&
           list->items[0].in == VIOLATION_IN_HEADER &&
           gw_str_equal(list->items[0].keyword, GW_STR("required")) &&
           gw_str_equal_nocase(list->items[0].name, GW_STR("If-Match"));
}

/* --- the request's body ----------------------------------------------------------------------- */

static const struct gw_media_type *media_type_of(const struct gw_exchange *ex,
                                                 struct gw_str content_type)
{
    return media_type_select(ex->operation->media_types, ex->operation->media_type_count,
                             content_type);
}

static enum gw_verdict check_body(void *self, struct gw_exchange *ex)
{
    const struct schema *schema = self;
    struct gw_str content_type = schema_content_type(ex->request.fields, ex->request.field_count);
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
    schema_count(ex, &metric_refused_body);
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
    struct gw_str content_type = schema_content_type(ex->request.fields, ex->request.field_count);

    if (ex->request.body_bytes == 0)
        return operation->is_body_required ? refuse_missing_body(ex) : pass(ex);
    if (!operation->has_body)
        return refuse_media_type(ex, "The contract describes no body for this operation.");
    const struct gw_media_type *type = media_type_of(ex, content_type);
    if (type == NULL)
        return refuse_media_type(ex, "The contract does not offer the body's Content-Type.");
    if (!body_is_checked(type, content_type))
        return pass(ex);
    if (schema_is_coded(ex->request.fields, ex->request.field_count))
        return refuse_media_type(ex, "A body with a Content-Encoding cannot be checked.");
    return gw_exchange_need_request_body(ex, max_body_of(schema, operation), check_body);
}

enum gw_verdict schema_on_request(void *self, struct gw_exchange *ex)
{
    const struct schema *schema = self;
    struct violations list;

    /* A backend that compresses could not be checked. */
    if (schema->responses == SCHEMA_RESPONSES_ENFORCE && ex->operation->response_count > 0)
        gw_request_remove_field(ex, GW_STR("accept-encoding"));
    violations_init(&list, &ex->arena, schema->max_errors);
    parameters_check(ex, schema->refuses_unknown, &list);
    if (!violations_are_any(&list))
        return start_body(schema, ex);
    schema_count(ex, &metric_refused_parameter);
    if (is_unconditional(&list))
        return refuse(ex, "precondition-required",
                      "The change must name by If-Match the state that it means.", &list);
    return refuse(ex, "invalid-parameter",
                  "A parameter does not fit the contract; errors tells which.", &list);
}
