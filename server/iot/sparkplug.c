/* Topics, and what the wire's values mean by their types. */
#include "server/iot/sparkplug.h"

#include <errno.h>
#include <math.h>

#include "server/core/utf8.h"

static const char *const kind_names[] = {
    [GW_SPARKPLUG_NBIRTH] = "NBIRTH", [GW_SPARKPLUG_NDATA] = "NDATA",
    [GW_SPARKPLUG_NDEATH] = "NDEATH", [GW_SPARKPLUG_DBIRTH] = "DBIRTH",
    [GW_SPARKPLUG_DDATA] = "DDATA",   [GW_SPARKPLUG_DDEATH] = "DDEATH",
    [GW_SPARKPLUG_NCMD] = "NCMD",     [GW_SPARKPLUG_DCMD] = "DCMD",
    [GW_SPARKPLUG_STATE] = "STATE",
};

const char *gw_sparkplug_kind_name(enum gw_sparkplug_kind kind)
{
    return kind_names[kind];
}

static bool find_kind(struct gw_str name, enum gw_sparkplug_kind *out_kind)
{
    for (size_t i = 0; i < GW_COUNT_OF(kind_names); i++) {
        if (gw_str_equal(name, gw_str_of(kind_names[i]))) {
            *out_kind = (enum gw_sparkplug_kind)i;
            return true;
        }
    }
    return false;
}

static bool is_of_device(enum gw_sparkplug_kind kind)
{
    return kind == GW_SPARKPLUG_DBIRTH || kind == GW_SPARKPLUG_DDATA ||
           kind == GW_SPARKPLUG_DDEATH || kind == GW_SPARKPLUG_DCMD;
}

/* 4.1: UTF-8 without the characters that mean something in topics and filters. */
static bool is_name(struct gw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '+' || text.ptr[i] == '#' || text.ptr[i] == '\0')
            return false;
    }
    return text.len > 0 && gw_utf8_is_valid(text);
}

int gw_sparkplug_topic_parse(struct gw_str topic, struct gw_sparkplug_topic *out_topic,
                             struct gw_error *error)
{
    struct gw_str parts[6] = {{0}}, rest = topic;
    size_t count = 0;

    while (count < GW_COUNT_OF(parts) && gw_str_split(&rest, '/', &parts[count]))
        count++;
    if (count == 0 || !gw_str_equal(parts[0], GW_STR("spBv1.0")))
        return gw_error_set(error, -EINVAL, "the topic does not begin with spBv1.0/");
    for (size_t i = 1; i < count; i++) {
        if (!is_name(parts[i]))
            return gw_error_set(error, -EINVAL, "part %zu of the topic is no name", i + 1);
    }
    if (count == 3 && gw_str_equal(parts[1], GW_STR("STATE"))) {
        *out_topic = (struct gw_sparkplug_topic){.kind = GW_SPARKPLUG_STATE, .edge_node = parts[2]};
        return 0;
    }

    enum gw_sparkplug_kind kind;
    if (count < 4 || !find_kind(parts[2], &kind) || kind == GW_SPARKPLUG_STATE)
        return gw_error_set(error, -EINVAL, "the topic has no message type of Sparkplug B");
    if (count != (is_of_device(kind) ? 5 : 4))
        return gw_error_set(error, -EINVAL, "the topic of a %s has %s parts", kind_names[kind],
                            is_of_device(kind) ? "five" : "four");
    *out_topic = (struct gw_sparkplug_topic){kind, parts[1], parts[3], parts[4]};
    return 0;
}

/* --- values --- */

/* Makers write negative numbers in the width of the type or in that of the field: both are
 * understood, as long as nothing is lost. */
static int read_signed(struct gw_sparkplug_metric *metric, unsigned width)
{
    int64_t max = INT64_MAX >> (64 - width);
    int64_t number = metric->wire == GW_SPARKPLUG_WIRE_INT ? (int32_t)(uint32_t)metric->bits
                                                           : (int64_t)metric->bits;

    if (number > max && (uint64_t)number <= (uint64_t)max * 2 + 1)
        number -= 2 * max + 2;
    if (number > max || number < -max - 1)
        return -EINVAL;
    metric->value = GW_SAMPLE_INTEGER;
    metric->integer = number;
    return 0;
}

static int read_unsigned(struct gw_sparkplug_metric *metric, uint64_t max)
{
    if (metric->bits > max)
        return -EINVAL;
    if (metric->bits > INT64_MAX) {
        metric->value = GW_SAMPLE_REAL;
        metric->real = (double)metric->bits;
    } else {
        metric->value = GW_SAMPLE_INTEGER;
        metric->integer = (int64_t)metric->bits;
    }
    return 0;
}

static int read_integer(struct gw_sparkplug_metric *metric, enum gw_sparkplug_type type)
{
    if (metric->wire != GW_SPARKPLUG_WIRE_INT && metric->wire != GW_SPARKPLUG_WIRE_LONG)
        return -EINVAL;
    switch (type) {
    case GW_SPARKPLUG_INT8:
        return read_signed(metric, 8);
    case GW_SPARKPLUG_INT16:
        return read_signed(metric, 16);
    case GW_SPARKPLUG_INT32:
        return read_signed(metric, 32);
    case GW_SPARKPLUG_INT64:
        /* In a field of 32 bits nobody knows whether the top bit is a sign. */
        if (metric->wire == GW_SPARKPLUG_WIRE_INT)
            return read_unsigned(metric, INT32_MAX);
        metric->value = GW_SAMPLE_INTEGER;
        metric->integer = (int64_t)metric->bits;
        return 0;
    case GW_SPARKPLUG_UINT8:
        return read_unsigned(metric, UINT8_MAX);
    case GW_SPARKPLUG_UINT16:
        return read_unsigned(metric, UINT16_MAX);
    case GW_SPARKPLUG_UINT32:
        return read_unsigned(metric, UINT32_MAX);
    case GW_SPARKPLUG_DATETIME:
        return read_unsigned(metric, INT64_MAX);
    default:
        return read_unsigned(metric, UINT64_MAX);
    }
}

static int read_real(struct gw_sparkplug_metric *metric)
{
    if (metric->wire != GW_SPARKPLUG_WIRE_FLOAT && metric->wire != GW_SPARKPLUG_WIRE_DOUBLE)
        return -EINVAL;
    if (isfinite(metric->real)) {
        metric->value = GW_SAMPLE_REAL;
    } else {
        metric->value = GW_SAMPLE_NONE;
        metric->quality = GW_QUALITY_BAD;
    }
    return 0;
}

static int read_as(struct gw_sparkplug_metric *metric, enum gw_sample_type value,
                   enum gw_sparkplug_wire wire)
{
    if (metric->wire != wire)
        return -EINVAL;
    if (wire == GW_SPARKPLUG_WIRE_STRING && !gw_utf8_is_valid(metric->text))
        return -EINVAL;
    metric->value = (uint8_t)value;
    return 0;
}

static int read_value(struct gw_sparkplug_metric *metric, enum gw_sparkplug_type type)
{
    switch (type) {
    case GW_SPARKPLUG_INT8:
    case GW_SPARKPLUG_INT16:
    case GW_SPARKPLUG_INT32:
    case GW_SPARKPLUG_INT64:
    case GW_SPARKPLUG_UINT8:
    case GW_SPARKPLUG_UINT16:
    case GW_SPARKPLUG_UINT32:
    case GW_SPARKPLUG_UINT64:
    case GW_SPARKPLUG_DATETIME:
        return read_integer(metric, type);
    case GW_SPARKPLUG_FLOAT:
    case GW_SPARKPLUG_DOUBLE:
        return read_real(metric);
    case GW_SPARKPLUG_BOOLEAN:
        return read_as(metric, GW_SAMPLE_BOOLEAN, GW_SPARKPLUG_WIRE_BOOLEAN);
    case GW_SPARKPLUG_STRING:
    case GW_SPARKPLUG_TEXT:
    case GW_SPARKPLUG_UUID:
        return read_as(metric, GW_SAMPLE_TEXT, GW_SPARKPLUG_WIRE_STRING);
    case GW_SPARKPLUG_DATASET:
        return read_as(metric, GW_SAMPLE_NONE, GW_SPARKPLUG_WIRE_DATASET);
    case GW_SPARKPLUG_TEMPLATE:
        return read_as(metric, GW_SAMPLE_NONE, GW_SPARKPLUG_WIRE_TEMPLATE);
    default: /* bytes, files, arrays; property sets are no metric's type */
        if (type < GW_SPARKPLUG_BYTES || type >= GW_SPARKPLUG_TYPE_COUNT || type == 20 ||
            type == 21)
            return -EINVAL;
        return read_as(metric, GW_SAMPLE_TEXT, GW_SPARKPLUG_WIRE_BYTES);
    }
}

int gw_sparkplug_apply_type(struct gw_sparkplug_metric *metric, enum gw_sparkplug_type type)
{
    metric->value = GW_SAMPLE_NONE;
    metric->type = (uint8_t)type;
    metric->is_mistyped = false;
    if (metric->is_null)
        return 0;

    int rc = read_value(metric, type);
    metric->is_mistyped = rc != 0;
    return rc;
}
