#include "policies/schema/response.h"

#include "policies/schema/body.h"
#include "policies/schema/parameters.h"
#include "server/contract/operation.h"
#include "server/core/metric.h"

static const struct gw_metric metric_valid = {"millgate_schema_responses_total",
                                              "Responses held against their contract.",
                                              "result=\"valid\"", false};
static const struct gw_metric metric_violated = {"millgate_schema_responses_total",
                                                 "Responses held against their contract.",
                                                 "result=\"violated\"", false};
static const struct gw_metric metric_unchecked = {"millgate_schema_responses_total",
                                                  "Responses held against their contract.",
                                                  "result=\"unchecked\"", false};

/* --- what the contract says ------------------------------------------------------------------- */

static const struct gw_response_rule *rule_of(const struct gw_exchange *ex)
{
    const struct gw_operation *operation = ex->operation;

    for (size_t i = 0; i < operation->response_count; i++) {
        const struct gw_response_rule *rule = &operation->responses[i];
        if (ex->response.status >= rule->first_status && ex->response.status <= rule->last_status)
            return rule;
    }
    return NULL;
}

static bool is_bodiless(const struct gw_exchange *ex)
{
    int status = ex->response.status;
    return ex->request.method == GW_METHOD_HEAD || status == 204 || status == 205 || status == 304;
}

static const struct gw_media_type *media_type_of(const struct gw_response_rule *rule,
                                                 struct gw_str content_type)
{
    return media_type_select(rule->media_types, rule->media_type_count, content_type);
}

static struct gw_str content_type_of(const struct gw_exchange *ex)
{
    return schema_content_type(ex->response.fields, ex->response.field_count);
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void add(struct violations *list, enum violation_place in, struct gw_str name,
                struct gw_str keyword, struct gw_str detail)
{
    struct violation violation = {.in = in, .name = name, .keyword = keyword, .detail = detail};
    violations_add(list, &violation);
}

/* The caller is not told what is wrong: it is not the caller's mistake, and may be none of its
 * business. The access log is. */
static enum gw_verdict settle(const struct schema *schema, struct gw_exchange *ex,
                              const struct violations *list)
{
    if (!violations_are_any(list)) {
        schema_count(ex, &metric_valid);
        return GW_NEXT;
    }
    schema_count(ex, &metric_violated);
    ex->record.detail = violations_summary(list);
    if (schema->responses == SCHEMA_RESPONSES_ENFORCE)
        gw_problem_set(ex, "bad-gateway", "The backend's answer does not fit the contract.");
    return GW_NEXT;
}

static enum gw_verdict check_body(void *self, struct gw_exchange *ex)
{
    const struct schema *schema = self;
    const struct gw_response_rule *rule = rule_of(ex);
    struct gw_str content_type = content_type_of(ex);
    const struct body_rules rules = {
        .schemas = ex->operation->api->schemas,
        .direction = GW_SCHEMA_RESPONSE,
        .json = {.max_bytes = UINT32_C(1) << 31, .max_depth = schema->max_depth},
        .allows_duplicates = schema->allows_duplicates,
    };
    struct violations list;

    violations_init(&list, &ex->arena, schema->max_errors);
    body_check(&rules, media_type_of(rule, content_type), content_type, ex->response.body, &list);
    return settle(schema, ex, &list);
}

/* What is too long to be held in memory, or cannot be read, passes unless the contract is enforced.
 */
static enum gw_verdict start_body(const struct schema *schema, struct gw_exchange *ex,
                                  const struct gw_response_rule *rule, struct violations *list)
{
    struct gw_str content_type = content_type_of(ex);
    const struct gw_media_type *type = media_type_of(rule, content_type);
    bool is_coded = schema_is_coded(ex->response.fields, ex->response.field_count);
    bool is_enforced = schema->responses == SCHEMA_RESPONSES_ENFORCE;

    if (type == NULL)
        add(list, VIOLATION_IN_HEADER, GW_STR("Content-Type"), GW_STR("content"),
            GW_STR("is none that the contract offers"));
    if (type == NULL || !body_is_checked(type, content_type))
        return settle(schema, ex, list);
    if (is_coded && is_enforced) {
        add(list, VIOLATION_IN_HEADER, GW_STR("Content-Encoding"), GW_STR("content"),
            GW_STR("hides the body from the check"));
        return settle(schema, ex, list);
    }
    if (is_coded || (ex->response.source != NULL && !is_enforced)) {
        schema_count(ex, &metric_unchecked);
        return GW_NEXT;
    }
    return gw_exchange_need_response_body(ex, schema->max_response_bytes, check_body);
}

/* Evenly spread: at 25 %, each fourth. */
static bool is_sampled(struct schema *schema)
{
    schema->sampled += schema->response_sample;
    if (schema->sampled < 100)
        return false;
    schema->sampled -= 100;
    return true;
}

enum gw_verdict schema_on_response(void *self, struct gw_exchange *ex)
{
    struct schema *schema = self;
    struct violations list;

    /* Problems of our own are no answer of a backend. */
    if (schema->responses == SCHEMA_RESPONSES_OFF || ex->record.problem != NULL ||
        ex->operation->response_count == 0 || !is_sampled(schema))
        return GW_NEXT;
    violations_init(&list, &ex->arena, schema->max_errors);
    const struct gw_response_rule *rule = rule_of(ex);
    if (rule == NULL) {
        if (ex->response.status != 304) /* the answer to a conditional request */
            add(&list, VIOLATION_IN_HEADER, GW_STR("status"), GW_STR("responses"),
                GW_STR("is none that the contract knows"));
        return settle(schema, ex, &list);
    }
    parameters_check_headers(ex->operation->api->schemas, rule->headers, rule->header_count,
                             ex->response.fields, ex->response.field_count, &list);
    if (violations_are_any(&list) || is_bodiless(ex) || !rule->has_content)
        return settle(schema, ex, &list);
    return start_body(schema, ex, rule, &list);
}
