/* Payloads of mapped topics: from JSON to samples. */
#include "server/iot/json_map.h"

#include <errno.h>
#include <stdio.h>

#include "server/iot/json_map_reading.h"
#include "server/json/pointer.h"

/* --- a part: all of the payload, or one of `each` --- */

static void claim(struct gw_json_reading *reading, uint32_t root, struct gw_str pointer)
{
    uint32_t at =
        pointer.ptr == NULL ? GW_JSON_NONE : gw_pointer_find(&reading->tape, root, pointer);

    if (at != GW_JSON_NONE)
        reading->claimed[reading->claimed_count++] = at;
}

/* What else is said of a value is not taken for a member of the object that it lies in. */
static void claim_all(struct gw_json_reading *reading, uint32_t root)
{
    const struct gw_json_map *map = reading->place.map;

    reading->claimed_count = 0;
    if (map->members_count == 0)
        return;
    claim(reading, root, map->time);
    claim(reading, root, map->quality);
    claim(reading, root, map->device_at);
    for (size_t i = 0; i < map->metric_count; i++)
        claim(reading, root, map->metrics[i].pointer);
    for (size_t i = 0; i < map->members_count; i++)
        claim(reading, root, map->members[i].at);
    for (size_t i = 0; i < map->entries_count; i++)
        claim(reading, root, map->entries[i].at);
}

static bool find_device(struct gw_json_reading *reading, uint32_t root)
{
    const struct gw_json_place *place = &reading->place;
    struct gw_str device = place->device;
    uint32_t at = GW_JSON_NONE;
    char name[4 * GW_MAX_DEVICE_NAME];

    if (place->map->device_at.ptr != NULL) {
        at = gw_pointer_find(&reading->tape, root, place->map->device_at);
        if (at == GW_JSON_NONE || gw_json_scalar_text(&reading->tape, at, &device) != 0 ||
            device.len == 0 || device.len > GW_MAX_DEVICE_NAME) {
            gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED,
                                      at == GW_JSON_NONE ? root : at, "no name of a device");
            return false;
        }
    }
    reading->device = gw_registry_find(reading->registry, place->group, place->edge_node, device);
    if (reading->device != NULL)
        return true;
    int len = snprintf(name, sizeof(name), "%.*s/%.*s%s%.*s", GW_STR_ARG(place->group),
                       GW_STR_ARG(place->edge_node), device.len > 0 ? "/" : "", GW_STR_ARG(device));
    gw_json_set_aside(reading, GW_QUARANTINE_UNKNOWN_DEVICE,
                      gw_json_text_of(name, sizeof(name), len), at, "it is not registered");
    return false;
}

static void take_metrics(struct gw_json_reading *reading, uint32_t root,
                         const struct gw_json_stamp *stamp)
{
    const struct gw_json_map *map = reading->place.map;
    char source[GW_JSON_MAP_MAX_SOURCE];

    for (size_t i = 0; i < map->metric_count; i++) {
        uint32_t at = gw_pointer_find(&reading->tape, root, map->metrics[i].pointer);
        if (at == GW_JSON_NONE) /* devices tell what has changed */
            continue;
        struct gw_str name = gw_json_template_fill(&map->metrics[i].source, reading->place.values,
                                                   source, sizeof(source));
        reading->has_found = true;
        if (name.ptr != NULL)
            gw_json_take_value(reading, name, at, stamp);
        else
            gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, at,
                                      "the name of its metric is too long");
    }
}

static void take_part(struct gw_json_reading *reading, uint32_t root)
{
    const struct gw_json_map *map = reading->place.map;
    struct gw_json_stamp stamp = {.time_ms = reading->message->arrival_ms,
                                  .quality = GW_QUALITY_GOOD};

    reading->has_found = false;
    reading->device = NULL;
    if (!find_device(reading, root) ||
        !gw_json_read_stamp(reading, root, map->time, map->quality, &stamp)) {
        gw_json_is_full(reading);
        return;
    }
    if (map->time.ptr != NULL && !stamp.has_time) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_TIME, root, "there is no %.*s",
                                  GW_STR_ARG(map->time));
        gw_json_is_full(reading);
        return;
    }
    claim_all(reading, root);
    take_metrics(reading, root, &stamp);
    for (size_t i = 0; i < map->members_count; i++)
        gw_json_take_object(reading, &map->members[i], root, &stamp);
    for (size_t i = 0; i < map->entries_count; i++)
        gw_json_take_list(reading, &map->entries[i], root, &stamp);
    if (!reading->has_found) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, root,
                                  "nothing that the mapping names is there");
        gw_json_is_full(reading);
    }
}

static void take_all(struct gw_json_reading *reading)
{
    const struct gw_json_map *map = reading->place.map;
    uint32_t at = map->each.ptr != NULL ? gw_pointer_find(&reading->tape, 0, map->each) : 0;

    if (at == GW_JSON_NONE) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, 0, "there is no %.*s",
                                  GW_STR_ARG(map->each));
        return;
    }
    if (map->each.ptr == NULL || gw_json_type(&reading->tape, at) != GW_JSON_ARRAY) {
        take_part(reading, at);
        return;
    }
    struct gw_json_cursor cursor = gw_json_begin(&reading->tape, at);
    while (gw_json_step(&reading->tape, &cursor) && reading->value_count <= GW_JSON_MAP_MAX_VALUES)
        take_part(reading, cursor.value);
}

/* --- a message --- */

static int make_room(struct gw_json_reading *reading)
{
    const struct gw_json_map *map = reading->place.map;
    size_t rules = map->metric_count + map->members_count + map->entries_count;

    /* Each rule finds each token once at most. */
    reading->capacity = GW_JSON_MAP_MAX_VALUES;
    if (reading->tape.count < GW_JSON_MAP_MAX_VALUES / rules)
        reading->capacity = reading->tape.count * rules;
    reading->out->samples =
        gw_arena_calloc(reading->arena, reading->capacity, sizeof(*reading->out->samples));
    reading->claimed = gw_arena_calloc(reading->arena, rules + 3, sizeof(*reading->claimed));
    return reading->out->samples != NULL && reading->claimed != NULL ? 0 : -ENOMEM;
}

/* False: what is wrong was told. */
static bool parse(struct gw_json_reading *reading, int *out_rc)
{
    static const struct gw_json_limits limits = {GW_JSON_MAP_MAX_BYTES, GW_JSON_MAP_MAX_DEPTH};
    struct gw_json_error why = {0};

    *out_rc =
        gw_json_read(reading->arena, reading->message->payload, &limits, &reading->tape, &why);
    if (*out_rc == -ENOMEM)
        return false;
    if (*out_rc != 0)
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, GW_JSON_NONE,
                                  "no JSON that can be read: %s, at byte %zu", why.text, why.byte);
    else if (reading->tape.has_duplicates)
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, GW_JSON_NONE,
                                  "an object has two members of one name");
    bool is_good = *out_rc == 0 && !reading->tape.has_duplicates;
    *out_rc = 0;
    return is_good;
}

static bool is_of(const struct gw_json_place *place, const struct gw_edge_node_config *node)
{
    return gw_str_equal(place->group, node->group) &&
           gw_str_equal(place->edge_node, node->edge_node);
}

int gw_json_map_read(const struct gw_registry *registry, const struct gw_json_message *message,
                     const struct gw_json_sink *sink, struct gw_arena *arena,
                     struct gw_json_read *out_read)
{
    struct gw_json_reading reading = {
        .registry = registry, .message = message, .sink = sink, .arena = arena, .out = out_read};
    struct gw_error error;
    int rc;

    *out_read = (struct gw_json_read){0};
    if (gw_json_map_locate(registry, message->topic, &reading.place, &error) != 0) {
        gw_json_set_aside_message(&reading, GW_QUARANTINE_MALFORMED, GW_JSON_NONE, "%s",
                                  error.text);
        return 0;
    }
    reading.is_located = true;
    if (message->node != NULL && !is_of(&reading.place, message->node)) {
        gw_json_set_aside_message(&reading, GW_QUARANTINE_MALFORMED, GW_JSON_NONE,
                                  "it names another edge node than when the message came");
        return 0;
    }
    if (!parse(&reading, &rc))
        return rc;
    rc = make_room(&reading);
    if (rc != 0)
        return rc;
    take_all(&reading);
    if (reading.value_count <= GW_JSON_MAP_MAX_VALUES)
        return 0;
    *out_read = (struct gw_json_read){0};
    reading.device = NULL;
    gw_json_set_aside_message(&reading, GW_QUARANTINE_MALFORMED, GW_JSON_NONE,
                              "more than %d values", GW_JSON_MAP_MAX_VALUES);
    return 0;
}
