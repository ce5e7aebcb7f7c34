/* Keywords about numbers and strings, and those that list values: Validation, sections 6.1 to 6.3.
 */
#include <errno.h>

#include "server/json/schema_compiler.h"
#include "server/json/tape_write.h"

static const struct {
    struct gw_str name;
    uint8_t types, flags;
} type_names[] = {
    {GW_STR_INIT("null"), 1 << GW_JSON_NULL, 0},
    {GW_STR_INIT("boolean"), 1 << GW_JSON_FALSE | 1 << GW_JSON_TRUE, 0},
    {GW_STR_INIT("number"), 1 << GW_JSON_NUMBER, 0},
    {GW_STR_INIT("integer"), 1 << GW_JSON_NUMBER, NODE_INTEGER},
    {GW_STR_INIT("string"), 1 << GW_JSON_STRING, 0},
    {GW_STR_INIT("array"), 1 << GW_JSON_ARRAY, 0},
    {GW_STR_INIT("object"), 1 << GW_JSON_OBJECT, 0},
};

static int add_type(const struct build *build, uint32_t at, unsigned *types, unsigned *integer)
{
    bool is_30 = build->resource->draft == DRAFT_OPENAPI_30;

    if (gw_json_type(build->tape, at) != GW_JSON_STRING)
        return schema_refuse(build, at, "a type must be a string");
    struct gw_str name = gw_json_string(build->tape, at);
    for (size_t i = is_30; i < GW_COUNT_OF(type_names); i++) {
        if (!gw_str_equal(name, type_names[i].name))
            continue;
        /* "integer" narrows only where "number" does not stand beside it */
        if ((type_names[i].types & 1 << GW_JSON_NUMBER) != 0) {
            bool was_number = (*types & 1 << GW_JSON_NUMBER) != 0;
            *integer = type_names[i].flags != 0 && (!was_number || *integer != 0);
        }
        *types |= type_names[i].types;
        return 0;
    }
    return schema_refuse(build, at, "\"%.*s\" is no type%s", GW_STR_ARG(name),
                         is_30 ? " of OpenAPI 3.0" : "");
}

int schema_kw_type(const struct build *build, uint32_t at)
{
    struct gw_json_cursor cursor = gw_json_begin(build->tape, at);
    unsigned types = 0, integer = 0;
    int rc = 0;

    if (gw_json_type(build->tape, at) != GW_JSON_ARRAY)
        rc = add_type(build, at, &types, &integer);
    else if (build->resource->draft == DRAFT_OPENAPI_30)
        return schema_refuse(build, at, "OpenAPI 3.0 has no list of types: use nullable or oneOf");
    else
        while (rc == 0 && gw_json_step(build->tape, &cursor))
            rc = add_type(build, cursor.value, &types, &integer);
    if (rc != 0)
        return rc;
    build->node->types = (uint8_t)types;
    build->node->flags |= NODE_HAS_TYPE;
    if (integer != 0)
        build->node->flags |= NODE_INTEGER;
    return 0;
}

static int flag(const struct build *build, uint32_t at, unsigned flags)
{
    enum gw_json_type type = gw_json_type(build->tape, at);

    if (type != GW_JSON_TRUE && type != GW_JSON_FALSE)
        return schema_refuse(build, at, "%.*s must be a boolean", GW_STR_ARG(build->keyword));
    if (type == GW_JSON_TRUE)
        build->node->flags |= (uint8_t)flags;
    return 0;
}

int schema_kw_nullable(const struct build *build, uint32_t at)
{
    return flag(build, at, NODE_NULLABLE);
}

int schema_kw_read_only(const struct build *build, uint32_t at)
{
    bool is_openapi = (build->resource->vocabularies & VOCABULARY_OPENAPI) != 0;
    return flag(build, at, is_openapi ? NODE_READ_ONLY : 0);
}

int schema_kw_write_only(const struct build *build, uint32_t at)
{
    bool is_openapi = (build->resource->vocabularies & VOCABULARY_OPENAPI) != 0;
    return flag(build, at, NODE_SECRET | (is_openapi ? NODE_WRITE_ONLY : 0));
}

/* Copies the value at `at` (as the element of an array when `is_wrapped`) to a tape of the set. */
static int copy_value(const struct build *build, uint32_t at, bool is_wrapped,
                      struct gw_json_tape *out_tape)
{
    struct gw_arena *arena = &build->compiler->set->arena;
    struct gw_json_limits limits = {.max_bytes = 64u << 20, .max_depth = GW_JSON_DEPTH_CEILING};
    struct gw_json_error wrong;
    struct gw_buf buf;

    gw_buf_init(&buf, 64u << 20);
    if (is_wrapped)
        gw_buf_append_byte(&buf, '[');
    gw_json_write(&buf, build->tape, at);
    if (is_wrapped)
        gw_buf_append_byte(&buf, ']');
    struct gw_str text = gw_arena_copy(arena, gw_buf_str(&buf));
    int rc = buf.has_failed || text.ptr == NULL ? -ENOMEM : 0;
    gw_buf_finish(&buf);
    if (rc == 0)
        rc = gw_json_read(arena, text, &limits, out_tape, &wrong);
    if (rc == -ENOMEM)
        return schema_no_memory(build->error);
    return rc == 0 ? 0 : schema_refuse(build, at, "%s", wrong.text);
}

/* `enum` and `const` may stand together: then both hold. */
static int add_values(const struct build *build, uint32_t at, bool is_const)
{
    struct rest_part *rest = schema_rest_part(build);

    if (rest == NULL)
        return schema_no_memory(build->error);
    if (rest->has_values) {
        rest->has_only = true;
        return copy_value(build, at, is_const, &rest->only);
    }
    rest->has_values = true;
    rest->is_const = is_const;
    int rc = copy_value(build, at, is_const, &rest->values);
    if (rc != 0)
        return rc;
    struct gw_json_cursor cursor = gw_json_begin(&rest->values, 0);
    struct gw_json_token *tokens = (struct gw_json_token *)(uintptr_t)rest->values.tokens;
    rest->are_strings = rest->are_simple = true;
    while (gw_json_step(&rest->values, &cursor)) {
        bool is_string = tokens[cursor.value].type == GW_JSON_STRING;
        rest->are_strings &= is_string;
        rest->are_simple &= is_string || (tokens[cursor.value].flags & GW_JSON_SMALL) != 0;
        if (is_string) /* the reader does so for names only */
            tokens[cursor.value].hash =
                gw_json_name_hash(gw_json_string(&rest->values, cursor.value));
    }
    return 0;
}

int schema_kw_enum(const struct build *build, uint32_t at)
{
    if (gw_json_type(build->tape, at) != GW_JSON_ARRAY)
        return schema_refuse(build, at, "enum must be an array");
    return add_values(build, at, false);
}

int schema_kw_const(const struct build *build, uint32_t at)
{
    return add_values(build, at, true);
}

static int set_bound(const struct build *build, uint32_t at, struct bound *bound)
{
    const struct gw_json_token *token = &build->tape->tokens[at];

    if (token->type != GW_JSON_NUMBER)
        return schema_refuse(build, at, "%.*s must be a number", GW_STR_ARG(build->keyword));
    bound->literal = schema_keep(build, gw_json_number(build->tape, at));
    if (bound->literal.ptr == NULL)
        return schema_no_memory(build->error);
    if (gw_decimal_parse(bound->literal, &bound->value) != 0)
        return schema_refuse(build, at, "%.*s is out of range", GW_STR_ARG(build->keyword));
    bound->is_set = true;
    bound->is_small = (token->flags & GW_JSON_SMALL) != 0;
    if (bound->is_small) {
        bound->small = token->small;
        bound->scale = token->literal.scale;
    }
    return 0;
}

#define BOUND_KEYWORD(name, member)                                \
    int schema_kw_##name(const struct build *build, uint32_t at)   \
    {                                                              \
        struct number_part *part = schema_number_part(build);      \
        return part == NULL ? schema_no_memory(build->error)       \
                            : set_bound(build, at, &part->member); \
    }

BOUND_KEYWORD(minimum, minimum)
BOUND_KEYWORD(maximum, maximum)

/* A boolean in OpenAPI 3.0, a number everywhere else. */
static int exclusive(const struct build *build, uint32_t at, struct bound *bound,
                     bool *is_exclusive)
{
    enum gw_json_type type = gw_json_type(build->tape, at);

    if (build->resource->draft != DRAFT_OPENAPI_30)
        return set_bound(build, at, bound);
    if (type != GW_JSON_TRUE && type != GW_JSON_FALSE)
        return schema_refuse(build, at, "in OpenAPI 3.0 %.*s must be a boolean",
                             GW_STR_ARG(build->keyword));
    *is_exclusive = type == GW_JSON_TRUE;
    return 0;
}

int schema_kw_exclusive_minimum(const struct build *build, uint32_t at)
{
    struct number_part *part = schema_number_part(build);

    if (part == NULL)
        return schema_no_memory(build->error);
    return exclusive(build, at, &part->exclusive_minimum, &part->is_minimum_exclusive);
}

int schema_kw_exclusive_maximum(const struct build *build, uint32_t at)
{
    struct number_part *part = schema_number_part(build);

    if (part == NULL)
        return schema_no_memory(build->error);
    return exclusive(build, at, &part->exclusive_maximum, &part->is_maximum_exclusive);
}

int schema_kw_multiple_of(const struct build *build, uint32_t at)
{
    struct number_part *part = schema_number_part(build);

    if (part == NULL)
        return schema_no_memory(build->error);
    int rc = set_bound(build, at, &part->multiple_of);
    if (rc != 0)
        return rc;
    rc = gw_divisor_init(&part->multiple_of.value, &part->divisor);
    if (rc == -ERANGE)
        return schema_refuse(build, at, "multipleOf may have at most %d significant digits",
                             GW_DIVISOR_DIGITS);
    if (rc != 0)
        return schema_refuse(build, at, "multipleOf must be above zero");
    part->has_divisor = true;
    return 0;
}

int schema_kw_min_length(const struct build *build, uint32_t at)
{
    struct string_part *part = schema_string_part(build);

    return part == NULL ? schema_no_memory(build->error)
                        : schema_unsigned(build, at, &part->min_length);
}

int schema_kw_max_length(const struct build *build, uint32_t at)
{
    struct string_part *part = schema_string_part(build);

    return part == NULL ? schema_no_memory(build->error)
                        : schema_unsigned(build, at, &part->max_length);
}

int schema_kw_pattern(const struct build *build, uint32_t at)
{
    struct string_part *part = schema_string_part(build);

    if (part == NULL)
        return schema_no_memory(build->error);
    if (gw_json_type(build->tape, at) != GW_JSON_STRING)
        return schema_refuse(build, at, "pattern must be a string");
    part->pattern_text = schema_keep(build, gw_json_string(build->tape, at));
    if (part->pattern_text.ptr == NULL)
        return schema_no_memory(build->error);
    part->pattern = schema_pattern(build, part->pattern_text, at);
    return part->pattern == NULL ? -EINVAL : 0;
}

static int number_format(const struct build *build, struct gw_str name)
{
    static const char *const names[] = {"", "int32", "int64", "float", "double"};

    for (int i = NUMBER_INT32; i <= NUMBER_DOUBLE; i++) {
        if (!gw_str_equal(name, gw_str_of(names[i])))
            continue;
        struct number_part *part = schema_number_part(build);
        if (part == NULL)
            return schema_no_memory(build->error);
        part->format = (enum number_format)i;
    }
    return 0;
}

int schema_kw_format(const struct build *build, uint32_t at)
{
    bool is_openapi = (build->resource->vocabularies & VOCABULARY_OPENAPI) != 0;

    if (gw_json_type(build->tape, at) != GW_JSON_STRING)
        return schema_refuse(build, at, "format must be a string");
    struct gw_str name = schema_keep(build, gw_json_string(build->tape, at));
    if (name.ptr == NULL)
        return schema_no_memory(build->error);
    if (gw_str_equal(name, GW_STR("password")))
        build->node->flags |= NODE_SECRET;
    if (!build->compiler->options.assert_format &&
        (build->resource->vocabularies & VOCABULARY_FORMAT_ASSERTION) == 0)
        return 0;
    gw_format_fn *format = gw_format_find(name);
    if (format == gw_format_is_base64 && !is_openapi)
        format = NULL;
    if (format == NULL)
        return is_openapi ? number_format(build, name) : 0;
    struct string_part *part = schema_string_part(build);
    if (part == NULL)
        return schema_no_memory(build->error);
    part->format = format;
    part->format_name = name;
    return 0;
}
