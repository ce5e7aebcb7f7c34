/* The page that is made of the pages of all systems. */
#include <errno.h>

#include "server/gateway/landscape_fan_private.h"
#include "server/gateway/landscape_merge.h"

#define MAX_MISSING 100

static int add_missing(struct gw_landscape_fan *fan, const struct fan_part *part,
                       struct gw_str name, struct gw_value_builder *list)
{
    struct gw_value_builder entry = {.arena = &fan->arena};
    int rc = gw_value_add_member(&entry, GW_STR("part"), gw_value_string(name));

    if (part->type.type == GW_JSON_STRING)
        rc |= gw_value_add_member(&entry, GW_STR("type"), part->type);
    if (part->title.type == GW_JSON_STRING)
        rc |= gw_value_add_member(&entry, GW_STR("title"), part->title);
    rc |= gw_value_add_member(&entry, GW_STR("status"), part->status);
    if (rc == 0 && list->count < MAX_MISSING)
        rc = gw_value_add_item(list, gw_value_built_object(&entry));
    return rc;
}

/* A part is told by its keys, which callers know; a system without any by its name. */
static int name_missing(struct gw_landscape_fan *fan, const struct fan_part *part,
                        struct gw_value_builder *list)
{
    const struct gw_landscape *landscape = fan_landscape(fan);
    size_t named = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < landscape->rule_count; i++) {
        const struct gw_key_rule *rule = &landscape->rules[i];
        size_t system = rule->kind == GW_KEY_EXACT
                            ? gw_landscape_system_of(fan->ex, landscape, rule->from)
                            : rule->system;
        if (system != part->system)
            continue;
        named++;
        rc = add_missing(fan, part, rule->text, list);
    }
    if (rc == 0 && named == 0)
        rc = add_missing(fan, part, landscape->systems[part->system].name, list);
    return rc;
}

/* What has moved to another system may still be found in the one that it came from. */
static bool is_of_system(void *self, size_t index, const struct gw_value *item)
{
    struct gw_landscape_fan *fan = self;
    const struct gw_landscape *landscape = fan_landscape(fan);
    struct gw_str key = gw_value_member_text(item, landscape->key);

    if (key.len == 0 || !gw_key_is_valid(key))
        return true;
    if (fan->last_key.ptr == NULL || !gw_str_equal(fan->last_key, key)) {
        fan->last_key = key;
        fan->last_system = gw_landscape_system_of(fan->ex, landscape, key);
    }
    return fan->last_system == SIZE_MAX || fan->last_system == fan->parts[index].system;
}

/* Where the parts go on; an empty text: nowhere. */
static int write_next(struct gw_landscape_fan *fan, const struct gw_merge_part *pages,
                      struct gw_str *out_next)
{
    struct gw_part_cursor cursors[GW_MAX_LANDSCAPE_SYSTEMS];
    size_t count = 0;

    for (size_t i = 0; i < fan->count; i++) {
        const struct fan_part *part = &fan->parts[i];
        struct gw_part_cursor at = part->cursor;
        if (part->page.type == GW_JSON_NULL) {
            cursors[count++] = at; /* once more from there */
            continue;
        }
        if (pages[i].at < pages[i].count)
            at.skip = pages[i].at;
        else if (pages[i].has_next)
            at = (struct gw_part_cursor){.system = at.system, .cursor = part->next};
        else
            continue;
        cursors[count++] = at;
    }
    *out_next = GW_STR("");
    return count > 0 ? gw_landscape_cursor_write(&fan->arena, cursors, count, out_next) : 0;
}

static void open_pages(const struct gw_landscape_fan *fan, struct gw_merge_part *pages)
{
    for (size_t i = 0; i < fan->count; i++) {
        const struct fan_part *part = &fan->parts[i];
        const struct gw_value *items = gw_value_member(&part->page, GW_STR("items"));
        if (items == NULL)
            continue;
        pages[i] = (struct gw_merge_part){.items = items->items,
                                          .count = items->count,
                                          .at = part->cursor.skip,
                                          .has_next = part->next.len > 0};
        if (pages[i].at > pages[i].count) /* the page has become shorter */
            pages[i].at = pages[i].count;
    }
}

int fan_make_page(struct gw_landscape_fan *fan, struct gw_value *out_page)
{
    struct gw_merge_part pages[GW_MAX_LANDSCAPE_SYSTEMS] = {0};
    struct gw_value *items = gw_arena_calloc(&fan->arena, fan->limit, sizeof(*items));
    struct gw_value_builder page = {.arena = &fan->arena}, missing = {.arena = &fan->arena};
    const struct gw_merge merge = {.parts = pages,
                                   .count = fan->count,
                                   .sort = fan->sort,
                                   .limit = fan->limit,
                                   .is_wanted = is_of_system,
                                   .self = fan};
    struct gw_str next;

    if (items == NULL)
        return -ENOMEM;
    open_pages(fan, pages);
    size_t count = gw_merge_pages(&merge, items);
    int rc = write_next(fan, pages, &next);
    for (size_t i = 0; rc == 0 && i < fan->count; i++) {
        if (fan->parts[i].page.type == GW_JSON_NULL)
            rc = name_missing(fan, &fan->parts[i], &missing);
    }
    if (rc != 0)
        return rc;
    rc = gw_value_add_member(&page, GW_STR("items"), gw_value_array(items, count));
    if (next.len > 0)
        rc |= gw_value_add_member(&page, GW_STR("next"), gw_value_string(next));
    if (missing.count > 0)
        rc |= gw_value_add_member(&page, GW_STR("missing"), gw_value_built_array(&missing));
    *out_page = gw_value_built_object(&page);
    return rc == 0 ? 0 : -ENOMEM;
}
