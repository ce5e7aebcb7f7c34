/* Payloads of mapped topics: from JSON to samples. */
#include "server/iot/json_map.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "server/core/buf.h"
#include "server/iot/json_map_private.h"
#include "server/iot/sample_json.h"
#include "server/json/pointer.h"
#include "server/json/reader.h"

#define MAX_POINTED 20 /* things put aside of one payload whose place is told: each is searched */
#define MAX_DETAIL 400

struct reading {
    const struct gw_registry *registry;
    const struct gw_json_message *message;
    const struct gw_json_sink *sink;
    struct gw_arena *arena;
    struct gw_json_tape tape;
    struct gw_json_place place;
    struct gw_json_read *out;
    size_t capacity;
    size_t value_count; /* also of those that are put aside */
    size_t aside_count;
    /* --- of the part that is read: all, or one of `each` --- */
    const struct gw_device_config *device;
    uint32_t *claimed; /* tokens that members of objects are not */
    size_t claimed_count;
    bool has_found; /* something that the mapping names */
};

/* Of a value, or of those around it that have none of their own. */
struct stamp {
    int64_t time_ms;
    bool has_time; /* by the payload, not by its arrival */
    enum gw_quality quality;
};

/* The name of a metric that grows with the depth. */
struct path {
    char text[GW_JSON_MAP_MAX_SOURCE];
    size_t len, prefix_len;
};

/* --- putting aside --- */

GW_PRINTF(5, 6)
static void set_aside(struct reading *reading, enum gw_quarantine_reason reason, struct gw_str name,
                      uint32_t at, const char *format, ...)
{
    const struct gw_json_map *map = reading->place.map;
    struct gw_str mapping = map != NULL ? map->name : GW_STR("-");
    struct gw_str pointer = GW_STR("");
    char why[MAX_DETAIL], detail[2 * MAX_DETAIL];
    va_list args;

    if (at != GW_JSON_NONE && reading->aside_count++ < MAX_POINTED) {
        pointer = gw_pointer_to(&reading->tape, 0, at, reading->arena);
        pointer.len = pointer.len > MAX_DETAIL / 2 ? MAX_DETAIL / 2 : pointer.len;
    }
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    int len = snprintf(detail, sizeof(detail), "mapping %.*s%s%.*s: %s", GW_STR_ARG(mapping),
                       pointer.len > 0 ? ", " : "", GW_STR_ARG(pointer), why);
    reading->sink->on_aside(reading->sink->self, reason, name, gw_str_from(detail, (size_t)len));
}

static void set_aside_message(struct reading *reading, uint32_t at, const char *why)
{
    set_aside(reading, GW_QUARANTINE_MALFORMED, reading->message->topic, at, "%s", why);
}

static struct gw_str text_of(char *buffer, size_t size, int len)
{
    return gw_str_from(buffer, (size_t)len < size ? (size_t)len : size - 1);
}

/* --- one value --- */

/* Counts one value. */
static bool is_full(struct reading *reading)
{
    return ++reading->value_count > GW_JSON_MAP_MAX_VALUES ||
           reading->out->count == reading->capacity;
}

static void set_aside_value(struct reading *reading, enum gw_quarantine_reason reason,
                            struct gw_str source, uint32_t at, const char *why)
{
    char name[4 * GW_MAX_DEVICE_NAME + GW_JSON_MAP_MAX_SOURCE];
    int len = snprintf(name, sizeof(name), "%.*s/%.*s", GW_STR_ARG(reading->device->id),
                       GW_STR_ARG(source));

    set_aside(reading, reason, text_of(name, sizeof(name), len), at, "%s: topic %.*s", why,
              GW_STR_ARG(reading->message->topic));
}

static void take_value(struct reading *reading, struct gw_str source, uint32_t at,
                       const struct stamp *stamp)
{
    const struct gw_metric_config *metric = gw_device_type_find(reading->device->type, source);
    struct gw_sample sample = {.quality = (uint8_t)stamp->quality, .time_ms = stamp->time_ms};

    reading->has_found = true;
    if (is_full(reading))
        return;
    if (metric == NULL) {
        set_aside_value(reading, GW_QUARANTINE_UNKNOWN_METRIC, source, at,
                        "its type has no such source");
        return;
    }
    if (gw_json_map_read_value(reading->place.map, &reading->tape, at, &sample) != 0) {
        set_aside_value(reading, GW_QUARANTINE_TYPE, source, at,
                        "no scalar, or one beyond all bounds");
        return;
    }
    if (reading->message->is_retained && !stamp->has_time) {
        reading->out->passed_over++;
        return;
    }
    if (stamp->time_ms > reading->message->arrival_ms + reading->message->max_future_ms) {
        set_aside_value(reading, GW_QUARANTINE_TIME, source, at, "the time lies in the future");
        return;
    }
    sample.series = gw_device_series(reading->device, metric);
    gw_sample_scale(metric, &sample);
    reading->out->samples[reading->out->count++] = sample;
}

/* The time and quality at these pointers, where there are any. False: something is there, and is
 * none. */
static bool read_stamp(struct reading *reading, uint32_t root, struct gw_str time,
                       struct gw_str quality, struct stamp *stamp)
{
    const struct gw_json_map *map = reading->place.map;
    uint32_t time_at = GW_JSON_NONE, quality_at = GW_JSON_NONE;

    if (time.ptr != NULL)
        time_at = gw_pointer_find(&reading->tape, root, time);
    if (quality.ptr != NULL)
        quality_at = gw_pointer_find(&reading->tape, root, quality);
    if (time_at != GW_JSON_NONE) {
        if (!gw_json_map_read_time(map, &reading->tape, time_at, &stamp->time_ms)) {
            set_aside(reading, GW_QUARANTINE_TIME, reading->message->topic, time_at,
                      "no time of the mapping's unit, nor of RFC 3339");
            return false;
        }
        stamp->has_time = true;
    }
    if (quality_at != GW_JSON_NONE && gw_json_type(&reading->tape, quality_at) != GW_JSON_NULL &&
        !gw_json_map_read_quality(map, &reading->tape, quality_at, &stamp->quality)) {
        set_aside_message(reading, quality_at, "no quality");
        return false;
    }
    return true;
}

/* --- objects whose members are metrics --- */

static bool begin(struct path *path, const struct gw_json_template *prefix,
                  const struct reading *reading)
{
    struct gw_str text =
        gw_json_template_fill(prefix, reading->place.values, path->text, sizeof(path->text));

    path->len = path->prefix_len = text.len;
    return text.ptr != NULL;
}

static bool enter(struct path *path, struct gw_str name)
{
    size_t separator = path->len > path->prefix_len;

    if (name.len == 0 || name.len + separator > sizeof(path->text) - path->len)
        return false;
    if (separator)
        path->text[path->len] = '/';
    memcpy(path->text + path->len + separator, name.ptr, name.len);
    path->len += separator + name.len;
    return true;
}

static bool is_among(struct gw_str name, const struct gw_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (gw_str_equal(name, names[i]))
            return true;
    return false;
}

static bool is_claimed(const struct reading *reading, uint32_t at)
{
    for (size_t i = 0; i < reading->claimed_count; i++)
        if (reading->claimed[i] == at)
            return true;
    return false;
}

/* As deep as gw_json_read() lets through. */
static void take_members(struct reading *reading, const struct gw_json_members *members,
                         uint32_t at, struct path *path, const struct stamp *stamp)
{
    struct gw_json_cursor cursor = gw_json_begin(&reading->tape, at);
    size_t len = path->len;

    while (gw_json_step(&reading->tape, &cursor) &&
           reading->value_count <= GW_JSON_MAP_MAX_VALUES) {
        path->len = len;
        if (is_claimed(reading, cursor.value))
            continue;
        if (!enter(path, gw_json_string(&reading->tape, cursor.name))) {
            set_aside_message(reading, cursor.value, "its name is empty or too long");
            is_full(reading);
            continue;
        }
        struct gw_str own =
            gw_str_from(path->text + path->prefix_len, path->len - path->prefix_len);
        if (is_among(own, members->ignored, members->ignored_count))
            continue;
        if (gw_json_type(&reading->tape, cursor.value) == GW_JSON_OBJECT)
            take_members(reading, members, cursor.value, path, stamp);
        else
            take_value(reading, gw_str_from(path->text, path->len), cursor.value, stamp);
    }
    path->len = len;
}

static void take_object(struct reading *reading, const struct gw_json_members *members,
                        uint32_t root, const struct stamp *stamp)
{
    uint32_t at = gw_pointer_find(&reading->tape, root, members->at);
    struct path path;

    if (at == GW_JSON_NONE)
        return;
    reading->has_found = true;
    if (gw_json_type(&reading->tape, at) != GW_JSON_OBJECT)
        set_aside_message(reading, at, "no object");
    else if (!begin(&path, &members->prefix, reading))
        set_aside_message(reading, at, "the names of its metrics are too long");
    else
        take_members(reading, members, at, &path, stamp);
}

/* --- lists of entries --- */

static void take_entry(struct reading *reading, const struct gw_json_entries *entries, uint32_t at,
                       struct path *path, const struct stamp *around)
{
    uint32_t name_at = gw_pointer_find(&reading->tape, at, entries->name);
    uint32_t value_at = gw_pointer_find(&reading->tape, at, entries->value);
    struct stamp stamp = *around;
    struct gw_str name;

    path->len = path->prefix_len;
    if (name_at == GW_JSON_NONE || gw_json_scalar_text(&reading->tape, name_at, &name) != 0 ||
        !enter(path, name)) {
        set_aside_message(reading, at, "the entry has no name, or one that is too long");
        is_full(reading);
        return;
    }
    if (is_among(name, entries->ignored, entries->ignored_count))
        return;
    struct gw_str source = gw_str_from(path->text, path->len);
    if (value_at == GW_JSON_NONE) {
        set_aside_value(reading, GW_QUARANTINE_MALFORMED, source, at, "the entry has no value");
        is_full(reading);
    } else if (read_stamp(reading, at, entries->time, entries->quality, &stamp)) {
        take_value(reading, source, value_at, &stamp);
    } else {
        is_full(reading);
    }
}

static void take_list(struct reading *reading, const struct gw_json_entries *entries, uint32_t root,
                      const struct stamp *stamp)
{
    uint32_t at = gw_pointer_find(&reading->tape, root, entries->at);
    struct path path;

    if (at == GW_JSON_NONE)
        return;
    reading->has_found = true;
    if (gw_json_type(&reading->tape, at) != GW_JSON_ARRAY) {
        set_aside_message(reading, at, "no list");
        return;
    }
    if (!begin(&path, &entries->prefix, reading)) {
        set_aside_message(reading, at, "the names of its metrics are too long");
        return;
    }
    struct gw_json_cursor cursor = gw_json_begin(&reading->tape, at);
    while (gw_json_step(&reading->tape, &cursor) && reading->value_count <= GW_JSON_MAP_MAX_VALUES)
        take_entry(reading, entries, cursor.value, &path, stamp);
}

/* --- a part: all of the payload, or one of `each` --- */

static void claim(struct reading *reading, uint32_t root, struct gw_str pointer)
{
    uint32_t at =
        pointer.ptr == NULL ? GW_JSON_NONE : gw_pointer_find(&reading->tape, root, pointer);

    if (at != GW_JSON_NONE)
        reading->claimed[reading->claimed_count++] = at;
}

/* What else is said of a value is not taken for a member of the object that it lies in. */
static void claim_all(struct reading *reading, uint32_t root)
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

static bool find_device(struct reading *reading, uint32_t root)
{
    const struct gw_json_place *place = &reading->place;
    struct gw_str device = place->device;
    uint32_t at = GW_JSON_NONE;
    char name[4 * GW_MAX_DEVICE_NAME];

    if (place->map->device_at.ptr != NULL) {
        at = gw_pointer_find(&reading->tape, root, place->map->device_at);
        if (at == GW_JSON_NONE || gw_json_scalar_text(&reading->tape, at, &device) != 0 ||
            device.len == 0 || device.len > GW_MAX_DEVICE_NAME) {
            set_aside_message(reading, at == GW_JSON_NONE ? root : at, "no name of a device");
            return false;
        }
    }
    reading->device = gw_registry_find(reading->registry, place->group, place->edge_node, device);
    if (reading->device != NULL)
        return true;
    int len = snprintf(name, sizeof(name), "%.*s/%.*s%s%.*s", GW_STR_ARG(place->group),
                       GW_STR_ARG(place->edge_node), device.len > 0 ? "/" : "", GW_STR_ARG(device));
    set_aside(reading, GW_QUARANTINE_UNKNOWN_DEVICE, text_of(name, sizeof(name), len), at,
              "topic %.*s", GW_STR_ARG(reading->message->topic));
    return false;
}

static void take_metrics(struct reading *reading, uint32_t root, const struct stamp *stamp)
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
            take_value(reading, name, at, stamp);
        else
            set_aside_message(reading, at, "the name of its metric is too long");
    }
}

static void take_part(struct reading *reading, uint32_t root)
{
    const struct gw_json_map *map = reading->place.map;
    struct stamp stamp = {.time_ms = reading->message->arrival_ms, .quality = GW_QUALITY_GOOD};

    reading->has_found = false;
    if (!find_device(reading, root) ||
        !read_stamp(reading, root, map->time, map->quality, &stamp)) {
        is_full(reading);
        return;
    }
    if (map->time.ptr != NULL && !stamp.has_time) {
        set_aside(reading, GW_QUARANTINE_TIME, reading->message->topic, root, "there is no %.*s",
                  GW_STR_ARG(map->time));
        is_full(reading);
        return;
    }
    claim_all(reading, root);
    take_metrics(reading, root, &stamp);
    for (size_t i = 0; i < map->members_count; i++)
        take_object(reading, &map->members[i], root, &stamp);
    for (size_t i = 0; i < map->entries_count; i++)
        take_list(reading, &map->entries[i], root, &stamp);
    if (!reading->has_found) {
        set_aside_message(reading, root, "nothing that the mapping names is there");
        is_full(reading);
    }
}

static void take_all(struct reading *reading)
{
    const struct gw_json_map *map = reading->place.map;
    uint32_t at = map->each.ptr != NULL ? gw_pointer_find(&reading->tape, 0, map->each) : 0;

    if (at == GW_JSON_NONE) {
        set_aside(reading, GW_QUARANTINE_MALFORMED, reading->message->topic, 0, "there is no %.*s",
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

static int make_room(struct reading *reading)
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
static bool parse(struct reading *reading, int *out_rc)
{
    static const struct gw_json_limits limits = {GW_JSON_MAP_MAX_BYTES, GW_JSON_MAP_MAX_DEPTH};
    struct gw_json_error why = {0};

    *out_rc =
        gw_json_read(reading->arena, reading->message->payload, &limits, &reading->tape, &why);
    if (*out_rc == -ENOMEM)
        return false;
    if (*out_rc != 0)
        set_aside(reading, GW_QUARANTINE_MALFORMED, reading->message->topic, GW_JSON_NONE,
                  "no JSON that can be read: %s, at byte %zu", why.text, why.byte);
    else if (reading->tape.has_duplicates)
        set_aside(reading, GW_QUARANTINE_MALFORMED, reading->message->topic, GW_JSON_NONE,
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
    struct reading reading = {
        .registry = registry, .message = message, .sink = sink, .arena = arena, .out = out_read};
    struct gw_error error;
    int rc;

    *out_read = (struct gw_json_read){0};
    if (gw_json_map_locate(registry, message->topic, &reading.place, &error) != 0) {
        set_aside(&reading, GW_QUARANTINE_MALFORMED, message->topic, GW_JSON_NONE, "%s",
                  error.text);
        return 0;
    }
    if (message->node != NULL && !is_of(&reading.place, message->node)) {
        set_aside(&reading, GW_QUARANTINE_MALFORMED, message->topic, GW_JSON_NONE,
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
    set_aside(&reading, GW_QUARANTINE_MALFORMED, message->topic, GW_JSON_NONE,
              "more than %d values", GW_JSON_MAP_MAX_VALUES);
    return 0;
}
