#include "policies/schema/form.h"

#include <errno.h>

#include "server/contract/parameter_value.h"
#include "server/core/arena.h"
#include "server/core/buf.h"
#include "server/core/utf8.h"
#include "server/json/pointer.h"

#define ARRAY (1u << GW_JSON_ARRAY)
#define OBJECT (1u << GW_JSON_OBJECT)

struct form_reading {
    const struct body_rules *rules;
    const struct gw_media_type *type;
    struct form_fields *fields;
    struct gw_value_tape *tape;
    struct violations *list;
};

static const struct gw_shape any_shape = {.types = GW_SHAPE_ANY};

int form_read(struct gw_str body, struct gw_arena *arena, struct form_fields *out_fields)
{
    struct form_fields fields = {NULL, 0, {NULL, 0, GW_PERCENT_QUERY}};
    int rc = gw_pairs_read_query(body, arena, &fields.pairs);

    if (rc == 0 && fields.pairs.count > 0) {
        fields.items = gw_arena_calloc(arena, fields.pairs.count, sizeof(*fields.items));
        rc = fields.items == NULL ? -ENOMEM : 0;
    }
    for (size_t i = 0; rc == 0 && i < fields.pairs.count; i++) {
        const struct gw_pair *pair = &fields.pairs.items[i];
        struct form_field *field = &fields.items[fields.count++];
        field->name = pair->name;
        field->hash = pair->hash;
        rc = gw_percent_decode(pair->value, GW_PERCENT_QUERY, arena, &field->value);
    }
    if (rc == 0)
        *out_fields = fields;
    return rc;
}

/* --- what the contract says of a field -------------------------------------------------------- */

static const struct gw_field_encoding *find_encoding(const struct gw_media_type *type,
                                                     struct gw_str name)
{
    for (size_t i = 0; i < type->encoding_count; i++) {
        if (gw_str_equal(type->encodings[i].name, name))
            return &type->encodings[i];
    }
    return NULL;
}

static bool is_kind(const struct gw_shape *shape, unsigned kind)
{
    bool is_any = (shape->types & GW_SHAPE_ANY) == GW_SHAPE_ANY;
    return !is_any && (shape->types & kind) != 0;
}

static void add_flaw(const struct form_reading *reading, struct gw_str name, struct gw_str keyword,
                     struct gw_str detail)
{
    struct violation violation = {.in = VIOLATION_IN_BODY, .keyword = keyword, .detail = detail};
    struct gw_buf pointer;

    gw_buf_init(&pointer, 4096);
    gw_pointer_append(&pointer, name);
    if (!pointer.has_failed)
        violation.pointer = gw_arena_copy(reading->list->arena, gw_buf_str(&pointer));
    gw_buf_finish(&pointer);
    violations_add(reading->list, &violation);
}

/* What a part says it is must be what the contract says; a part that says nothing is taken as that.
 */
static bool is_offered(const struct gw_field_encoding *encoding, const struct form_field *field)
{
    if (encoding == NULL || encoding->media_type_count == 0 || field->content_type.len == 0)
        return true;
    for (size_t i = 0; i < encoding->media_type_count; i++) {
        if (media_type_is_in(field->content_type, encoding->media_types[i]))
            return true;
    }
    return false;
}

static bool is_json_field(const struct gw_field_encoding *encoding, const struct form_field *field,
                          const struct gw_shape *shape)
{
    if (field->content_type.len > 0)
        return media_type_kind(field->content_type) == MEDIA_JSON;
    if (encoding != NULL && encoding->media_type_count > 0)
        return media_type_kind(encoding->media_types[0]) == MEDIA_JSON;
    return is_kind(shape, OBJECT);
}

/* --- values ----------------------------------------------------------------------------------- */

static void add_json(const struct form_reading *reading, const struct form_field *field)
{
    struct violation where = {.in = VIOLATION_IN_BODY, .name = field->name};
    struct gw_json_error error;
    struct gw_json_tape value;
    int rc =
        gw_json_read(reading->list->arena, field->value, &reading->rules->json, &value, &error);

    if (rc == -ENOMEM)
        gw_value_tape_fail(reading->tape, rc);
    else if (rc != 0)
        violations_add_json_error(reading->list, &where, &error);
    else if (value.has_duplicates && !reading->rules->allows_duplicates)
        add_flaw(reading, field->name, GW_STR("duplicate"),
                 GW_STR("has an object with a name that comes twice"));
    if (rc == 0)
        gw_value_tape_add_tape(reading->tape, &value);
    else
        gw_value_tape_add_string(reading->tape,
                                 GW_STR("")); /* the tape stays whole; it is refused */
}

/* One character for each byte (ISO 8859-1). */
static void add_bytes(const struct form_reading *reading, struct gw_str bytes)
{
    char *out = gw_arena_alloc(reading->list->arena, 2 * bytes.len);
    size_t len = 0;

    if (out == NULL) {
        gw_value_tape_fail(reading->tape, -ENOMEM);
        return;
    }
    for (size_t i = 0; i < bytes.len; i++)
        len += gw_utf8_encode((unsigned char)bytes.ptr[i], out + len);
    gw_value_tape_add_string(reading->tape, gw_str_from(out, len));
}

static void add_value(const struct form_reading *reading, const struct form_field *field,
                      const struct gw_field_encoding *encoding, const struct gw_shape *shape)
{
    if (!is_offered(encoding, field))
        add_flaw(reading, field->name, GW_STR("contentType"),
                 GW_STR("has a Content-Type that the contract does not offer for it"));
    if (is_json_field(encoding, field, shape))
        add_json(reading, field);
    else if (!gw_utf8_is_valid(field->value))
        add_bytes(reading, field->value);
    else
        gw_value_tape_add_text(reading->tape, field->value, shape->types);
}

static size_t next_of_name(const struct form_fields *fields, size_t from,
                           const struct form_field *as)
{
    while (from < fields->count && (fields->items[from].hash != as->hash ||
                                    !gw_str_equal(fields->items[from].name, as->name)))
        from++;
    return from;
}

static void add_all(const struct form_reading *reading, size_t first,
                    const struct gw_field_encoding *encoding, const struct gw_shape *shape)
{
    const struct form_fields *fields = reading->fields;
    const struct gw_shape *items = shape->items != NULL ? shape->items : &any_shape;
    uint32_t opened = gw_value_tape_open(reading->tape, GW_JSON_ARRAY);
    uint32_t count = 0;

    for (size_t i = first; i < fields->count;
         i = next_of_name(fields, i + 1, &fields->items[first])) {
        add_value(reading, &fields->items[i], encoding, items);
        count++;
    }
    gw_value_tape_close(reading->tape, opened, count);
}

static void add_property(const struct form_reading *reading, size_t at)
{
    const struct form_field *field = &reading->fields->items[at];
    const struct gw_shape *shape = gw_shape_member(&reading->type->shape, field->name);
    const struct gw_field_encoding *encoding = find_encoding(reading->type, field->name);
    bool is_last = next_of_name(reading->fields, at + 1, field) == reading->fields->count;

    shape = shape != NULL ? shape : &any_shape;
    gw_value_tape_add_name(reading->tape, field->name);
    /* A list may also come as one JSON text, where the contract or the part says so. */
    bool is_list = is_kind(shape, ARRAY) && !(is_last && is_json_field(encoding, field, shape));
    if (is_list) {
        add_all(reading, at, encoding, shape);
        return;
    }
    if (!is_last)
        add_flaw(reading, field->name, GW_STR("duplicate"), GW_STR("may be given only once"));
    add_value(reading, field, encoding, shape);
}

/* --- properties with a style: written as a query parameter is --------------------------------- */

static uint32_t add_styled(const struct form_reading *reading,
                           const struct gw_field_encoding *encoding)
{
    const struct gw_shape *shape = gw_shape_member(&reading->type->shape, encoding->name);
    struct gw_parameter *parameter = gw_arena_calloc(reading->list->arena, 1, sizeof(*parameter));
    struct gw_parameter_source source = {.pairs = &reading->fields->pairs};
    struct gw_value_tape *tape = reading->tape;
    struct gw_value_tape value;
    struct gw_json_tape found;

    if (parameter == NULL) {
        gw_value_tape_fail(tape, -ENOMEM);
        return 0;
    }
    *parameter = (struct gw_parameter){
        .name = encoding->name,
        .place = GW_IN_QUERY,
        .style = encoding->style,
        .explode = encoding->explode,
        .shape = shape != NULL ? *shape : any_shape,
    };
    gw_value_tape_init(&value, reading->list->arena, tape->prefers_strings);
    int rc = gw_parameter_read(parameter, &source, &value);
    if (rc == 0)
        rc = gw_value_tape_finish(&value, &found);
    if (rc == -ENOENT)
        return 0;
    if (rc == -ENOMEM)
        gw_value_tape_fail(tape, rc);
    else if (rc != 0)
        add_flaw(reading, encoding->name, GW_STR("style"),
                 GW_STR("is not written in the style of the contract"));
    if (rc != 0)
        return 0;
    gw_value_tape_add_name(tape, encoding->name);
    gw_value_tape_add_tape(tape, &found);
    tape->is_ambiguous = tape->is_ambiguous || value.is_ambiguous;
    return 1;
}

static bool is_taken(const struct form_fields *fields, size_t at)
{
    return at < fields->pairs.count && fields->pairs.items[at].user != NULL;
}

void form_add_object(const struct body_rules *rules, const struct gw_media_type *type,
                     struct form_fields *fields, struct gw_value_tape *tape,
                     struct violations *list)
{
    const struct form_reading reading = {rules, type, fields, tape, list};
    uint32_t opened = gw_value_tape_open(tape, GW_JSON_OBJECT);
    uint32_t count = 0;

    for (size_t i = 0; fields->pairs.count > 0 && i < type->encoding_count; i++) {
        if (type->encodings[i].has_style)
            count += add_styled(&reading, &type->encodings[i]);
    }
    for (size_t i = 0; i < fields->count; i++) {
        if (is_taken(fields, i) || next_of_name(fields, 0, &fields->items[i]) < i)
            continue;
        add_property(&reading, i);
        count++;
    }
    gw_value_tape_close(tape, opened, count);
}
