#include "server/connector/soap/lookup.h"

#include <errno.h>

#include "server/connector/soap/template.h"
#include "server/core/arena.h"

int soap_lookup_check(const struct gw_value *lookup, struct gw_error *error)
{
    const struct gw_value *result = gw_value_member(lookup, GW_STR("result"));

    if (lookup == NULL || lookup->type != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "`lookup` is no object");
    if (gw_value_member_text(lookup, GW_STR("list")).len == 0)
        return gw_error_set(error, -EINVAL,
                            "`lookup.list` does not say where what is found stands in the answer");
    if (result == NULL)
        return 0;
    if (result->type != GW_JSON_OBJECT)
        return gw_error_set(error, -EINVAL, "`lookup.result` is no object");
    for (uint32_t i = 0; i < result->count; i++) {
        if (result->members[i].value.type != GW_JSON_STRING)
            return gw_error_set(error, -EINVAL, "`lookup.result.%.*s` is no path",
                                GW_STR_ARG(result->members[i].name));
    }
    return 0;
}

static int read_item(struct gw_arena *arena, const struct gw_value *result,
                     const struct gw_value *item, struct gw_value *out_item, struct gw_error *error)
{
    struct gw_value_builder builder = {.arena = arena};

    if (result == NULL) {
        *out_item = *item;
        return 0;
    }
    for (uint32_t i = 0; i < result->count; i++) {
        const struct gw_value_member *member = &result->members[i];
        const struct gw_value *value = soap_value_at(item, member->value.text);
        if (value == NULL)
            return gw_error_set(error, -EINVAL, "what was found lacks \"%.*s\"",
                                GW_STR_ARG(member->value.text));
        if (gw_value_add_member(&builder, member->name, *value) != 0)
            return -ENOMEM;
    }
    *out_item = gw_value_built_object(&builder);
    return 0;
}

int soap_lookup_read(struct gw_arena *arena, const struct gw_value *lookup,
                     const struct gw_value *answer, struct gw_value *out_found,
                     struct gw_error *error)
{
    const struct gw_value *found =
        soap_value_at(answer, gw_value_member_text(lookup, GW_STR("list")));
    const struct gw_value *result = gw_value_member(lookup, GW_STR("result"));
    bool is_none = found == NULL || found->type == GW_JSON_NULL ||
                   (found->type == GW_JSON_STRING && found->text.len == 0);
    struct gw_value list = gw_value_array(NULL, 0);

    if (!is_none)
        list = found->type == GW_JSON_ARRAY ? *found : gw_value_array(found, 1);
    struct gw_value *items = gw_arena_calloc(arena, list.count + 1, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < list.count; i++) {
        int rc = read_item(arena, result, &list.items[i], &items[i], error);
        if (rc != 0)
            return rc;
    }
    *out_found = gw_value_array(items, list.count);
    return 0;
}
