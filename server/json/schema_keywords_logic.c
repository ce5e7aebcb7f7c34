/* Keywords that apply other schemas to the same value: Core, sections 8.2.3 and 10.2; and OpenAPI's
 * discriminator. */
#include <errno.h>

#include "server/json/pointer.h"
#include "server/json/schema_compiler.h"

#define COMPONENTS "#/components/schemas/"

static int require_reference(const struct build *build, uint32_t at, struct gw_str *out_text)
{
    if (gw_json_type(build->tape, at) != GW_JSON_STRING)
        return schema_refuse(build, at, "%.*s must be a string", GW_STR_ARG(build->keyword));
    *out_text = gw_json_string(build->tape, at);
    return 0;
}

static int follow(const struct build *build, uint32_t at, struct gw_str reference,
                  struct document **out_document, uint32_t *out_at)
{
    int rc = schema_resolve(build->compiler, build->resource, reference, out_document, out_at,
                            build->error);

    if (rc == 0 || build->error->where[0] != '\0')
        return rc;
    char text[sizeof(build->error->text)];
    memcpy(text, build->error->text, sizeof(text));
    return schema_refuse_at(build->compiler, build->resource->document, at, rc, build->error, "%s",
                            text);
}

int schema_kw_ref(const struct build *build, uint32_t at)
{
    struct rest_part *rest = schema_rest_part(build);
    struct document *document = NULL;
    struct gw_str reference;
    uint32_t target = 0;

    if (rest == NULL)
        return schema_no_memory(build->error);
    int rc = require_reference(build, at, &reference);
    if (rc == 0)
        rc = follow(build, at, reference, &document, &target);
    if (rc != 0)
        return rc;
    return schema_node_at(build->compiler, document, target, &rest->ref, build->error);
}

/* The id of a name that $dynamicRef asks for, the same for all who ask. */
static uint32_t name_id(struct gw_schema_compiler *compiler, struct gw_str name)
{
    size_t capacity = compiler->anchor_name_capacity;

    for (uint32_t i = 0; i < compiler->anchor_name_count; i++) {
        if (gw_str_equal(compiler->anchor_names[i], name))
            return i;
    }
    struct gw_str *names = schema_grow(&compiler->arena, compiler->anchor_names,
                                       compiler->anchor_name_count, &capacity, sizeof(*names));
    if (names == NULL)
        return NODE_NONE;
    compiler->anchor_names = names;
    compiler->anchor_name_capacity = (uint32_t)capacity;
    names[compiler->anchor_name_count] = name;
    return compiler->anchor_name_count++;
}

static int dynamic_ref(const struct build *build, uint32_t at, struct gw_str name)
{
    struct rest_part *rest = schema_rest_part(build);
    struct document *document = NULL;
    struct gw_str reference;
    uint32_t target = 0;

    if (rest == NULL)
        return schema_no_memory(build->error);
    int rc = require_reference(build, at, &reference);
    if (rc == 0)
        rc = follow(build, at, reference, &document, &target);
    if (rc != 0)
        return rc;
    rc = schema_node_at(build->compiler, document, target, &rest->dynamic, build->error);
    if (rc != 0)
        return rc;
    /* Only if the plain target is itself a dynamic anchor of that name does the scope decide. */
    const struct anchor *anchor = schema_find_anchor(schema_resource_of(document, target), name);
    rest->dynamic_anchor = NODE_NONE;
    if (anchor == NULL || !anchor->is_dynamic || anchor->at != target)
        return 0;
    build->compiler->set->has_dynamic = true;
    rest->dynamic_anchor = name_id(build->compiler, anchor->name);
    return rest->dynamic_anchor == NODE_NONE ? schema_no_memory(build->error) : 0;
}

int schema_kw_dynamic_ref(const struct build *build, uint32_t at)
{
    struct gw_str text = gw_json_type(build->tape, at) == GW_JSON_STRING
                             ? gw_json_string(build->tape, at)
                             : (struct gw_str){NULL, 0};
    size_t hash = gw_str_find(text, '#');

    return dynamic_ref(build, at, gw_str_tail(text, hash + (hash < text.len)));
}

int schema_kw_recursive_ref(const struct build *build, uint32_t at)
{
    return dynamic_ref(build, at, GW_STR(""));
}

#define LIST_KEYWORD(name)                                               \
    int schema_kw_##name(const struct build *build, uint32_t at)         \
    {                                                                    \
        struct rest_part *rest = schema_rest_part(build);                \
        return rest == NULL ? schema_no_memory(build->error)             \
                            : schema_child_list(build, at, &rest->name); \
    }

LIST_KEYWORD(all_of)
LIST_KEYWORD(any_of)
LIST_KEYWORD(one_of)

#define NODE_KEYWORD(name)                                                 \
    int schema_kw_##name(const struct build *build, uint32_t at)           \
    {                                                                      \
        struct rest_part *rest = schema_rest_part(build);                  \
        return rest == NULL ? schema_no_memory(build->error)               \
                            : schema_child(build, at, &rest->name##_node); \
    }

NODE_KEYWORD(not )
NODE_KEYWORD(if)
NODE_KEYWORD(then)
NODE_KEYWORD(else)

static int add_case(const struct build *build, struct discriminator *discriminator,
                    size_t *capacity, struct gw_str value, struct schema_node *node)
{
    struct discriminator_case *cases =
        schema_grow(&build->compiler->set->arena, discriminator->cases, discriminator->count,
                    capacity, sizeof(*cases));
    struct gw_str own = schema_keep(build, value);

    if (cases == NULL || own.ptr == NULL)
        return schema_no_memory(build->error);
    discriminator->cases = cases;
    cases[discriminator->count++] = (struct discriminator_case){own, node};
    return 0;
}

/* What stands behind the last '/' of a reference: the name that the schema has by itself. */
static struct gw_str last_segment(struct gw_str reference)
{
    size_t start = reference.len;

    while (start > 0 && reference.ptr[start - 1] != '/')
        start--;
    return gw_str_tail(reference, start);
}

/* A mapping's value is the name of a component or a reference. */
static int add_mapping(const struct build *build, struct discriminator *discriminator,
                       size_t *capacity, const struct gw_json_cursor *cursor)
{
    struct document *document = NULL;
    struct gw_str reference;
    uint32_t target = 0;

    int rc = require_reference(build, cursor->value, &reference);
    if (rc != 0)
        return rc;
    if (gw_str_find(reference, '/') == reference.len &&
        gw_str_find(reference, '.') == reference.len)
        reference =
            gw_arena_printf(&build->compiler->arena, COMPONENTS "%.*s", GW_STR_ARG(reference));
    if (reference.ptr == NULL)
        return schema_no_memory(build->error);
    struct schema_node *node = NULL;
    rc = follow(build, cursor->value, reference, &document, &target);
    if (rc == 0)
        rc = schema_node_at(build->compiler, document, target, &node, build->error);
    if (rc != 0)
        return rc;
    return add_case(build, discriminator, capacity, gw_json_string(build->tape, cursor->name),
                    node);
}

/* The alternatives at `list` by the names they are referred to. *out_is_open when one has no name.
 */
static int add_alternatives(const struct build *build, struct discriminator *discriminator,
                            size_t *capacity, uint32_t list, bool *out_is_open)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, list);
    int rc = 0;

    while (rc == 0 && gw_json_step(build->tape, &cursor)) {
        uint32_t ref = gw_json_get(build->tape, cursor.value, GW_STR("$ref"));
        struct document *document = NULL;
        struct gw_str reference;
        struct schema_node *node = NULL;
        uint32_t target = 0;
        if (ref == GW_JSON_NONE) {
            *out_is_open = true;
            continue;
        }
        rc = require_reference(build, ref, &reference);
        if (rc == 0)
            rc = follow(build, ref, reference, &document, &target);
        if (rc == 0)
            rc = schema_node_at(build->compiler, document, target, &node, build->error);
        if (rc == 0)
            rc = add_case(build, discriminator, capacity, last_segment(reference), node);
    }
    return rc;
}

/* It chooses among the alternatives of oneOf or anyOf. Without these it says nothing about validity
 * (OpenAPI 3.0.4 and 3.1.1, Discriminator Object). */
int schema_kw_discriminator(const struct build *build, uint32_t at)
{
    uint32_t list = gw_json_get(build->tape, build->at, GW_STR("oneOf"));
    uint32_t name = gw_json_get(build->tape, at, GW_STR("propertyName"));
    uint32_t mapping = gw_json_get(build->tape, at, GW_STR("mapping"));
    size_t capacity = 0;
    bool is_open = false;
    int rc = 0;

    if (list == GW_JSON_NONE)
        list = gw_json_get(build->tape, build->at, GW_STR("anyOf"));
    if (name == GW_JSON_NONE || gw_json_type(build->tape, name) != GW_JSON_STRING)
        return schema_refuse(build, at, "a discriminator must have a propertyName");
    if (list == GW_JSON_NONE)
        return 0;
    struct rest_part *rest = schema_rest_part(build);
    struct discriminator *discriminator =
        gw_arena_calloc(&build->compiler->set->arena, 1, sizeof(*discriminator));
    if (rest == NULL || discriminator == NULL)
        return schema_no_memory(build->error);
    discriminator->property = schema_keep(build, gw_json_string(build->tape, name));
    if (discriminator->property.ptr == NULL)
        return schema_no_memory(build->error);
    if (mapping != GW_JSON_NONE) { /* first: it comes before the names */
        struct gw_json_cursor cursor = gw_json_begin(build->tape, mapping);
        if (!cursor.is_object)
            return schema_refuse(build, mapping, "a discriminator's mapping must be an object");
        while (rc == 0 && gw_json_step(build->tape, &cursor))
            rc = add_mapping(build, discriminator, &capacity, &cursor);
    }
    if (rc == 0)
        rc = add_alternatives(build, discriminator, &capacity, list, &is_open);
    if (rc == 0 && !is_open)
        rest->discriminator = discriminator;
    return rc;
}
