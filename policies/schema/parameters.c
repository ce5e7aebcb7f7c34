#include "policies/schema/parameters.h"

#include <errno.h>

#include "server/contract/parameter_value.h"
#include "server/core/arena.h"
#include "server/http/exchange.h"

static const enum violation_place violation_places[] = {
    [GW_IN_PATH] = VIOLATION_IN_PATH,
    [GW_IN_QUERY] = VIOLATION_IN_QUERY,
    [GW_IN_HEADER] = VIOLATION_IN_HEADER,
    [GW_IN_COOKIE] = VIOLATION_IN_COOKIE,
};

/* What the parameters of one message are read from. */
struct reading {
    const struct gw_schema_set *schemas;
    enum gw_schema_direction direction;
    const struct gw_field *fields;
    size_t field_count;
    const struct gw_str *path_parameters;
    size_t path_parameter_count;
    struct gw_pairs query, cookies;
    struct violations *list;
};

static const struct {
    int error;
    struct gw_str keyword;
    struct gw_str detail;
} flaws[] = {
    {-ENOENT, GW_STR_INIT("required"), GW_STR_INIT("is required, but missing")},
    {-EEXIST, GW_STR_INIT("duplicate"), GW_STR_INIT("may be given only once")},
    {-EILSEQ, GW_STR_INIT("encoding"), GW_STR_INIT("is not percent-encoded UTF-8 without NUL")},
    {-EINVAL, GW_STR_INIT("style"), GW_STR_INIT("is not written in the style of the contract")},
    {-E2BIG, GW_STR_INIT("limit"), GW_STR_INIT("has too many parts")},
};

static void add_flaw(struct violations *list, const struct violation *where, int error)
{
    struct violation violation = *where;

    for (size_t i = 0; i < GW_COUNT_OF(flaws); i++) {
        if (flaws[i].error != error)
            continue;
        violation.keyword = flaws[i].keyword;
        violation.detail = flaws[i].detail;
        violations_add(list, &violation);
        return;
    }
    list->has_no_memory = true;
}

static struct violation place_of(const struct gw_parameter *parameter)
{
    return (struct violation){
        .in = violation_places[parameter->place],
        .name = parameter->name,
    };
}

/* --- where a parameter's text is -------------------------------------------------------------- */

static int find_fields(const struct reading *reading, const struct gw_parameter *parameter,
                       struct gw_parameter_source *source)
{
    struct gw_str *texts = NULL;
    size_t count = 0;

    for (size_t i = 0; i < reading->field_count; i++) {
        if (!gw_str_equal_nocase(reading->fields[i].name, parameter->name))
            continue;
        if (texts == NULL)
            texts =
                gw_arena_alloc(reading->list->arena, (reading->field_count - i) * sizeof(*texts));
        if (texts == NULL)
            return -ENOMEM;
        texts[count++] = reading->fields[i].value;
    }
    source->texts = texts;
    source->text_count = count;
    return 0;
}

static int find_source(struct reading *reading, const struct gw_parameter *parameter,
                       struct gw_parameter_source *source)
{
    *source = (struct gw_parameter_source){.texts = NULL};
    switch (parameter->place) {
    case GW_IN_PATH:
        if (parameter->path_index < reading->path_parameter_count) {
            source->texts = &reading->path_parameters[parameter->path_index];
            source->text_count = 1;
        }
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

/* --- one parameter ---------------------------------------------------------------------------- */

static bool is_valid(const struct reading *reading, const struct gw_parameter *parameter,
                     const struct gw_json_tape *tape, struct violations *list)
{
    struct violation where = place_of(parameter);

    return parameter->schema == GW_NO_SCHEMA ||
           violations_check(list, reading->schemas, parameter->schema, tape, &where,
                            reading->direction);
}

/* A text that may be read in two ways is right if one of them is; what is told is about the first.
 */
static int check_styled(const struct reading *reading, const struct gw_parameter *parameter,
                        const struct gw_parameter_source *source)
{
    struct gw_value_tape value, second;
    struct gw_json_tape tape;
    struct violations before = *reading->list;

    gw_value_tape_init(&value, reading->list->arena, false);
    int rc = gw_parameter_read(parameter, source, &value);
    if (rc == 0)
        rc = gw_value_tape_finish(&value, &tape);
    if (rc == 0 && is_valid(reading, parameter, &tape, reading->list))
        return 0;
    if (rc == -ENOENT || rc == -ENOMEM || rc == -E2BIG || (rc == 0 && !value.is_ambiguous))
        return rc;

    struct violations unheard;
    violations_init(&unheard, reading->list->arena, 1);
    gw_value_tape_init(&second, reading->list->arena, true);
    if (gw_parameter_read(parameter, source, &second) != 0 ||
        gw_value_tape_finish(&second, &tape) != 0 || !is_valid(reading, parameter, &tape, &unheard))
        return rc;
    before.items = reading->list->items; /* the room may have been taken meanwhile */
    *reading->list = before;
    return 0;
}

static int check_content(const struct reading *reading, const struct gw_parameter *parameter,
                         const struct gw_parameter_source *source)
{
    struct violation where = place_of(parameter);
    struct gw_json_error error;
    struct gw_json_tape tape;
    struct gw_str text;
    int rc = gw_parameter_text(parameter, source, reading->list->arena, &text);

    if (rc != 0 || !parameter->is_json)
        return rc;
    rc = gw_json_read(reading->list->arena, text, NULL, &tape, &error);
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0) {
        violations_add_json_error(reading->list, &where, &error);
    } else if (tape.has_duplicates) {
        where.keyword = GW_STR("duplicate");
        where.detail = GW_STR("has an object with a name that comes twice");
        violations_add(reading->list, &where);
    } else {
        (void)is_valid(reading, parameter, &tape, reading->list);
    }
    return 0;
}

static void check_one(struct reading *reading, const struct gw_parameter *parameter)
{
    struct violation where = place_of(parameter);
    struct gw_parameter_source source;
    int rc = find_source(reading, parameter, &source);

    if (rc == 0 && parameter->allow_empty && gw_parameter_is_empty(parameter, &source))
        return;
    if (rc == 0)
        rc = parameter->is_content ? check_content(reading, parameter, &source)
                                   : check_styled(reading, parameter, &source);
    if (rc == 0 || (rc == -ENOENT && !parameter->is_required))
        return;
    add_flaw(reading->list, &where, rc);
}

static void check_all(struct reading *reading, const struct gw_parameter *parameters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!gw_parameter_is_spread(&parameters[i]))
            check_one(reading, &parameters[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (gw_parameter_is_spread(&parameters[i]))
            check_one(reading, &parameters[i]);
    }
}

/* --- a request -------------------------------------------------------------------------------- */

static bool has_parameter_in(const struct gw_operation *operation, enum gw_parameter_place place)
{
    for (size_t i = 0; i < operation->parameter_count; i++) {
        if (operation->parameters[i].place == place)
            return true;
    }
    return false;
}

static int read_cookies(const struct gw_exchange *ex, struct reading *reading)
{
    int rc = 0;

    reading->cookies.form = GW_PERCENT_PLAIN;
    reading->cookies.items =
        gw_arena_alloc(reading->list->arena, GW_PAIRS_MAX * sizeof(*reading->cookies.items));
    if (reading->cookies.items == NULL)
        return -ENOMEM;
    for (size_t i = 0; rc == 0 && i < ex->request.field_count; i++) {
        const struct gw_field *field = &ex->request.fields[i];
        if (gw_str_equal_nocase(field->name, GW_STR("cookie")))
            rc = gw_pairs_add_cookies(field->value, &reading->cookies);
    }
    return rc;
}

static void refuse_unknown(const struct reading *reading)
{
    for (size_t i = 0; i < reading->query.count; i++) {
        const struct gw_pair *pair = &reading->query.items[i];
        struct violation violation = {
            .in = VIOLATION_IN_QUERY,
            .name = pair->name,
            .keyword = GW_STR("unknown"),
            .detail = GW_STR("is no parameter of this operation"),
        };
        if (pair->user == NULL)
            violations_add(reading->list, &violation);
    }
}

void parameters_check(const struct gw_exchange *ex, bool refuses_unknown, struct violations *list)
{
    const struct gw_operation *operation = ex->operation;
    struct reading reading = {
        .schemas = operation->api->schemas,
        .direction = GW_SCHEMA_REQUEST,
        .fields = ex->request.fields,
        .field_count = ex->request.field_count,
        .path_parameters = ex->path_parameters,
        .path_parameter_count = ex->path_parameter_count,
        .list = list,
    };
    bool has_query =
        ex->request.query.len > 0 && (refuses_unknown || has_parameter_in(operation, GW_IN_QUERY));
    struct violation where = {.in = VIOLATION_IN_QUERY};
    int rc = 0;

    if (operation->parameter_count == 0 && !has_query)
        return;
    if (has_query)
        rc = gw_pairs_read_query(ex->request.query, list->arena, &reading.query);
    if (rc == 0 && has_parameter_in(operation, GW_IN_COOKIE)) {
        where.in = VIOLATION_IN_COOKIE;
        rc = read_cookies(ex, &reading);
    }
    if (rc != 0) {
        add_flaw(list, &where, rc);
        return;
    }
    check_all(&reading, operation->parameters, operation->parameter_count);
    if (refuses_unknown)
        refuse_unknown(&reading);
}

void parameters_check_headers(const struct gw_schema_set *set, const struct gw_parameter *headers,
                              size_t header_count, const struct gw_field *fields,
                              size_t field_count, struct violations *list)
{
    struct reading reading = {
        .schemas = set,
        .direction = GW_SCHEMA_RESPONSE,
        .fields = fields,
        .field_count = field_count,
        .list = list,
    };
    check_all(&reading, headers, header_count);
}
