/* A mapping as it is written: put into a form to read by, or what is wrong with it. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/iot/json_map_private.h"
#include "server/json/pointer.h"
#include "server/json/yaml.h"

struct compiling {
    const struct gw_json_map_source *source;
    struct gw_json_map *map;
    bool has_failed;
    bool is_without_memory;
};

GW_PRINTF(3, 4)
static void fail(struct compiling *compiling, const char *below, const char *format, ...)
{
    const struct gw_json_map_source *source = compiling->source;
    char text[400], pointer[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(pointer, sizeof(pointer), "%.200s%s%.150s", source->pointer, below[0] != 0 ? "/" : "",
             below);
    gw_document_report(source->document, pointer, GW_SEVERITY_ERROR, source->diagnostics, "%s",
                       text);
    compiling->has_failed = true;
}

/* ptr NULL: it is not given. */
static struct gw_str given_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return gw_str_from(json_string_value(value), json_string_length(value));
}

static struct gw_str copy(struct compiling *compiling, struct gw_str text)
{
    struct gw_str kept = gw_arena_copy(compiling->source->arena, text);

    compiling->is_without_memory = compiling->is_without_memory || kept.ptr == NULL;
    return kept;
}

static void *make(struct compiling *compiling, size_t count, size_t bytes)
{
    void *room = gw_arena_calloc(compiling->source->arena, count + 1, bytes);

    compiling->is_without_memory = compiling->is_without_memory || room == NULL;
    return room;
}

static struct gw_str pointer_of(struct compiling *compiling, const char *below,
                                const json_t *object, const char *key)
{
    struct gw_str text = given_text(object, key);
    char at[200];

    if (text.ptr == NULL)
        return text;
    if (!gw_pointer_is_valid(text)) {
        snprintf(at, sizeof(at), "%s%s%s", below, below[0] != 0 ? "/" : "", key);
        fail(compiling, at,
             "\"%.*s\" is no JSON Pointer: it is empty or begins with /, and has ~ only in ~0 and "
             "~1",
             GW_STR_ARG(text));
    }
    return copy(compiling, text);
}

static const struct gw_str *texts_of(struct compiling *compiling, const json_t *list,
                                     size_t *out_count)
{
    size_t count = json_array_size(list);
    struct gw_str *texts = make(compiling, count, sizeof(*texts));

    for (size_t i = 0; texts != NULL && i < count; i++) {
        const json_t *item = json_array_get(list, i);
        texts[i] = copy(compiling, gw_str_from(json_string_value(item), json_string_length(item)));
    }
    *out_count = count;
    return texts;
}

/* --- topics --- */

static bool is_placeholder(struct gw_str text)
{
    if (text.len < 3 || text.ptr[0] != '{' || text.ptr[text.len - 1] != '}')
        return false;
    for (size_t i = 1; i + 1 < text.len; i++)
        if (!isalnum((unsigned char)text.ptr[i]) && text.ptr[i] != '_' && text.ptr[i] != '-')
            return false;
    return true;
}

static bool has_any(struct gw_str text, const char *letters)
{
    for (; *letters != 0; letters++)
        if (gw_str_find(text, *letters) < text.len)
            return true;
    return false;
}

/* SIZE_MAX: there is none of that name. */
static size_t find_placeholder(const struct gw_json_map *map, struct gw_str name)
{
    for (size_t i = 0; i < map->level_count; i++)
        if (map->levels[i].kind == GW_JSON_LEVEL_PLACEHOLDER &&
            gw_str_equal(map->levels[i].text, name))
            return map->levels[i].placeholder;
    return SIZE_MAX;
}

static void fill_placeholder(struct compiling *compiling, struct gw_str text,
                             struct gw_json_level *level)
{
    struct gw_json_map *map = compiling->map;
    struct gw_str name = gw_str_from(text.ptr + 1, text.len - 2);

    if (find_placeholder(map, name) != SIZE_MAX)
        fail(compiling, "topic", "{%.*s} stands twice", GW_STR_ARG(name));
    else if (map->placeholder_count == GW_JSON_MAP_MAX_PLACEHOLDERS)
        fail(compiling, "topic", "a topic has at most %d placeholders",
             GW_JSON_MAP_MAX_PLACEHOLDERS);
    else
        *level = (struct gw_json_level){GW_JSON_LEVEL_PLACEHOLDER, map->placeholder_count++, name};
}

static void fill_level(struct compiling *compiling, struct gw_str text, bool is_last,
                       struct gw_json_level *level)
{
    level->text = text;
    if (is_placeholder(text))
        fill_placeholder(compiling, text, level);
    else if (gw_str_equal(text, GW_STR("+")))
        level->kind = GW_JSON_LEVEL_ANY;
    else if (gw_str_equal(text, GW_STR("#")) && is_last)
        level->kind = GW_JSON_LEVEL_REST;
    else if (has_any(text, "+#{}"))
        fail(compiling, "topic",
             "\"%.*s\": a placeholder {name} and + are a whole level, # is the last one",
             GW_STR_ARG(text));
}

static void fill_topic(struct compiling *compiling)
{
    struct gw_json_map *map = compiling->map;
    struct gw_json_level *levels = make(compiling, GW_JSON_MAP_MAX_LEVELS, sizeof(*levels));
    struct gw_str rest, text;

    map->topic = rest = copy(compiling, given_text(compiling->source->given, "topic"));
    map->levels = levels;
    if (compiling->is_without_memory)
        return;
    if (rest.ptr[0] == '$' || gw_str_equal(rest, GW_STR("spBv1.0")) ||
        gw_str_has_prefix(rest, GW_STR("spBv1.0/")))
        fail(compiling, "topic",
             "topics of Sparkplug and of the broker itself ($) have no mapping");
    if (strlen(rest.ptr) != rest.len)
        fail(compiling, "topic", "a topic has no NUL");
    while (gw_str_split(&rest, '/', &text)) {
        if (map->level_count == GW_JSON_MAP_MAX_LEVELS) {
            fail(compiling, "topic", "a topic has at most %d levels", GW_JSON_MAP_MAX_LEVELS);
            return;
        }
        fill_level(compiling, text, rest.ptr == NULL, &levels[map->level_count]);
        map->level_count++;
    }
}

/* --- templates --- */

static bool take_part(struct compiling *compiling, const char *below, struct gw_str *rest,
                      struct gw_json_part *part)
{
    size_t open = gw_str_find(*rest, '{');
    size_t len = open > 0 ? open : gw_str_find(*rest, '}') + 1;

    if (open == 0 && (len > rest->len || !is_placeholder(gw_str_from(rest->ptr, len)))) {
        fail(compiling, below, "a placeholder is {name}, of letters, digits, - and _");
        return false;
    }
    struct gw_str text = gw_str_from(rest->ptr, len);
    *rest = gw_str_tail(*rest, len);
    if (open > 0) {
        part->text = text;
        return true;
    }
    part->placeholder = find_placeholder(compiling->map, gw_str_from(text.ptr + 1, len - 2));
    if (part->placeholder == SIZE_MAX)
        fail(compiling, below, "%.*s is not in the topic", GW_STR_ARG(text));
    return part->placeholder != SIZE_MAX;
}

static struct gw_json_template template_of(struct compiling *compiling, const char *below,
                                           struct gw_str text)
{
    struct gw_json_part *parts = make(compiling, GW_JSON_MAP_MAX_PARTS, sizeof(*parts));
    struct gw_json_template template = {parts, 0};
    struct gw_str rest = copy(compiling, text);

    while (!compiling->is_without_memory && rest.len > 0) {
        if (template.part_count == GW_JSON_MAP_MAX_PARTS) {
            fail(compiling, below, "more than %d placeholders and texts between them",
                 GW_JSON_MAP_MAX_PARTS);
            break;
        }
        if (!take_part(compiling, below, &rest, &parts[template.part_count]))
            break;
        template.part_count++;
    }
    return template;
}

/* Of group, edge node or device. */
static struct gw_json_template name_of(struct compiling *compiling, const char *key,
                                       size_t max_placeholders)
{
    struct gw_str text = given_text(compiling->source->given, key);
    size_t count = 0;

    if (text.ptr == NULL)
        return (struct gw_json_template){0};
    if (has_any(text, "/+#"))
        fail(compiling, key, "the names of group, edge node and device hold no / + #");
    struct gw_json_template template = template_of(compiling, key, text);
    for (size_t i = 0; i < template.part_count; i++)
        count += template.parts[i].text.ptr == NULL;
    if (count > max_placeholders)
        fail(compiling, key,
             "%s has at most one placeholder, so that its owner can subscribe to its topics alone",
             key);
    return template;
}

/* --- where values are --- */

static void fill_metrics(struct compiling *compiling)
{
    const json_t *given = json_object_get(compiling->source->given, "metrics");
    struct gw_json_map *map = compiling->map;
    struct gw_json_metric *metrics = make(compiling, json_object_size(given), sizeof(*metrics));
    const char *name;
    json_t *value;
    char at[200];

    map->metrics = metrics;
    json_object_foreach((json_t *)given, name, value)
    {
        if (compiling->is_without_memory)
            return;
        snprintf(at, sizeof(at), "metrics/%.150s", name);
        metrics[map->metric_count].source = template_of(compiling, at, gw_str_of(name));
        metrics[map->metric_count++].pointer = pointer_of(compiling, "metrics", given, name);
    }
}

static void fill_members(struct compiling *compiling)
{
    const json_t *given = json_object_get(compiling->source->given, "objects");
    struct gw_json_map *map = compiling->map;
    struct gw_json_members *members = make(compiling, json_array_size(given), sizeof(*members));
    size_t index;
    json_t *value;
    char at[40];

    map->members = members;
    json_array_foreach(given, index, value)
    {
        if (compiling->is_without_memory)
            return;
        struct gw_json_members *one = &members[map->members_count++];
        snprintf(at, sizeof(at), "objects/%zu", index);
        one->at = pointer_of(compiling, at, value, "at");
        one->prefix = template_of(compiling, at, given_text(value, "prefix"));
        one->ignored = texts_of(compiling, json_object_get(value, "ignore"), &one->ignored_count);
    }
}

static void fill_entries(struct compiling *compiling)
{
    const json_t *given = json_object_get(compiling->source->given, "lists");
    struct gw_json_map *map = compiling->map;
    struct gw_json_entries *entries = make(compiling, json_array_size(given), sizeof(*entries));
    size_t index;
    json_t *value;
    char at[40];

    map->entries = entries;
    json_array_foreach(given, index, value)
    {
        if (compiling->is_without_memory)
            return;
        struct gw_json_entries *one = &entries[map->entries_count++];
        snprintf(at, sizeof(at), "lists/%zu", index);
        one->at = pointer_of(compiling, at, value, "at");
        one->name = pointer_of(compiling, at, value, "name");
        one->value = pointer_of(compiling, at, value, "value");
        one->time = pointer_of(compiling, at, value, "time");
        one->quality = pointer_of(compiling, at, value, "quality");
        one->prefix = template_of(compiling, at, given_text(value, "prefix"));
        one->ignored = texts_of(compiling, json_object_get(value, "ignore"), &one->ignored_count);
    }
}

/* --- the whole --- */

static void fill_names(struct compiling *compiling)
{
    struct gw_json_map *map = compiling->map;
    const json_t *given = compiling->source->given;

    map->group = name_of(compiling, "group", 1);
    map->edge_node = name_of(compiling, "edge_node", 1);
    map->device = name_of(compiling, "device", GW_JSON_MAP_MAX_PARTS);
    map->device_at = pointer_of(compiling, "", given, "device_at");
    if (map->device_at.ptr != NULL && map->device.part_count > 0)
        fail(compiling, "device_at",
             "the device is named by the topic or by the payload, not both");
}

static void fill_rest(struct compiling *compiling)
{
    static const char *const units[] = {[GW_JSON_TIME_S] = "s",
                                        [GW_JSON_TIME_MS] = "ms",
                                        [GW_JSON_TIME_US] = "us",
                                        [GW_JSON_TIME_NS] = "ns"};
    struct gw_json_map *map = compiling->map;
    const json_t *given = compiling->source->given;
    struct gw_str unit = given_text(given, "time_unit");

    map->each = pointer_of(compiling, "", given, "each");
    map->time = pointer_of(compiling, "", given, "time");
    map->quality = pointer_of(compiling, "", given, "quality");
    for (size_t i = 0; i < GW_COUNT_OF(units); i++)
        if (gw_str_equal(unit, gw_str_of(units[i])))
            map->time_unit = (enum gw_json_time_unit)i;
    map->good = texts_of(compiling, json_object_get(given, "good"), &map->good_count);
    map->has_numeric_texts = json_is_true(json_object_get(given, "numbers_in_texts"));
    map->is_watched = json_is_true(json_object_get(given, "watch"));
}

int gw_json_map_compile(const struct gw_json_map_source *source, struct gw_json_map **out_map)
{
    struct compiling compiling = {.source = source};

    *out_map = NULL;
    compiling.map = gw_arena_calloc(source->arena, 1, sizeof(*compiling.map));
    if (compiling.map == NULL)
        return -ENOMEM;
    compiling.map->name = copy(&compiling, gw_str_of(source->name));
    fill_topic(&compiling);
    if (compiling.is_without_memory)
        return -ENOMEM;
    if (!compiling.has_failed)
        fill_names(&compiling);
    fill_rest(&compiling);
    if (!compiling.has_failed) {
        fill_metrics(&compiling);
        fill_members(&compiling);
        fill_entries(&compiling);
    }
    if (compiling.is_without_memory)
        return -ENOMEM;
    const struct gw_json_map *map = compiling.map;
    if (!compiling.has_failed && map->metric_count + map->members_count + map->entries_count == 0)
        fail(&compiling, "", "it names no value: metrics, objects or lists are wanted");
    if (!compiling.has_failed)
        *out_map = compiling.map;
    return 0;
}
