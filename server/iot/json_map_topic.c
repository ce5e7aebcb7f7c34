/* Topics of mappings: which fits, whom it names, and what to subscribe to. */
#include <errno.h>

#include "server/iot/json_map_private.h"

struct gw_str gw_json_map_name(const struct gw_json_map *map)
{
    return map->name;
}

bool gw_json_map_is_watched(const struct gw_json_map *map)
{
    return map->is_watched;
}

/* --- templates --- */

bool gw_json_template_is_text(const struct gw_json_template *template)
{
    return template->part_count == 0 ||
           (template->part_count == 1 && template->parts[0].text.ptr != NULL);
}

struct gw_str gw_json_template_fill(const struct gw_json_template *template,
                                    const struct gw_str *values, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < template->part_count; i++) {
        const struct gw_json_part *part = &template->parts[i];
        struct gw_str text = part->text.ptr != NULL ? part->text : values[part->placeholder];
        if (text.len > size - len)
            return (struct gw_str){0};
        if (text.len > 0)
            memcpy(out + len, text.ptr, text.len);
        len += text.len;
    }
    return gw_str_from(out, len);
}

/* The other way, of a template of at most one placeholder: which value gives this name? It is put
 * to those that are known (ptr NULL: not yet). False: none, or another one than is known. */
static bool solve(const struct gw_json_template *template, struct gw_str name,
                  struct gw_str *values)
{
    size_t after = 0;
    size_t i = 0;

    for (; i < template->part_count && template->parts[i].text.ptr != NULL; i++) {
        if (!gw_str_has_prefix(name, template->parts[i].text))
            return false;
        name = gw_str_tail(name, template->parts[i].text.len);
    }
    if (i == template->part_count)
        return name.len == 0;
    for (size_t k = i + 1; k < template->part_count; k++)
        after += template->parts[k].text.len;
    if (name.len <= after) /* no level of a topic that names something is empty */
        return false;
    struct gw_str value = gw_str_from(name.ptr, name.len - after);
    name = gw_str_tail(name, value.len);
    for (size_t k = i + 1; k < template->part_count; k++) {
        if (!gw_str_has_prefix(name, template->parts[k].text))
            return false;
        name = gw_str_tail(name, template->parts[k].text.len);
    }
    struct gw_str *known = &values[template->parts[i].placeholder];
    if (known->ptr != NULL && !gw_str_equal(*known, value))
        return false;
    *known = value;
    return true;
}

/* --- topics to names --- */

static bool matches(const struct gw_json_map *map, struct gw_str topic, struct gw_str *values)
{
    struct gw_str rest = topic, level;

    for (size_t i = 0; i < map->level_count; i++) {
        const struct gw_json_level *wanted = &map->levels[i];
        if (wanted->kind == GW_JSON_LEVEL_REST) /* also where nothing follows */
            return true;
        if (!gw_str_split(&rest, '/', &level))
            return false;
        if (wanted->kind == GW_JSON_LEVEL_TEXT && !gw_str_equal(wanted->text, level))
            return false;
        if (wanted->kind == GW_JSON_LEVEL_PLACEHOLDER)
            values[wanted->placeholder] = level;
    }
    return rest.ptr == NULL;
}

static bool fill_name(const struct gw_json_template *template, const struct gw_str *values,
                      char *out, struct gw_str *out_name)
{
    *out_name = gw_json_template_fill(template, values, out, GW_MAX_DEVICE_NAME);
    return out_name->ptr != NULL;
}

static bool is_any_empty(const struct gw_json_map *map, const struct gw_str *values)
{
    for (size_t i = 0; i < map->placeholder_count; i++)
        if (values[i].len == 0)
            return true;
    return false;
}

int gw_json_map_locate(const struct gw_registry *registry, struct gw_str topic,
                       struct gw_json_place *out_place, struct gw_error *error)
{
    const struct gw_json_map *map = NULL;
    size_t count = gw_registry_map_count(registry);

    for (size_t i = 0; i < count && map == NULL; i++) {
        const struct gw_json_map *candidate = gw_registry_map(registry, i);
        if (matches(candidate, topic, out_place->values))
            map = candidate;
    }
    out_place->map = map;
    if (map == NULL)
        return gw_error_set(error, -ENOENT, "no mapping has this topic");
    if (is_any_empty(map, out_place->values))
        return gw_error_set(error, -EINVAL, "a level that names something is empty");
    if (!fill_name(&map->group, out_place->values, out_place->names, &out_place->group) ||
        !fill_name(&map->edge_node, out_place->values, out_place->names + GW_MAX_DEVICE_NAME,
                   &out_place->edge_node) ||
        !fill_name(&map->device, out_place->values,
                   out_place->names + 2 * (size_t)GW_MAX_DEVICE_NAME, &out_place->device))
        return gw_error_set(error, -EINVAL, "a name has more than %d bytes", GW_MAX_DEVICE_NAME);
    return 0;
}

/* --- names to filters --- */

struct gw_str gw_json_map_filter(const struct gw_json_map *map,
                                 const struct gw_edge_node_config *node,
                                 char out[GW_JSON_MAP_MAX_TOPIC])
{
    struct gw_str values[GW_JSON_MAP_MAX_PLACEHOLDERS] = {{0}};
    size_t len = 0;

    if (node != NULL && (!solve(&map->group, node->group, values) ||
                         !solve(&map->edge_node, node->edge_node, values)))
        return (struct gw_str){0};
    for (size_t i = 0; i < map->level_count; i++) {
        const struct gw_json_level *level = &map->levels[i];
        struct gw_str text = level->kind == GW_JSON_LEVEL_REST ? GW_STR("#") : GW_STR("+");
        if (level->kind == GW_JSON_LEVEL_TEXT)
            text = level->text;
        if (level->kind == GW_JSON_LEVEL_PLACEHOLDER && values[level->placeholder].ptr != NULL)
            text = values[level->placeholder];
        if (text.len + 1 > GW_JSON_MAP_MAX_TOPIC - len)
            return (struct gw_str){0}; /* the table of options lets none be so long */
        if (i > 0)
            out[len++] = '/';
        if (text.len > 0)
            memcpy(out + len, text.ptr, text.len);
        len += text.len;
    }
    return gw_str_from(out, len);
}

/* --- two mappings --- */

bool gw_json_map_overlaps(const struct gw_json_map *a, const struct gw_json_map *b)
{
    for (size_t i = 0;; i++) {
        bool has_a = i < a->level_count, has_b = i < b->level_count;
        if ((has_a && a->levels[i].kind == GW_JSON_LEVEL_REST) ||
            (has_b && b->levels[i].kind == GW_JSON_LEVEL_REST))
            return true;
        if (!has_a || !has_b)
            return has_a == has_b;
        if (a->levels[i].kind == GW_JSON_LEVEL_TEXT && b->levels[i].kind == GW_JSON_LEVEL_TEXT &&
            !gw_str_equal(a->levels[i].text, b->levels[i].text))
            return false;
    }
}
