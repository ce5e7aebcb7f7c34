/* Keywords about arrays: Core, section 10.3.1 and 11.2, and Validation, section 6.4. */
#include "server/json/schema_compiler.h"

static int set_prefix(const struct build *build, uint32_t at)
{
    struct array_part *part = schema_array_part(build);
    struct node_list list = {0};

    if (part == NULL)
        return schema_no_memory(build->error);
    int rc = schema_child_list(build, at, &list);
    part->prefix = list.nodes;
    part->prefix_count = list.count;
    return rc;
}

int schema_kw_prefix_items(const struct build *build, uint32_t at)
{
    return set_prefix(build, at);
}

/* Before 2020-12 an array here was what is now prefixItems. */
int schema_kw_items(const struct build *build, uint32_t at)
{
    struct array_part *part = schema_array_part(build);
    enum draft draft = build->resource->draft;

    if (part == NULL)
        return schema_no_memory(build->error);
    if ((draft == DRAFT_2019_09 || draft == DRAFT_07) &&
        gw_json_type(build->tape, at) == GW_JSON_ARRAY)
        return set_prefix(build, at);
    return schema_child(build, at, &part->items);
}

/* Has a meaning only beside an array in `items`. */
int schema_kw_additional_items(const struct build *build, uint32_t at)
{
    uint32_t items = gw_json_get(build->tape, build->at, GW_STR("items"));

    if (items == GW_JSON_NONE || gw_json_type(build->tape, items) != GW_JSON_ARRAY)
        return 0;
    struct array_part *part = schema_array_part(build);
    return part == NULL ? schema_no_memory(build->error) : schema_child(build, at, &part->items);
}

int schema_kw_contains(const struct build *build, uint32_t at)
{
    struct array_part *part = schema_array_part(build);

    return part == NULL ? schema_no_memory(build->error) : schema_child(build, at, &part->contains);
}

int schema_kw_unevaluated_items(const struct build *build, uint32_t at)
{
    struct array_part *part = schema_array_part(build);

    build->node->flags |= NODE_TRACKS;
    return part == NULL ? schema_no_memory(build->error)
                        : schema_child(build, at, &part->unevaluated);
}

#define COUNT_KEYWORD(name)                                            \
    int schema_kw_##name(const struct build *build, uint32_t at)       \
    {                                                                  \
        struct array_part *part = schema_array_part(build);            \
        return part == NULL ? schema_no_memory(build->error)           \
                            : schema_unsigned(build, at, &part->name); \
    }

COUNT_KEYWORD(min_items)
COUNT_KEYWORD(max_items)
COUNT_KEYWORD(min_contains)
COUNT_KEYWORD(max_contains)

int schema_kw_unique_items(const struct build *build, uint32_t at)
{
    struct array_part *part = schema_array_part(build);
    enum gw_json_type type = gw_json_type(build->tape, at);

    if (part == NULL)
        return schema_no_memory(build->error);
    if (type != GW_JSON_TRUE && type != GW_JSON_FALSE)
        return schema_refuse(build, at, "uniqueItems must be a boolean");
    part->is_unique = type == GW_JSON_TRUE;
    return 0;
}
