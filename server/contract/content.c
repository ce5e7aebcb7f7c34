/* The media types of a body (OpenAPI: "Media Type Object", "Encoding Object"). Schemas are compiled
 * for what the gateway can read: JSON, form fields, and ranges that may turn out to be these. */
#include "loading.h"

#include "server/contract/media.h"

static bool has_range(const struct gw_media_type *types, size_t count, struct gw_str range)
{
    for (size_t i = 0; i < count; i++) {
        if (gw_str_equal(types[i].range, range))
            return true;
    }
    return false;
}

static bool is_form(struct gw_str range)
{
    return gw_str_equal(range, GW_STR("application/x-www-form-urlencoded")) ||
           gw_str_equal(range, GW_STR("multipart/form-data"));
}

static bool is_range(struct gw_str range)
{
    return gw_str_find(range, '*') < range.len;
}

/* --- encodings of form fields --- */

/* "image/png, image/jpeg" */
static void read_content_types(struct contract_loading *loading, const struct gw_place *encoding,
                               struct gw_field_encoding *out)
{
    struct gw_place place = gw_place_member(encoding, "contentType");
    struct gw_str rest = gw_str_of(json_string_value(place.value));
    struct gw_str part, range;
    size_t room = 1;

    if (rest.len == 0)
        return;
    for (size_t i = 0; i < rest.len; i++)
        room += rest.ptr[i] == ',';
    struct gw_str *types = contract_alloc(loading, room, sizeof(*types));
    if (types == NULL)
        return;
    while (gw_str_split(&rest, ',', &part)) {
        if (gw_media_parse(part, &range))
            types[out->media_type_count++] = contract_lower(loading, range);
        else
            contract_error(loading, &place, "\"%.*s\" is no media type", GW_STR_ARG(part));
    }
    out->media_types = types;
}

static void read_encoding(struct contract_loading *loading, const struct gw_place *place,
                          const struct gw_media_type *type, struct gw_field_encoding *out)
{
    static const char *const of_style[] = {"style", "explode", "allowReserved"};

    if (!contract_check_object(loading, place, CONTRACT_ENCODING))
        return;
    out->name = contract_copy(loading, gw_str_of(place->key));
    if (type->shape.member_count > 0 && type->shape.is_closed &&
        gw_shape_named_member(&type->shape, out->name) == NULL)
        gw_place_report_key(&loading->resolver, place, GW_SEVERITY_WARNING,
                            "the schema has no property \"%.80s\"", place->key);
    read_content_types(loading, place, out);
    contract_read_style(loading, place, GW_IN_QUERY, &out->style, &out->explode);
    for (size_t i = 0; i < GW_COUNT_OF(of_style); i++)
        out->has_style = out->has_style || json_object_get(place->value, of_style[i]) != NULL;
}

static void read_encodings(struct contract_loading *loading, const struct gw_place *media,
                           struct gw_media_type *type)
{
    struct gw_place list = gw_place_member(media, "encoding");
    size_t count = json_object_size(list.value);
    const char *key;
    json_t *value;

    if (count == 0)
        return;
    struct gw_field_encoding *encodings = contract_alloc(loading, count, sizeof(*encodings));
    if (encodings == NULL)
        return;
    json_t *object = (json_t *)(uintptr_t)list.value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(&list, key);
        read_encoding(loading, &entry, type, &encodings[type->encoding_count++]);
    }
    type->encodings = encodings;
}

/* --- media types --- */

static bool read_media_type(struct contract_loading *loading, const struct gw_place *entry,
                            struct gw_media_type *type)
{
    struct gw_place media;

    type->schema = GW_NO_SCHEMA;
    type->shape.types = GW_SHAPE_ANY;
    if (!contract_read_media_range(loading, entry, &type->range) ||
        gw_reference_resolver_follow(&loading->resolver, entry, &media) != 0 ||
        !contract_check_object(loading, &media, CONTRACT_MEDIA_TYPE))
        return false;
    struct gw_place schema = gw_place_member(&media, "schema");
    if (gw_media_is_json(type->range) || is_form(type->range) || is_range(type->range))
        type->schema = contract_add_schema(loading, &schema);
    if (is_form(type->range) || is_range(type->range)) {
        type->shape = contract_read_shape(loading, &schema);
        read_encodings(loading, &media, type);
    }
    return true;
}

const struct gw_media_type *contract_read_media_types(struct contract_loading *loading,
                                                      const struct gw_place *content,
                                                      size_t *out_count)
{
    size_t count = json_object_size(content->value);
    const char *key;
    json_t *value;

    *out_count = 0;
    if (count == 0)
        return NULL;
    struct gw_media_type *types = contract_alloc(loading, count, sizeof(*types));
    if (types == NULL)
        return NULL;
    json_t *object = (json_t *)(uintptr_t)content->value;
    json_object_foreach(object, key, value)
    {
        struct gw_place entry = gw_place_member(content, key);
        struct gw_media_type type = {0};
        if (!read_media_type(loading, &entry, &type))
            continue;
        if (has_range(types, *out_count, type.range))
            contract_warn(loading, &entry,
                          "\"%.*s\" is there already: parameters of a media type do "
                          "not tell bodies apart",
                          GW_STR_ARG(type.range));
        else
            types[(*out_count)++] = type;
    }
    return types;
}
