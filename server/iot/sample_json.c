#include "server/iot/sample_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "server/iot/sample_text.h"

#define MAX_NUMBER 64 /* characters of a literal */

static const struct gw_json_limits limits = {GW_SAMPLES_MAX_BYTES, 8};

bool gw_samples_topic_parse(struct gw_str topic, struct gw_str *out_group,
                            struct gw_str *out_edge_node, struct gw_str *out_place)
{
    bool is_kept = gw_str_has_prefix(topic, GW_STR(GW_SAMPLES_KEPT_TOPIC));
    struct gw_str rest =
        gw_str_tail(topic, strlen(is_kept ? GW_SAMPLES_KEPT_TOPIC : GW_SAMPLES_TOPIC));

    if ((!is_kept && !gw_str_has_prefix(topic, GW_STR(GW_SAMPLES_TOPIC))) ||
        !gw_str_split(&rest, '/', out_group) || !gw_str_split(&rest, '/', out_edge_node))
        return false;
    *out_place = rest;
    return rest.len > 0;
}

/* --- values --- */

static bool read_integer(struct gw_str text, int64_t *out_integer)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t number;

    if (gw_str_to_u64(gw_str_tail(text, is_negative), &number) != 0 || number > INT64_MAX)
        return false;
    *out_integer = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static int set_number(struct gw_str literal, struct gw_sample *sample)
{
    char text[MAX_NUMBER + 1];

    if (read_integer(literal, &sample->integer)) {
        sample->type = GW_SAMPLE_INTEGER;
        return 0;
    }
    if (literal.len > MAX_NUMBER)
        return -EINVAL;
    memcpy(text, literal.ptr, literal.len);
    text[literal.len] = 0;
    double number = strtod(text, NULL);
    if (!isfinite(number))
        return -EINVAL;
    sample->type = GW_SAMPLE_REAL;
    sample->real = number;
    return 0;
}

int gw_sample_set_value(const struct gw_value *value, struct gw_sample *out_sample)
{
    switch (value->type) {
    case GW_JSON_NULL:
        out_sample->type = GW_SAMPLE_NONE;
        out_sample->integer = 0;
        return 0;
    case GW_JSON_TRUE:
    case GW_JSON_FALSE:
        out_sample->type = GW_SAMPLE_BOOLEAN;
        out_sample->boolean = value->type == GW_JSON_TRUE;
        return 0;
    case GW_JSON_NUMBER:
        return set_number(value->text, out_sample);
    case GW_JSON_STRING:
        if (value->text.len > GW_SAMPLES_MAX_TEXT)
            return -EINVAL;
        out_sample->type = GW_SAMPLE_TEXT;
        out_sample->text = value->text;
        return 0;
    default:
        return -EINVAL;
    }
}

void gw_sample_scale(const struct gw_metric_config *metric, struct gw_sample *sample)
{
    double number;

    if (!metric->has_scale || sample->type == GW_SAMPLE_BOOLEAN ||
        !gw_sample_number(sample, &number))
        return;
    number = number * metric->factor + metric->offset;
    sample->type = isfinite(number) ? GW_SAMPLE_REAL : GW_SAMPLE_NONE;
    sample->quality = isfinite(number) ? sample->quality : GW_QUALITY_BAD;
    sample->real = number;
}

/* --- messages --- */

static void write_text(struct gw_buf *out, struct gw_str text)
{
    gw_buf_append_byte(out, '"');
    gw_buf_append_json(out, text);
    gw_buf_append_text(out, "\",");
}

void gw_samples_write(struct gw_buf *out, struct gw_str device, struct gw_str metric,
                      const struct gw_sample *sample)
{
    gw_buf_append_text(out, out->len > 1 ? ",[" : "[");
    write_text(out, device);
    write_text(out, metric);
    gw_buf_printf(out, "%lld,", (long long)sample->time_ms);
    gw_sample_write_value(out, sample);
    gw_buf_printf(out, ",\"%s\",%s]", gw_quality_name((enum gw_quality)sample->quality),
                  sample->is_historical ? "true" : "false");
}

static bool read_item(const struct gw_value *item, struct gw_sample *sample)
{
    enum gw_quality quality;

    if (item->type != GW_JSON_ARRAY || item->count != 6 || item->items[0].type != GW_JSON_STRING ||
        item->items[1].type != GW_JSON_STRING || item->items[2].type != GW_JSON_NUMBER ||
        item->items[4].type != GW_JSON_STRING)
        return false;
    if (!read_integer(item->items[2].text, &sample->time_ms) || sample->time_ms < 0 ||
        gw_sample_set_value(&item->items[3], sample) != 0 ||
        !gw_quality_parse(item->items[4].text, &quality))
        return false;
    sample->quality = (uint8_t)quality;
    sample->is_historical = item->items[5].type == GW_JSON_TRUE;
    return true;
}

/* The registry may be another one than when they were taken. */
static bool find_series(const struct gw_registry *registry, const struct gw_edge_node_config *node,
                        const struct gw_value *item, struct gw_samples_read *read, uint32_t *out)
{
    struct gw_str name = item->items[0].text, source = item->items[1].text;
    const struct gw_device_config *device =
        gw_registry_find(registry, node->group, node->edge_node, name);
    const struct gw_metric_config *metric =
        device != NULL ? gw_device_type_find_name(device->type, source) : NULL;

    if (metric == NULL) {
        read->unknown++;
        read->unknown_device = name;
        read->unknown_metric = device != NULL ? source : GW_STR("");
        return false;
    }
    *out = gw_device_series(device, metric);
    return true;
}

int gw_samples_read(struct gw_str payload, const struct gw_registry *registry,
                    const struct gw_edge_node_config *node, struct gw_arena *arena,
                    struct gw_samples_read *out_read, struct gw_error *error)
{
    struct gw_json_error why = {0};
    struct gw_value list;
    int rc = gw_value_read(arena, payload, &limits, &list, &why);

    *out_read = (struct gw_samples_read){0};
    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "no JSON: %s", why.text);
    if (list.type != GW_JSON_ARRAY || list.count > GW_SAMPLES_MAX)
        return gw_error_set(error, -EINVAL, "not a list of at most %d samples", GW_SAMPLES_MAX);
    out_read->samples = gw_arena_calloc(arena, list.count + 1, sizeof(struct gw_sample));
    if (out_read->samples == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list.count; i++) {
        struct gw_sample *sample = &out_read->samples[out_read->count];
        if (!read_item(&list.items[i], sample))
            return gw_error_set(error, -EINVAL, "item %zu is no sample", i);
        out_read->count +=
            find_series(registry, node, &list.items[i], out_read, &sample->series) ? 1 : 0;
    }
    return 0;
}
