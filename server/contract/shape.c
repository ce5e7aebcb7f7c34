/* Shapes are collected from the document, not from the compiled schema: what matters is what an
 * author can write in a parameter's schema, through references and allOf, anyOf and oneOf. */
#include "server/contract/shape.h"

#include "loading.h"
#include "server/json/reader.h"

#define MAX_LEVELS 4    /* of arrays and objects in each other */
#define MAX_VISITS 2000 /* schemas looked at for one shape; what is beyond is read as any */
#define MAX_MEMBERS 200 /* of one object; further ones are read as others */

#define STRING (1u << GW_JSON_STRING)
#define NUMBER (1u << GW_JSON_NUMBER)
#define BOOLEAN (1u << GW_JSON_TRUE | 1u << GW_JSON_FALSE)
#define ARRAY (1u << GW_JSON_ARRAY)
#define OBJECT (1u << GW_JSON_OBJECT)
#define NIL (1u << GW_JSON_NULL)

struct shape_search {
    struct contract_loading *loading;
    unsigned visits;
    unsigned levels;
};

static struct gw_shape read_shape(struct shape_search *search, const struct gw_place *schema);

const struct gw_shape *gw_shape_named_member(const struct gw_shape *shape, struct gw_str name)
{
    for (size_t i = 0; i < shape->member_count; i++) {
        if (gw_str_equal(shape->members[i].name, name))
            return &shape->members[i].shape;
    }
    return NULL;
}

const struct gw_shape *gw_shape_member(const struct gw_shape *shape, struct gw_str name)
{
    const struct gw_shape *member = gw_shape_named_member(shape, name);
    return member != NULL ? member : shape->others;
}

/* --- types ------------------------------------------------------------------------------------ */

static unsigned type_of_name(const char *name)
{
    static const struct {
        const char *name;
        unsigned types;
    } names[] = {
        {"string", STRING}, {"integer", NUMBER | GW_SHAPE_INTEGER},
        {"number", NUMBER}, {"boolean", BOOLEAN},
        {"array", ARRAY},   {"object", OBJECT},
        {"null", NIL},
    };

    for (size_t i = 0; name != NULL && i < GW_COUNT_OF(names); i++) {
        if (strcmp(names[i].name, name) == 0)
            return names[i].types;
    }
    return 0;
}

/* "integer" and "number" together are "number". */
static unsigned join_types(unsigned a, unsigned b)
{
    bool is_integer = ((a & NUMBER) == 0 || (a & GW_SHAPE_INTEGER) != 0) &&
                      ((b & NUMBER) == 0 || (b & GW_SHAPE_INTEGER) != 0) && ((a | b) & NUMBER) != 0;
    unsigned types = (a | b) & GW_SHAPE_ANY;
    return is_integer ? types | GW_SHAPE_INTEGER : types;
}

static unsigned intersect_types(unsigned a, unsigned b)
{
    unsigned types = a & b & GW_SHAPE_ANY;
    unsigned is_integer = (a | b) & GW_SHAPE_INTEGER;
    return (types & NUMBER) != 0 ? types | is_integer : types;
}

static unsigned type_of_value(const json_t *value)
{
    static const unsigned types[] = {
        [JSON_OBJECT] = OBJECT,  [JSON_ARRAY] = ARRAY, [JSON_STRING] = STRING,
        [JSON_INTEGER] = NUMBER, [JSON_REAL] = NUMBER, [JSON_TRUE] = BOOLEAN,
        [JSON_FALSE] = BOOLEAN,  [JSON_NULL] = NIL,
    };
    return types[json_typeof(value)];
}

static unsigned types_of_values(const json_t *values)
{
    unsigned types = 0;
    size_t index;
    json_t *value;

    json_array_foreach(values, index, value) types |= type_of_value(value);
    return types != 0 ? types : GW_SHAPE_ANY;
}

static bool has_any(const json_t *schema, const char *const *keywords)
{
    for (; *keywords != NULL; keywords++) {
        if (json_object_get(schema, *keywords) != NULL)
            return true;
    }
    return false;
}

/* Without `type`, the keywords tell what the author thinks of. Otherwise a text could be read as a
 * number and so slip past its pattern. */
static unsigned guess_types(const json_t *schema)
{
    static const char *const of_strings[] = {"pattern", "minLength", "maxLength", "format", NULL};
    static const char *const of_numbers[] = {"minimum",          "maximum",    "exclusiveMinimum",
                                             "exclusiveMaximum", "multipleOf", NULL};
    static const char *const of_arrays[] = {"items",    "prefixItems", "minItems",
                                            "maxItems", "uniqueItems", NULL};
    static const char *const of_objects[] = {"properties", "required", "additionalProperties",
                                             NULL};
    unsigned types = 0;

    types |= has_any(schema, of_strings) ? STRING : 0;
    types |= has_any(schema, of_numbers) ? NUMBER : 0;
    types |= has_any(schema, of_arrays) ? ARRAY : 0;
    types |= has_any(schema, of_objects) ? OBJECT : 0;
    return types != 0 ? types : GW_SHAPE_ANY;
}

static unsigned own_types(const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type");
    const json_t *constant = json_object_get(schema, "const");
    unsigned types = 0;
    size_t index;
    json_t *name;

    if (json_is_string(type))
        types = type_of_name(json_string_value(type));
    json_array_foreach(type, index, name) types =
        join_types(types, type_of_name(json_string_value(name)));
    if (types != 0)
        return json_is_true(json_object_get(schema, "nullable")) ? types | NIL : types;
    if (constant != NULL)
        return type_of_value(constant);
    if (json_is_array(json_object_get(schema, "enum")))
        return types_of_values(json_object_get(schema, "enum"));
    return guess_types(schema);
}

/* --- parts ------------------------------------------------------------------------------------ */

static const struct gw_shape *keep(struct shape_search *search, struct gw_shape shape)
{
    struct gw_shape *kept = contract_alloc(search->loading, 1, sizeof(*kept));

    if (kept != NULL)
        *kept = shape;
    return kept;
}

static void read_members(struct shape_search *search, const struct gw_place *properties,
                         struct gw_shape *shape)
{
    json_t *object = (json_t *)(uintptr_t)properties->value;
    size_t count = json_object_size(object);
    const char *key;
    json_t *value;

    if (count == 0)
        return;
    struct gw_shape_member *members = contract_alloc(
        search->loading, count < MAX_MEMBERS ? count : MAX_MEMBERS, sizeof(*members));
    if (members == NULL)
        return;
    json_object_foreach(object, key, value)
    {
        struct gw_place member = gw_place_member(properties, key);
        if (shape->member_count == MAX_MEMBERS)
            break;
        members[shape->member_count++] = (struct gw_shape_member){
            contract_copy(search->loading, gw_str_of(key)), read_shape(search, &member)};
    }
    shape->members = members;
}

static void read_parts(struct shape_search *search, const struct gw_place *schema,
                       struct gw_shape *shape)
{
    struct gw_place items = gw_place_member(schema, "items");
    struct gw_place properties = gw_place_member(schema, "properties");
    struct gw_place others = gw_place_member(schema, "additionalProperties");

    if (search->levels == MAX_LEVELS)
        return;
    search->levels++;
    if (json_is_object(items.value) && json_object_get(schema->value, "prefixItems") == NULL)
        shape->items = keep(search, read_shape(search, &items));
    read_members(search, &properties, shape);
    if (json_is_object(others.value))
        shape->others = keep(search, read_shape(search, &others));
    shape->is_closed = json_is_false(others.value);
    search->levels--;
}

static void join_members(struct shape_search *search, struct gw_shape *shape,
                         const struct gw_shape *more)
{
    size_t room = shape->member_count + more->member_count;
    struct gw_shape_member *members;

    if (more->member_count == 0)
        return;
    members = contract_alloc(search->loading, room, sizeof(*members));
    if (members == NULL)
        return;
    if (shape->member_count > 0)
        memcpy(members, shape->members, shape->member_count * sizeof(*members));
    size_t count = shape->member_count;
    for (size_t i = 0; i < more->member_count && count < MAX_MEMBERS; i++) {
        if (gw_shape_named_member(shape, more->members[i].name) == NULL)
            members[count++] = more->members[i];
    }
    shape->members = members;
    shape->member_count = count;
}

static void join(struct shape_search *search, struct gw_shape *shape, const struct gw_shape *more)
{
    join_members(search, shape, more);
    shape->items = shape->items != NULL ? shape->items : more->items;
    shape->others = shape->others != NULL ? shape->others : more->others;
    shape->is_closed = shape->is_closed || more->is_closed;
}

/* allOf narrows the types; the alternatives of anyOf and oneOf together do. */
static void read_branches(struct shape_search *search, const struct gw_place *schema,
                          const char *keyword, bool is_all, struct gw_shape *shape)
{
    struct gw_place list = gw_place_member(schema, keyword);
    size_t count = json_array_size(list.value);
    unsigned types = 0;

    for (size_t i = 0; i < count; i++) {
        struct gw_place item = gw_place_item(&list, i);
        struct gw_shape branch = read_shape(search, &item);
        if (is_all)
            shape->types = intersect_types(shape->types, branch.types);
        types = join_types(types, branch.types);
        join(search, shape, &branch);
    }
    if (!is_all && count > 0)
        shape->types = intersect_types(shape->types, types);
}

static struct gw_shape read_shape(struct shape_search *search, const struct gw_place *schema)
{
    struct gw_shape shape = {.types = GW_SHAPE_ANY};
    struct gw_place target;

    if (!json_is_object(schema->value) || search->visits == MAX_VISITS)
        return shape;
    search->visits++;
    if (gw_reference_resolver_follow_schema(&search->loading->resolver, schema, &target) != 0)
        return shape;
    shape.types = own_types(target.value);
    /* What stands beside $ref counts too, but in OpenAPI 3.0. */
    if (target.value != schema->value && search->loading->is_31)
        shape.types = intersect_types(shape.types, own_types(schema->value));
    read_parts(search, &target, &shape);
    read_branches(search, &target, "allOf", true, &shape);
    read_branches(search, &target, "anyOf", false, &shape);
    read_branches(search, &target, "oneOf", false, &shape);
    if ((shape.types & GW_SHAPE_ANY) == 0)
        shape.types = GW_SHAPE_ANY; /* nothing fits: let the schema say so */
    return shape;
}

struct gw_shape contract_read_shape(struct contract_loading *loading, const struct gw_place *schema)
{
    struct shape_search search = {.loading = loading};
    return read_shape(&search, schema);
}
