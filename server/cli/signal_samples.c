#include "server/cli/signal_samples.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "server/core/instant.h"
#include "server/core/scope.h"
#include "server/json/reader.h"

#define ARENA_MAX_BYTES (4u << 20)

struct reading {
    struct gw_sample_lines *lines;
    struct gw_arena arena;
    struct gw_json_tape tape;
    struct gw_error *error;
};

static uint32_t member(const struct reading *reading, const char *name)
{
    return gw_json_get(&reading->tape, 0, gw_str_of(name));
}

static bool has(const struct reading *reading, const char *name)
{
    return member(reading, name) != GW_JSON_NONE;
}

static struct gw_str text(const struct reading *reading, const char *name)
{
    uint32_t at = member(reading, name);

    return at != GW_JSON_NONE && gw_json_type(&reading->tape, at) == GW_JSON_STRING
               ? gw_json_string(&reading->tape, at)
               : GW_STR("");
}

/* Milliseconds since 1970 or RFC 3339. */
static int read_time(struct reading *reading, const char *name, int64_t *out_time_ms)
{
    uint32_t at = member(reading, name);

    if (at != GW_JSON_NONE && gw_json_type(&reading->tape, at) == GW_JSON_NUMBER &&
        gw_json_to_i64(&reading->tape, at, out_time_ms))
        return 0;
    if (at != GW_JSON_NONE && gw_json_type(&reading->tape, at) == GW_JSON_STRING &&
        gw_instant_read(gw_json_string(&reading->tape, at), out_time_ms) == 0)
        return 0;
    return gw_error_set(reading->error, -EINVAL,
                        "\"%s\" must be a time: milliseconds since 1970, or RFC 3339", name);
}

static int read_device(struct reading *reading, const struct gw_device_config **out_device)
{
    struct gw_str group = text(reading, "group"), node = text(reading, "edgeNode"),
                  name = text(reading, "device");
    const struct gw_device_config *device =
        gw_registry_find(reading->lines->registry, group, node, name);

    if (device == NULL)
        return gw_error_set(reading->error, -EINVAL, "%.*s/%.*s/%.*s is not registered",
                            GW_STR_ARG(group), GW_STR_ARG(node), GW_STR_ARG(name));
    *out_device = device;
    return 0;
}

/* --- a sample --- */

static int read_number(struct reading *reading, uint32_t at, struct gw_sample *sample)
{
    struct gw_str literal = gw_json_number(&reading->tape, at);
    char buffer[64];

    sample->type = GW_SAMPLE_INTEGER;
    if (gw_json_to_i64(&reading->tape, at, &sample->integer))
        return 0;
    if (literal.len >= sizeof(buffer))
        return gw_error_set(reading->error, -EINVAL, "a number has more than 63 digits");
    memcpy(buffer, literal.ptr, literal.len);
    buffer[literal.len] = '\0';
    sample->type = GW_SAMPLE_REAL;
    sample->real = strtod(buffer, NULL);
    return isfinite(sample->real) ? 0
                                  : gw_error_set(reading->error, -EINVAL, "a number is too large");
}

static int read_value(struct reading *reading, struct gw_sample *sample)
{
    uint32_t at = member(reading, "value");

    sample->type = GW_SAMPLE_NONE;
    if (at == GW_JSON_NONE)
        return 0;
    switch (gw_json_type(&reading->tape, at)) {
    case GW_JSON_NULL:
        return 0;
    case GW_JSON_FALSE:
    case GW_JSON_TRUE:
        sample->type = GW_SAMPLE_BOOLEAN;
        sample->boolean = gw_json_type(&reading->tape, at) == GW_JSON_TRUE;
        return 0;
    case GW_JSON_NUMBER:
        return read_number(reading, at, sample);
    case GW_JSON_STRING:
        sample->type = GW_SAMPLE_TEXT;
        sample->text = gw_json_string(&reading->tape, at);
        return 0;
    case GW_JSON_ARRAY:
    case GW_JSON_OBJECT:
        break;
    }
    return gw_error_set(reading->error, -EINVAL, "\"value\" must be a scalar");
}

static int read_quality(struct reading *reading, struct gw_sample *sample)
{
    static const char *const names[] = {"good", "uncertain", "bad", "stale"};

    if (!has(reading, "quality"))
        return 0;
    for (size_t i = 0; i < GW_COUNT_OF(names); i++)
        if (gw_str_equal(text(reading, "quality"), gw_str_of(names[i]))) {
            sample->quality = (uint8_t)i;
            return 0;
        }
    return gw_error_set(reading->error, -EINVAL,
                        "\"quality\" is one of good, uncertain, bad, stale");
}

/* By the device's own name of the metric its value is the device's, by ours it is canonical. */
static const struct gw_metric_config *find_metric(const struct gw_device_type *type,
                                                  struct gw_str name, struct gw_sample *sample)
{
    const struct gw_metric_config *metric = gw_device_type_find(type, name);
    double number;

    if (metric == NULL)
        return gw_device_type_find_name(type, name);
    if (metric->has_scale && gw_sample_number(sample, &number)) {
        sample->type = GW_SAMPLE_REAL;
        sample->real = number * metric->factor + metric->offset;
    }
    return metric;
}

static int feed_sample(struct reading *reading)
{
    struct gw_sample_lines *lines = reading->lines;
    const struct gw_device_config *device = NULL;
    struct gw_sample sample = {.quality = GW_QUALITY_GOOD};
    struct gw_str name = text(reading, "metric");
    int rc = read_device(reading, &device);

    if (rc == 0)
        rc = read_time(reading, "time", &sample.time_ms);
    if (rc == 0)
        rc = read_value(reading, &sample);
    if (rc == 0)
        rc = read_quality(reading, &sample);
    if (rc != 0)
        return rc;
    const struct gw_metric_config *metric = find_metric(device->type, name, &sample);
    if (metric == NULL)
        return gw_error_set(reading->error, -EINVAL, "the type %.*s has no metric \"%.*s\"",
                            GW_STR_ARG(device->type->name), GW_STR_ARG(name));
    sample.series = gw_device_series(device, metric);
    lines->sample_count++;
    gw_signal_engine_feed(lines->engine, gw_registry_node(lines->registry, device->node), &sample,
                          1);
    return 0;
}

/* --- what else a line may say --- */

static int feed_state(struct reading *reading)
{
    const struct gw_device_config *device = NULL;
    uint32_t online = member(reading, "online");
    int64_t time_ms = 0;
    int rc = read_device(reading, &device);

    if (rc == 0)
        rc = read_time(reading, "time", &time_ms);
    if (rc == 0)
        gw_signal_engine_state(reading->lines->engine, device,
                               gw_json_type(&reading->tape, online) == GW_JSON_TRUE, time_ms);
    return rc;
}

/* Of the plant that is named, or of any. */
static int suppress(struct reading *reading, struct gw_str equipment, int64_t from_ms,
                    int64_t until_ms)
{
    const struct gw_registry *registry = reading->lines->registry;
    struct gw_str plant = text(reading, "plant");
    int rc = -ENOENT;

    for (size_t i = 0; i < gw_registry_device_count(registry) && (rc == 0 || rc == -ENOENT); i++) {
        const struct gw_device_config *device = gw_registry_device(registry, i);
        if (gw_str_equal(device->equipment, equipment) &&
            (plant.len == 0 || gw_str_equal(device->plant, plant)))
            rc = gw_signal_engine_suppress(reading->lines->engine, device, from_ms, until_ms);
    }
    return rc;
}

static int feed_suppression(struct reading *reading)
{
    struct gw_str equipment = text(reading, "suppress");
    int64_t from_ms = 0, until_ms = 0;
    int rc = read_time(reading, "from", &from_ms);

    if (rc == 0)
        rc = read_time(reading, "until", &until_ms);
    if (rc != 0)
        return rc;
    rc = suppress(reading, equipment, from_ms, until_ms);
    return rc == 0 ? 0
                   : gw_error_set(reading->error, rc, "%.*s cannot be suppressed: %s",
                                  GW_STR_ARG(equipment), strerror(-rc));
}

static int feed_line(struct reading *reading, struct gw_str line)
{
    struct gw_json_error wrong;

    gw_arena_reset(&reading->arena);
    int rc = gw_json_read(&reading->arena, line, NULL, &reading->tape, &wrong);
    if (rc != 0)
        return gw_error_set(reading->error, rc, "%s", rc == -ENOMEM ? "out of memory" : wrong.text);
    if (has(reading, "suppress"))
        return feed_suppression(reading);
    return has(reading, "online") ? feed_state(reading) : feed_sample(reading);
}

int gw_sample_lines_feed(struct gw_sample_lines *lines, FILE *file, struct gw_error *error)
{
    GW_SCOPED(gw_scope_free) char *line = NULL;
    struct reading reading = {.lines = lines, .error = error};
    size_t capacity = 0;
    ssize_t len;
    int rc = 0;

    gw_arena_init(&reading.arena, 4096, ARENA_MAX_BYTES);
    while (rc == 0 && (len = getline(&line, &capacity, file)) >= 0) {
        struct gw_str given = gw_str_trim(gw_str_from(line, (size_t)len));
        while (given.len > 0 &&
               (given.ptr[given.len - 1] == '\n' || given.ptr[given.len - 1] == '\r'))
            given.len--;
        lines->line++;
        if (given.len > 0)
            rc = feed_line(&reading, given);
    }
    gw_arena_finish(&reading.arena);
    if (rc == 0 && ferror(file))
        rc = gw_error_set(error, -EIO, "it cannot be read");
    return rc;
}
