#include <errno.h>

#include "server/contract/parameter_value.h"
#include "server/contract/parameter_values.h"
#include "server/core/arena.h"
#include "server/http/exchange.h"
#include "server/json/schema.h"

struct reading {
    const struct gw_exchange *ex;
    struct gw_arena *arena;
    struct gw_pairs query, cookies;
    struct gw_value_builder values;
};

static int read_pairs(struct reading *reading)
{
    const struct gw_request *request = &reading->ex->request;
    int rc = 0;

    if (request->query.len > 0)
        rc = gw_pairs_read_query(request->query, reading->arena, &reading->query);
    if (rc == -ENOMEM)
        return rc;
    for (size_t i = 0; i < request->field_count; i++) {
        if (!gw_str_equal_nocase(request->fields[i].name, GW_STR("cookie")))
            continue;
        if (reading->cookies.items == NULL) {
            reading->cookies.form = GW_PERCENT_PLAIN;
            reading->cookies.items =
                gw_arena_alloc(reading->arena, GW_PAIRS_MAX * sizeof(*reading->cookies.items));
        }
        if (reading->cookies.items == NULL)
            return -ENOMEM;
        if (gw_pairs_add_cookies(request->fields[i].value, &reading->cookies) != 0)
            break;
    }
    return 0;
}

static int find_fields(struct reading *reading, const struct gw_parameter *parameter,
                       struct gw_parameter_source *source)
{
    const struct gw_request *request = &reading->ex->request;
    struct gw_str *texts =
        gw_arena_alloc(reading->arena, (request->field_count + 1) * sizeof(*texts));

    if (texts == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < request->field_count; i++) {
        if (gw_str_equal_nocase(request->fields[i].name, parameter->name))
            texts[source->text_count++] = request->fields[i].value;
    }
    source->texts = texts;
    return 0;
}

static int find_source(struct reading *reading, const struct gw_parameter *parameter,
                       struct gw_parameter_source *source)
{
    *source = (struct gw_parameter_source){.texts = NULL};
    switch (parameter->place) {
    case GW_IN_PATH:
        source->texts = &reading->ex->path_parameters[parameter->path_index];
        source->text_count = parameter->path_index < reading->ex->path_parameter_count;
        return 0;
    case GW_IN_QUERY:
        source->pairs = &reading->query;
        return 0;
    case GW_IN_COOKIE:
        source->pairs = &reading->cookies;
        return 0;
    default:
        return find_fields(reading, parameter, source);
    }
}

static bool is_valid(struct reading *reading, const struct gw_parameter *parameter,
                     const struct gw_json_tape *tape)
{
    const struct gw_schema_set *schemas = reading->ex->api->schemas;
    const struct gw_schema_run run = {
        .arena = reading->arena, .direction = GW_SCHEMA_REQUEST, .max_violations = 1};
    struct gw_violations violations = {0};

    return parameter->schema == GW_NO_SCHEMA || schemas == NULL ||
           (gw_schema_validate(schemas, parameter->schema, tape, &run, &violations) == 0 &&
            violations.count == 0);
}

/* One reading of a text; what it makes points into memory of the arena. */
static int read_as(struct reading *reading, const struct gw_parameter *parameter,
                   bool prefers_strings, struct gw_value_tape *tape, struct gw_json_tape *out_tape)
{
    struct gw_parameter_source source;
    int rc = find_source(reading, parameter, &source);

    gw_value_tape_init(tape, reading->arena, prefers_strings);
    if (rc == 0)
        rc = gw_parameter_read(parameter, &source, tape);
    return rc == 0 ? gw_value_tape_finish(tape, out_tape) : rc;
}

static int read_styled(struct reading *reading, const struct gw_parameter *parameter,
                       struct gw_value *out_value)
{
    struct gw_value_tape *first = gw_arena_alloc(reading->arena, sizeof(*first));
    struct gw_value_tape *second = gw_arena_alloc(reading->arena, sizeof(*second));
    struct gw_json_tape tape, other;

    if (first == NULL || second == NULL)
        return -ENOMEM;
    int rc = read_as(reading, parameter, false, first, &tape);
    bool is_meant = rc == 0 && (!first->is_ambiguous || is_valid(reading, parameter, &tape));
    if (!is_meant && (rc == 0 || rc == -EINVAL) &&
        read_as(reading, parameter, true, second, &other) == 0) {
        tape = other;
        rc = 0;
    }
    return rc == 0 ? gw_value_from_tape(reading->arena, &tape, 0, out_value) : rc;
}

static int read_content(struct reading *reading, const struct gw_parameter *parameter,
                        struct gw_value *out_value)
{
    struct gw_parameter_source source;
    struct gw_json_error error;
    struct gw_str text;
    int rc = find_source(reading, parameter, &source);

    if (rc == 0)
        rc = gw_parameter_text(parameter, &source, reading->arena, &text);
    if (rc != 0)
        return rc;
    if (parameter->is_json)
        return gw_value_read(reading->arena, text, NULL, out_value, &error);
    *out_value = gw_value_string(text);
    return 0;
}

static int read_one(struct reading *reading, const struct gw_parameter *parameter)
{
    struct gw_value value;
    int rc = parameter->is_content ? read_content(reading, parameter, &value)
                                   : read_styled(reading, parameter, &value);

    if (rc == 0)
        rc = gw_value_add_member(&reading->values, parameter->name, value);
    return rc == -ENOMEM ? rc : 0;
}

int gw_parameters_read(const struct gw_exchange *ex, struct gw_arena *arena,
                       struct gw_value *out_value)
{
    const struct gw_operation *operation = ex->operation;
    struct reading reading = {.ex = ex, .arena = arena, .values = {.arena = arena}};
    int rc = operation->parameter_count == 0 ? 0 : read_pairs(&reading);

    /* Those that spread over the names of their members take what the others have left. */
    for (int is_spread = 0; rc == 0 && is_spread <= 1; is_spread++) {
        for (size_t i = 0; rc == 0 && i < operation->parameter_count; i++) {
            if (gw_parameter_is_spread(&operation->parameters[i]) == is_spread)
                rc = read_one(&reading, &operation->parameters[i]);
        }
    }
    if (rc == 0)
        *out_value = gw_value_built_object(&reading.values);
    return rc;
}
