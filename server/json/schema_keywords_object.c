/* Keywords about objects: Core, section 10.3.2 and 11.3, and Validation, section 6.5. */
#include <errno.h>

#include "server/json/schema_compiler.h"

#define MAX_PROPERTIES 30000

/* Puts property `index` into the table, which has a free place. */
static void fill_slot(struct object_part *part, uint32_t index)
{
    uint32_t slot = part->properties[index].hash & part->slot_mask;

    while (part->slots[slot] != 0)
        slot = (slot + 1) & part->slot_mask;
    part->slots[slot] = (uint16_t)(index + 1);
}

static int grow_slots(const struct build *build, struct object_part *part)
{
    uint32_t size = part->slots == NULL ? 16 : (part->slot_mask + 1) * 2;

    part->slots = gw_arena_calloc(&build->compiler->set->arena, size, sizeof(*part->slots));
    if (part->slots == NULL)
        return schema_no_memory(build->error);
    part->slot_mask = size - 1;
    for (uint32_t i = 0; i < part->property_count; i++)
        fill_slot(part, i);
    return 0;
}

/* The index of the property `name`, added if it is new. */
static int find_property(const struct build *build, struct object_part *part, struct gw_str name,
                         uint32_t *out_index)
{
    uint16_t hash = gw_json_name_hash(name);
    struct gw_json_token token = {.type = GW_JSON_STRING,
                                  .flags = GW_JSON_NAME,
                                  .hash = hash,
                                  .len = (uint32_t)name.len,
                                  .ptr = name.ptr};
    uint32_t index = object_part_find(part, &token, schema_open_part(name));
    size_t capacity = part->property_capacity;

    *out_index = index;
    if (index != NODE_NONE)
        return 0;
    if (part->property_count == MAX_PROPERTIES)
        return gw_error_set(build->error, -EMSGSIZE, "a schema with more than %d properties",
                            MAX_PROPERTIES);
    if (part->slots == NULL || part->property_count * 4 >= (part->slot_mask + 1) * 2) {
        int rc = grow_slots(build, part);
        if (rc != 0)
            return rc;
    }
    struct property *properties = schema_grow(&build->compiler->set->arena, part->properties,
                                              part->property_count, &capacity, sizeof(*properties));
    struct gw_str own = schema_keep(build, name);
    if (properties == NULL || own.ptr == NULL)
        return schema_no_memory(build->error);
    part->properties = properties;
    part->property_capacity = (uint32_t)capacity;
    properties[part->property_count] =
        (struct property){.key = schema_token_key(&token),
                          .ends = reader_ends_of(name.ptr, name.len),
                          .name = own,
                          .place = (uint8_t)(part->property_count % 64),
                          .hash = hash};
    *out_index = part->property_count++;
    fill_slot(part, *out_index);
    return 0;
}

static int require_object(const struct build *build, uint32_t at)
{
    if (gw_json_type(build->tape, at) == GW_JSON_OBJECT)
        return 0;
    return schema_refuse(build, at, "%.*s must be an object", GW_STR_ARG(build->keyword));
}

int schema_kw_properties(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    int rc = part == NULL ? schema_no_memory(build->error) : require_object(build, at);

    while (rc == 0 && gw_json_step(build->tape, &cursor)) {
        struct schema_node *node = NULL;
        uint32_t index;
        rc = schema_child(build, cursor.value, &node);
        if (rc == 0)
            rc = find_property(build, part, gw_json_string(build->tape, cursor.name), &index);
        if (rc == 0)
            part->properties[index].node = node;
    }
    return rc;
}

int schema_kw_pattern_properties(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    int rc = part == NULL ? schema_no_memory(build->error) : require_object(build, at);

    if (rc != 0)
        return rc;
    part->patterns = gw_arena_calloc(&build->compiler->set->arena, gw_json_count(build->tape, at),
                                     sizeof(*part->patterns));
    if (part->patterns == NULL)
        return schema_no_memory(build->error);
    while (rc == 0 && gw_json_step(build->tape, &cursor)) {
        struct pattern_property *property = &part->patterns[part->pattern_count];
        property->text = schema_keep(build, gw_json_string(build->tape, cursor.name));
        if (property->text.ptr == NULL)
            return schema_no_memory(build->error);
        property->pattern = schema_pattern(build, property->text, cursor.value);
        if (property->pattern == NULL)
            return -EINVAL;
        rc = schema_child(build, cursor.value, &property->node);
        part->pattern_count += rc == 0;
    }
    return rc;
}

int schema_kw_additional_properties(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);

    return part == NULL ? schema_no_memory(build->error)
                        : schema_child(build, at, &part->additional);
}

int schema_kw_property_names(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);

    return part == NULL ? schema_no_memory(build->error) : schema_child(build, at, &part->names);
}

int schema_kw_unevaluated_properties(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);

    build->node->flags |= NODE_TRACKS;
    return part == NULL ? schema_no_memory(build->error)
                        : schema_child(build, at, &part->unevaluated);
}

/* The names in the array at `at`, as indexes of properties. */
static int list_names(const struct build *build, struct object_part *part, uint32_t at,
                      uint32_t **out_indexes, uint32_t *out_count)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    uint32_t count = 0;

    if (gw_json_type(build->tape, at) != GW_JSON_ARRAY)
        return schema_refuse(build, at, "%.*s must list names of properties in an array",
                             GW_STR_ARG(build->keyword));
    uint32_t *indexes = gw_arena_calloc(&build->compiler->set->arena,
                                        gw_json_count(build->tape, at), sizeof(*indexes));
    if (indexes == NULL)
        return schema_no_memory(build->error);
    while (gw_json_step(build->tape, &cursor)) {
        if (gw_json_type(build->tape, cursor.value) != GW_JSON_STRING)
            return schema_refuse(build, cursor.value, "the name of a property must be a string");
        int rc = find_property(build, part, gw_json_string(build->tape, cursor.value),
                               &indexes[count++]);
        if (rc != 0)
            return rc;
    }
    *out_indexes = indexes;
    *out_count = count;
    return 0;
}

/* Sets of properties are made when all names are known: until then `required` is a dependency
 * without a trigger. */
static int add_dependency(const struct build *build, struct object_part *part,
                          struct dependency dependency)
{
    size_t capacity = part->dependency_capacity;
    struct dependency *list = schema_grow(&build->compiler->set->arena, part->dependencies,
                                          part->dependency_count, &capacity, sizeof(*list));

    if (list == NULL)
        return schema_no_memory(build->error);
    part->dependencies = list;
    part->dependency_capacity = (uint32_t)capacity;
    list[part->dependency_count++] = dependency;
    return 0;
}

int schema_kw_required(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);
    struct dependency dependency = {.trigger = NODE_NONE};

    if (part == NULL)
        return schema_no_memory(build->error);
    int rc = list_names(build, part, at, &dependency.required, &dependency.count);
    return rc != 0 ? rc : add_dependency(build, part, dependency);
}

/* One member of a keyword that says what the presence of a property entails. */
static int add_dependent(const struct build *build, const struct gw_json_cursor *cursor,
                         bool is_schema, const char *keyword)
{
    struct object_part *part = schema_object_part(build);
    struct dependency dependency = {.keyword = keyword};

    if (part == NULL)
        return schema_no_memory(build->error);
    int rc =
        find_property(build, part, gw_json_string(build->tape, cursor->name), &dependency.trigger);
    if (rc == 0 && is_schema)
        rc = schema_child(build, cursor->value, &dependency.node);
    else if (rc == 0)
        rc = list_names(build, part, cursor->value, &dependency.required, &dependency.count);
    return rc != 0 ? rc : add_dependency(build, part, dependency);
}

static int add_dependents(const struct build *build, uint32_t at, bool is_schema,
                          const char *keyword)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    int rc = require_object(build, at);

    while (rc == 0 && gw_json_step(build->tape, &cursor))
        rc = add_dependent(build, &cursor, is_schema, keyword);
    return rc;
}

int schema_kw_dependent_required(const struct build *build, uint32_t at)
{
    return add_dependents(build, at, false, "dependentRequired");
}

int schema_kw_dependent_schemas(const struct build *build, uint32_t at)
{
    return add_dependents(build, at, true, "dependentSchemas");
}

/* The keyword that 2019-09 split in two. */
int schema_kw_dependencies(const struct build *build, uint32_t at)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    int rc = require_object(build, at);

    while (rc == 0 && gw_json_step(build->tape, &cursor)) {
        bool is_schema = gw_json_type(build->tape, cursor.value) != GW_JSON_ARRAY;
        rc = add_dependent(build, &cursor, is_schema, "dependencies");
    }
    return rc;
}

int schema_kw_min_properties(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);

    return part == NULL ? schema_no_memory(build->error)
                        : schema_unsigned(build, at, &part->min_properties);
}

int schema_kw_max_properties(const struct build *build, uint32_t at)
{
    struct object_part *part = schema_object_part(build);

    return part == NULL ? schema_no_memory(build->error)
                        : schema_unsigned(build, at, &part->max_properties);
}

int schema_finish_object(const struct build *build)
{
    struct object_part *part = build->node->object;
    uint32_t kept = 0;

    if (part == NULL)
        return 0;
    if (part->property_count == 0) { /* without a name, all there can be is `required: []` */
        part->dependency_count = 0;
        return 0;
    }
    part->words = (part->property_count + 63) / 64;
    part->required =
        gw_arena_calloc(&build->compiler->set->arena, part->words, sizeof(*part->required));
    if (part->required == NULL)
        return schema_no_memory(build->error);
    for (uint32_t i = 0; i < part->dependency_count; i++) {
        const struct dependency *dependency = &part->dependencies[i];
        if (dependency->trigger != NODE_NONE) {
            part->dependencies[kept++] = *dependency;
            continue;
        }
        for (uint32_t j = 0; j < dependency->count; j++)
            part->required[dependency->required[j] / 64] |= UINT64_C(1)
                                                            << (dependency->required[j] % 64);
    }
    part->dependency_count = kept;
    part->required_request = part->required;
    part->required_response = part->required;
    return 0;
}
