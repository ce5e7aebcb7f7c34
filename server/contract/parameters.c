/* Parameters (OpenAPI: "Parameter Object"): where they stand, how they are written, their schemas.
 */
#include "loading.h"

#include "server/contract/media.h"
#include "server/core/similar.h"

static const struct gw_str places[] = {
    [GW_IN_PATH] = GW_STR_INIT("path"),
    [GW_IN_QUERY] = GW_STR_INIT("query"),
    [GW_IN_HEADER] = GW_STR_INIT("header"),
    [GW_IN_COOKIE] = GW_STR_INIT("cookie"),
};

static const struct {
    struct gw_str name;
    enum gw_parameter_style style;
    unsigned places; /* set of 1 << enum gw_parameter_place */
} styles[] = {
    {GW_STR_INIT("simple"), GW_STYLE_SIMPLE, 1u << GW_IN_PATH | 1u << GW_IN_HEADER},
    {GW_STR_INIT("label"), GW_STYLE_LABEL, 1u << GW_IN_PATH},
    {GW_STR_INIT("matrix"), GW_STYLE_MATRIX, 1u << GW_IN_PATH},
    {GW_STR_INIT("form"), GW_STYLE_FORM, 1u << GW_IN_QUERY | 1u << GW_IN_COOKIE},
    {GW_STR_INIT("spaceDelimited"), GW_STYLE_SPACE_DELIMITED, 1u << GW_IN_QUERY},
    {GW_STR_INIT("pipeDelimited"), GW_STYLE_PIPE_DELIMITED, 1u << GW_IN_QUERY},
    {GW_STR_INIT("deepObject"), GW_STYLE_DEEP_OBJECT, 1u << GW_IN_QUERY},
};

static bool read_place(struct contract_loading *loading, const struct gw_place *place,
                       struct gw_parameter *parameter)
{
    struct gw_place in = gw_place_member(place, "in");
    struct gw_similar similar;

    if (!json_is_string(in.value))
        return false; /* said */
    struct gw_str text = gw_str_of(json_string_value(in.value));
    gw_similar_init(&similar, text);
    for (size_t i = 0; i < GW_COUNT_OF(places); i++) {
        gw_similar_offer(&similar, places[i]);
        if (!gw_str_equal(text, places[i]))
            continue;
        parameter->place = (enum gw_parameter_place)i;
        return true;
    }
    contract_error(loading, &in, "\"%.*s\" is none of path, query, header, cookie%s%.*s%s",
                   GW_STR_ARG(text), CONTRACT_DID_YOU_MEAN(similar.best));
    return false;
}

void contract_read_style(struct contract_loading *loading, const struct gw_place *place,
                         enum gw_parameter_place in, enum gw_parameter_style *out_style,
                         bool *out_explode)
{
    struct gw_place style = gw_place_member(place, "style");
    bool is_form = in == GW_IN_QUERY || in == GW_IN_COOKIE;
    struct gw_str text = gw_str_of(json_string_value(style.value));
    bool is_known = text.len == 0;

    *out_style = is_form ? GW_STYLE_FORM : GW_STYLE_SIMPLE;
    for (size_t i = 0; i < GW_COUNT_OF(styles); i++) {
        if (!gw_str_equal(styles[i].name, text) || !(styles[i].places & 1u << in))
            continue;
        *out_style = styles[i].style;
        is_known = true;
    }
    if (!is_known)
        contract_error(loading, &style, "a parameter in %.*s has no style \"%.*s\"",
                       GW_STR_ARG(places[in]), GW_STR_ARG(text));
    *out_explode = contract_flag(place, "explode", *out_style == GW_STYLE_FORM);
}

static void read_style(struct contract_loading *loading, const struct gw_place *place,
                       struct gw_parameter *parameter)
{
    contract_read_style(loading, place, parameter->place, &parameter->style, &parameter->explode);
    parameter->allow_empty =
        parameter->place == GW_IN_QUERY && contract_flag(place, "allowEmptyValue", false);

    struct gw_place reserved = gw_place_member(place, "allowReserved");
    parameter->allow_reserved = json_is_true(reserved.value);
    if (reserved.value != NULL && parameter->place != GW_IN_QUERY)
        gw_place_report_key(&loading->resolver, &reserved,
                            loading->is_31 ? GW_SEVERITY_ERROR : GW_SEVERITY_WARNING,
                            "allowReserved is for query parameters only");
}

/* `content` has exactly one media type; JSON is parsed, all else is a string. */
static void read_content(struct contract_loading *loading, const struct gw_place *content,
                         struct gw_parameter *parameter)
{
    if (json_object_size(content->value) != 1) {
        contract_error(loading, content, "content of a parameter has exactly one media type");
        return;
    }
    json_t *object = (json_t *)(uintptr_t)content->value;
    struct gw_place entry =
        gw_place_member(content, json_object_iter_key(json_object_iter(object)));
    struct gw_place media;
    struct gw_str range;

    parameter->is_content = true;
    if (!contract_read_media_range(loading, &entry, &range))
        return;
    parameter->is_json = gw_media_is_json(range);
    if (gw_reference_resolver_follow(&loading->resolver, &entry, &media) != 0 ||
        !contract_check_object(loading, &media, CONTRACT_MEDIA_TYPE) || !parameter->is_json)
        return;
    struct gw_place schema = gw_place_member(&media, "schema");
    parameter->schema = contract_add_schema(loading, &schema);
}

void contract_read_parameter_schema(struct contract_loading *loading, const struct gw_place *place,
                                    struct gw_parameter *parameter)
{
    struct gw_place schema = gw_place_member(place, "schema");
    struct gw_place content = gw_place_member(place, "content");

    parameter->schema = GW_NO_SCHEMA;
    parameter->shape.types = GW_SHAPE_ANY;
    if ((schema.value == NULL) == (content.value == NULL)) {
        contract_error(loading, place, "a parameter has either \"schema\" or \"content\"");
    } else if (content.value == NULL) {
        parameter->schema = contract_add_schema(loading, &schema);
        parameter->shape = contract_read_shape(loading, &schema);
    } else if (json_is_object(content.value)) {
        read_content(loading, &content, parameter);
    }
}

/* Accept, Content-Type and Authorization are not parameters (OpenAPI says to ignore them). */
static bool is_ignored(struct contract_loading *loading, const struct gw_place *name,
                       const struct gw_parameter *parameter)
{
    static const struct gw_str ignored[] = {GW_STR_INIT("accept"), GW_STR_INIT("content-type"),
                                            GW_STR_INIT("authorization")};

    for (size_t i = 0; parameter->place == GW_IN_HEADER && i < GW_COUNT_OF(ignored); i++) {
        if (!gw_str_equal_nocase(parameter->name, ignored[i]))
            continue;
        contract_warn(loading, name, "a header parameter \"%.*s\" is ignored, as OpenAPI says",
                      GW_STR_ARG(parameter->name));
        return true;
    }
    return false;
}

static void check_path_parameter(struct contract_loading *loading, const struct gw_place *place,
                                 const struct gw_path_template *path,
                                 struct gw_parameter *parameter)
{
    struct gw_place name = gw_place_member(place, "name");

    parameter->path_index = gw_path_template_find(path, parameter->name);
    if (parameter->path_index == SIZE_MAX)
        contract_error(loading, &name, "the path has no {%.*s}", GW_STR_ARG(parameter->name));
    if (!parameter->is_required)
        contract_error(loading, place, "the path parameter \"%.*s\" needs \"required: true\"",
                       GW_STR_ARG(parameter->name));
}

/* False: it is not to be kept. */
static bool read_parameter(struct contract_loading *loading, const struct gw_place *item,
                           const struct gw_path_template *path, struct gw_parameter *parameter)
{
    struct gw_place place;

    if (gw_reference_resolver_follow(&loading->resolver, item, &place) != 0 ||
        !contract_check_object(loading, &place, CONTRACT_PARAMETER))
        return false;
    struct gw_place name = gw_place_member(&place, "name");
    if (!read_place(loading, &place, parameter) || !json_is_string(name.value))
        return false;
    parameter->name = contract_text(loading, &place, "name");
    parameter->is_required = contract_flag(&place, "required", false);
    if (parameter->name.len == 0)
        contract_error(loading, &name, "a parameter has a name");
    if (is_ignored(loading, &name, parameter))
        return false;
    read_style(loading, &place, parameter);
    contract_read_parameter_schema(loading, &place, parameter);
    if (parameter->place == GW_IN_PATH)
        check_path_parameter(loading, &place, path, parameter);
    return true;
}

static bool is_same(const struct gw_parameter *a, const struct gw_parameter *b)
{
    if (a->place != b->place)
        return false;
    return a->place == GW_IN_HEADER ? gw_str_equal_nocase(a->name, b->name)
                                    : gw_str_equal(a->name, b->name);
}

static const struct gw_parameter *find(const struct contract_parameters *list,
                                       const struct gw_parameter *parameter)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_same(&list->items[i], parameter))
            return &list->items[i];
    }
    return NULL;
}

struct contract_parameters contract_read_parameters(struct contract_loading *loading,
                                                    const struct gw_place *list,
                                                    const struct gw_path_template *path)
{
    struct contract_parameters parameters = {0};
    size_t count = json_array_size(list->value);

    if (count > CONTRACT_MAX_PARAMETERS) {
        contract_error(loading, list, "more than %d parameters", CONTRACT_MAX_PARAMETERS);
        return parameters;
    }
    parameters.items = contract_alloc(loading, count, sizeof(*parameters.items));
    for (size_t i = 0; parameters.items != NULL && i < count; i++) {
        struct gw_place item = gw_place_item(list, i);
        struct gw_parameter *parameter = &parameters.items[parameters.count];
        *parameter = (struct gw_parameter){0};
        if (!read_parameter(loading, &item, path, parameter))
            continue;
        if (find(&parameters, parameter) != NULL)
            contract_error(loading, &item, "the %.*s parameter \"%.*s\" comes twice",
                           GW_STR_ARG(places[parameter->place]), GW_STR_ARG(parameter->name));
        else
            parameters.count++;
    }
    return parameters;
}

struct contract_parameters contract_merge_parameters(struct contract_loading *loading,
                                                     struct contract_parameters item,
                                                     struct contract_parameters own)
{
    struct contract_parameters merged = {0};

    if (own.count == 0)
        return item;
    merged.items = contract_alloc(loading, item.count + own.count, sizeof(*merged.items));
    for (size_t i = 0; merged.items != NULL && i < item.count; i++) {
        if (find(&own, &item.items[i]) == NULL)
            merged.items[merged.count++] = item.items[i];
    }
    for (size_t i = 0; merged.items != NULL && i < own.count; i++)
        merged.items[merged.count++] = own.items[i];
    return merged;
}
