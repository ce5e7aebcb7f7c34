/* Values of payloads: one, those of an object, those of a list; and putting aside. */
#include <stdarg.h>
#include <stdio.h>

#include "server/iot/json_map_reading.h"
#include "server/iot/sample_json.h"
#include "server/json/pointer.h"

#define MAX_POINTED 20 /* things put aside of one payload whose place is told: each is searched */
#define MAX_DETAIL 400

/* The name of a metric that grows with the depth. */
struct path {
    char text[GW_JSON_MAP_MAX_SOURCE];
    size_t len, prefix_len;
};

/* --- putting aside --- */

struct gw_str gw_json_text_of(char *buffer, size_t size, int len)
{
    return gw_str_from(buffer, (size_t)len < size ? (size_t)len : size - 1);
}

GW_PRINTF(5, 0)
static void set_aside(struct gw_json_reading *reading, enum gw_quarantine_reason reason,
                      struct gw_str name, uint32_t at, const char *format, va_list args)
{
    const struct gw_json_map *map = reading->place.map;
    struct gw_str mapping = map != NULL ? map->name : GW_STR("-");
    struct gw_str pointer = GW_STR("");
    char why[MAX_DETAIL], detail[4 * MAX_DETAIL];

    if (at != GW_JSON_NONE && reading->aside_count++ < MAX_POINTED) {
        pointer = gw_pointer_to(&reading->tape, 0, at, reading->arena);
        pointer.len = pointer.len > MAX_DETAIL / 2 ? MAX_DETAIL / 2 : pointer.len;
    }
    vsnprintf(why, sizeof(why), format, args);
    int len = snprintf(detail, sizeof(detail), "mapping %.*s%s%.*s: %s; topic %.*s",
                       GW_STR_ARG(mapping), pointer.len > 0 ? ", " : "", GW_STR_ARG(pointer), why,
                       GW_STR_ARG(reading->message->topic));
    reading->sink->on_aside(reading->sink->self, reason, name,
                            gw_json_text_of(detail, sizeof(detail), len));
}

void gw_json_set_aside(struct gw_json_reading *reading, enum gw_quarantine_reason reason,
                       struct gw_str name, uint32_t at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set_aside(reading, reason, name, at, format, args);
    va_end(args);
}

void gw_json_set_aside_message(struct gw_json_reading *reading, enum gw_quarantine_reason reason,
                               uint32_t at, const char *format, ...)
{
    const struct gw_json_place *place = &reading->place;
    struct gw_str name = reading->message->topic;
    char text[4 * GW_MAX_DEVICE_NAME];
    va_list args;

    if (reading->device != NULL) {
        name = reading->device->id;
    } else if (reading->is_located) {
        int len = snprintf(text, sizeof(text), "%.*s/%.*s%s%.*s", GW_STR_ARG(place->group),
                           GW_STR_ARG(place->edge_node), place->device.len > 0 ? "/" : "",
                           GW_STR_ARG(place->device));
        name = gw_json_text_of(text, sizeof(text), len);
    }
    va_start(args, format);
    set_aside(reading, reason, name, at, format, args);
    va_end(args);
}

/* --- one value --- */

bool gw_json_is_full(struct gw_json_reading *reading)
{
    return ++reading->value_count > GW_JSON_MAP_MAX_VALUES ||
           reading->out->count == reading->capacity;
}

static void set_aside_value(struct gw_json_reading *reading, enum gw_quarantine_reason reason,
                            struct gw_str source, uint32_t at, const char *why)
{
    char name[4 * GW_MAX_DEVICE_NAME + GW_JSON_MAP_MAX_SOURCE];
    int len = snprintf(name, sizeof(name), "%.*s/%.*s", GW_STR_ARG(reading->device->id),
                       GW_STR_ARG(source));

    gw_json_set_aside(reading, reason, gw_json_text_of(name, sizeof(name), len), at, "%s", why);
}

void gw_json_take_value(struct gw_json_reading *reading, struct gw_str source, uint32_t at,
                        const struct gw_json_stamp *stamp)
{
    const struct gw_metric_config *metric = gw_device_type_find(reading->device->type, source);
    struct gw_sample sample = {.quality = (uint8_t)stamp->quality, .time_ms = stamp->time_ms};

    reading->has_found = true;
    if (gw_json_is_full(reading))
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

bool gw_json_read_stamp(struct gw_json_reading *reading, uint32_t root, struct gw_str time,
                        struct gw_str quality, struct gw_json_stamp *stamp)
{
    const struct gw_json_map *map = reading->place.map;
    uint32_t time_at = GW_JSON_NONE, quality_at = GW_JSON_NONE;

    if (time.ptr != NULL)
        time_at = gw_pointer_find(&reading->tape, root, time);
    if (quality.ptr != NULL)
        quality_at = gw_pointer_find(&reading->tape, root, quality);
    if (time_at != GW_JSON_NONE) {
        if (!gw_json_map_read_time(map, &reading->tape, time_at, &stamp->time_ms)) {
            gw_json_set_aside_message(reading, GW_QUARANTINE_TIME, time_at,
                                      "no time of the mapping's unit, nor of RFC 3339");
            return false;
        }
        stamp->has_time = true;
    }
    if (quality_at != GW_JSON_NONE && gw_json_type(&reading->tape, quality_at) != GW_JSON_NULL &&
        !gw_json_map_read_quality(map, &reading->tape, quality_at, &stamp->quality)) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, quality_at, "no quality");
        return false;
    }
    return true;
}

/* --- objects whose members are metrics --- */

static bool begin(struct path *path, const struct gw_json_template *prefix,
                  const struct gw_json_reading *reading)
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

static bool is_claimed(const struct gw_json_reading *reading, uint32_t at)
{
    for (size_t i = 0; i < reading->claimed_count; i++)
        if (reading->claimed[i] == at)
            return true;
    return false;
}

/* As deep as gw_json_read() lets through. */
static void take_members(struct gw_json_reading *reading, const struct gw_json_members *members,
                         uint32_t at, struct path *path, const struct gw_json_stamp *stamp)
{
    struct gw_json_cursor cursor = gw_json_begin(&reading->tape, at);
    size_t len = path->len;

    while (gw_json_step(&reading->tape, &cursor) &&
           reading->value_count <= GW_JSON_MAP_MAX_VALUES) {
        path->len = len;
        if (is_claimed(reading, cursor.value))
            continue;
        if (!enter(path, gw_json_string(&reading->tape, cursor.name))) {
            gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, cursor.value,
                                      "its name is empty or too long");
            gw_json_is_full(reading);
            continue;
        }
        struct gw_str own =
            gw_str_from(path->text + path->prefix_len, path->len - path->prefix_len);
        if (is_among(own, members->ignored, members->ignored_count))
            continue;
        if (gw_json_type(&reading->tape, cursor.value) == GW_JSON_OBJECT)
            take_members(reading, members, cursor.value, path, stamp);
        else
            gw_json_take_value(reading, gw_str_from(path->text, path->len), cursor.value, stamp);
    }
    path->len = len;
}

void gw_json_take_object(struct gw_json_reading *reading, const struct gw_json_members *members,
                         uint32_t root, const struct gw_json_stamp *stamp)
{
    uint32_t at = gw_pointer_find(&reading->tape, root, members->at);
    struct path path;

    if (at == GW_JSON_NONE)
        return;
    reading->has_found = true;
    if (gw_json_type(&reading->tape, at) != GW_JSON_OBJECT)
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, at, "no object");
    else if (!begin(&path, &members->prefix, reading))
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, at,
                                  "the names of its metrics are too long");
    else
        take_members(reading, members, at, &path, stamp);
}

/* --- lists of entries --- */

static void take_entry(struct gw_json_reading *reading, const struct gw_json_entries *entries,
                       uint32_t at, struct path *path, const struct gw_json_stamp *around)
{
    uint32_t name_at = gw_pointer_find(&reading->tape, at, entries->name);
    uint32_t value_at = gw_pointer_find(&reading->tape, at, entries->value);
    struct gw_json_stamp stamp = *around;
    struct gw_str name;

    path->len = path->prefix_len;
    if (name_at == GW_JSON_NONE || gw_json_scalar_text(&reading->tape, name_at, &name) != 0 ||
        !enter(path, name)) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, at,
                                  "the entry has no name, or one that is too long");
        gw_json_is_full(reading);
        return;
    }
    if (is_among(name, entries->ignored, entries->ignored_count))
        return;
    struct gw_str source = gw_str_from(path->text, path->len);
    if (value_at == GW_JSON_NONE) {
        set_aside_value(reading, GW_QUARANTINE_MALFORMED, source, at, "the entry has no value");
        gw_json_is_full(reading);
    } else if (gw_json_read_stamp(reading, at, entries->time, entries->quality, &stamp)) {
        gw_json_take_value(reading, source, value_at, &stamp);
    } else {
        gw_json_is_full(reading);
    }
}

void gw_json_take_list(struct gw_json_reading *reading, const struct gw_json_entries *entries,
                       uint32_t root, const struct gw_json_stamp *stamp)
{
    uint32_t at = gw_pointer_find(&reading->tape, root, entries->at);
    struct path path;

    if (at == GW_JSON_NONE)
        return;
    reading->has_found = true;
    if (gw_json_type(&reading->tape, at) != GW_JSON_ARRAY) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, at, "no list");
        return;
    }
    if (!begin(&path, &entries->prefix, reading)) {
        gw_json_set_aside_message(reading, GW_QUARANTINE_MALFORMED, at,
                                  "the names of its metrics are too long");
        return;
    }
    struct gw_json_cursor cursor = gw_json_begin(&reading->tape, at);
    while (gw_json_step(&reading->tape, &cursor) && reading->value_count <= GW_JSON_MAP_MAX_VALUES)
        take_entry(reading, entries, cursor.value, &path, stamp);
}
