#include "policies/schema/schema.h"

#include <errno.h>
#include <stdlib.h>

#include "policies/schema/request.h"
#include "policies/schema/response.h"
#include "server/filter/worker.h"
#include "server/json/reader.h"
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
    {"responses", GW_ENUM, 0, 0, "off",
     "Responses against the contract: `enforce` answers 502 instead, `report` counts and logs.",
     NULL, "off report enforce", 0},
    {"response_sample", GW_INT, 1, 100, "100",
     "How many of 100 responses are looked at, evenly spread.", NULL, NULL, 0},
    {"max_response_bytes", GW_BYTES, 1, 64 << 20, "1MiB",
     "With `enforce`, the largest streamed response that is collected; a larger one is refused.",
     NULL, NULL, 0},
    {0},
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
    schema->responses = is_word(config, "responses", "enforce")  ? SCHEMA_RESPONSES_ENFORCE
                        : is_word(config, "responses", "report") ? SCHEMA_RESPONSES_REPORT
                                                                 : SCHEMA_RESPONSES_OFF;
    schema->response_sample = (unsigned)number_of(config, "response_sample");
    schema->max_response_bytes = number_of(config, "max_response_bytes");
    *out_self = schema;
    return 0;
}

static void schema_destroy(void *self)
{
    free(self);
}

/* --- for both directions ---------------------------------------------------------------------- */

void schema_count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

struct gw_str schema_content_type(const struct gw_field *fields, size_t field_count)
{
    struct gw_str found = GW_STR("");

    for (size_t i = 0; i < field_count; i++) {
        if (!gw_str_equal_nocase(fields[i].name, GW_STR("content-type")))
            continue;
        if (found.len > 0)
            return GW_STR("");
        found = fields[i].value;
    }
    /* RFC 9110, section 8.3: what does not say what it is may be taken for mere bytes. */
    return found.len > 0 ? found : GW_STR("application/octet-stream");
}

bool schema_is_coded(const struct gw_field *fields, size_t field_count)
{
    for (size_t i = 0; i < field_count; i++) {
        if (gw_str_equal_nocase(fields[i].name, GW_STR("content-encoding")) &&
            fields[i].value.len > 0 && !gw_str_equal_nocase(fields[i].value, GW_STR("identity")))
            return true;
    }
    return false;
}

const struct gw_filter_type gw_schema = {
    .name = "schema",
    .options = schema_options,
    .create = schema_create,
    .destroy = schema_destroy,
    .on_request = schema_on_request,
    .on_response = schema_on_response,
};
