/* Payloads: from metrics to the wire, by protobuf-c. */
#include <errno.h>

#include "server/iot/sparkplug.h"
#include "server/iot/sparkplug.pb-c.h"

static ProtobufCBinaryData bytes_of(struct gw_str text)
{
    return (ProtobufCBinaryData){text.len, (uint8_t *)(uintptr_t)text.ptr};
}

static bool write_integer(const struct gw_sparkplug_metric *from, Sparkplug__Metric *to)
{
    bool is_long = from->type == GW_SPARKPLUG_INT64 || from->type == GW_SPARKPLUG_UINT64 ||
                   from->type == GW_SPARKPLUG_DATETIME || !from->has_type;

    if (is_long) {
        to->value_case = SPARKPLUG__METRIC__VALUE_LONG_VALUE;
        to->long_value = (uint64_t)from->integer;
        return true;
    }
    to->value_case = SPARKPLUG__METRIC__VALUE_INT_VALUE;
    to->int_value = (uint32_t)from->integer;
    return from->type >= GW_SPARKPLUG_INT8 && from->type <= GW_SPARKPLUG_UINT32;
}

static bool write_real(const struct gw_sparkplug_metric *from, Sparkplug__Metric *to)
{
    if (from->type == GW_SPARKPLUG_FLOAT) {
        to->value_case = SPARKPLUG__METRIC__VALUE_FLOAT_VALUE;
        to->float_value = (float)from->real;
        return true;
    }
    to->value_case = SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE;
    to->double_value = from->real;
    return !from->has_type || from->type == GW_SPARKPLUG_DOUBLE;
}

static bool write_text(const struct gw_sparkplug_metric *from, Sparkplug__Metric *to)
{
    if (from->type >= GW_SPARKPLUG_BYTES) {
        to->value_case = SPARKPLUG__METRIC__VALUE_BYTES_VALUE;
        to->bytes_value = bytes_of(from->text);
        return from->type != GW_SPARKPLUG_TEMPLATE;
    }
    to->value_case = SPARKPLUG__METRIC__VALUE_STRING_VALUE;
    to->string_value = bytes_of(from->text);
    return !from->has_type || from->type == GW_SPARKPLUG_STRING ||
           from->type == GW_SPARKPLUG_TEXT || from->type == GW_SPARKPLUG_UUID;
}

static bool write_value(const struct gw_sparkplug_metric *from, Sparkplug__Metric *to)
{
    switch ((enum gw_sample_type)from->value) {
    case GW_SAMPLE_NONE:
        to->has_is_null = to->is_null = true;
        return from->dataset == NULL && from->template_value == NULL;
    case GW_SAMPLE_BOOLEAN:
        to->value_case = SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE;
        to->boolean_value = from->boolean;
        return !from->has_type || from->type == GW_SPARKPLUG_BOOLEAN;
    case GW_SAMPLE_INTEGER:
        return write_integer(from, to);
    case GW_SAMPLE_REAL:
        return write_real(from, to);
    case GW_SAMPLE_TEXT:
        return write_text(from, to);
    }
    return false;
}

/* A metric's own property set, where it has something to say. */
struct properties {
    Sparkplug__PropertySet set;
    ProtobufCBinaryData keys[2];
    Sparkplug__PropertyValue values[2];
    Sparkplug__PropertyValue *places[2];
};

static Sparkplug__PropertyValue *add_property(struct properties *properties, struct gw_str key,
                                              enum gw_sparkplug_type type)
{
    size_t at = properties->set.n_keys++;
    Sparkplug__PropertyValue *value = &properties->values[at];

    sparkplug__property_value__init(value);
    value->has_type = true;
    value->type = type;
    properties->keys[at] = bytes_of(key);
    properties->places[at] = value;
    properties->set.n_values++;
    return value;
}

static bool write_properties(const struct gw_sparkplug_metric *from, struct gw_arena *arena,
                             Sparkplug__Metric *to)
{
    static const uint32_t codes[] = {[GW_QUALITY_GOOD] = 192,
                                     [GW_QUALITY_UNCERTAIN] = 64,
                                     [GW_QUALITY_BAD] = 0,
                                     [GW_QUALITY_STALE] = 500};

    if (from->quality == GW_QUALITY_GOOD && from->unit.len == 0)
        return true;
    struct properties *properties = gw_arena_alloc(arena, sizeof(*properties));
    if (properties == NULL || from->quality >= GW_COUNT_OF(codes))
        return false;
    sparkplug__property_set__init(&properties->set);
    properties->set.keys = properties->keys;
    properties->set.values = properties->places;
    if (from->quality != GW_QUALITY_GOOD) {
        Sparkplug__PropertyValue *value =
            add_property(properties, GW_STR("Quality"), GW_SPARKPLUG_INT32);
        value->value_case = SPARKPLUG__PROPERTY_VALUE__VALUE_INT_VALUE;
        value->int_value = codes[from->quality];
    }
    if (from->unit.len > 0) {
        Sparkplug__PropertyValue *value =
            add_property(properties, GW_STR("engUnit"), GW_SPARKPLUG_STRING);
        value->value_case = SPARKPLUG__PROPERTY_VALUE__VALUE_STRING_VALUE;
        value->string_value = bytes_of(from->unit);
    }
    to->properties = &properties->set;
    return true;
}

static int write_metric(const struct gw_sparkplug_metric *from, struct gw_arena *arena,
                        Sparkplug__Metric *to)
{
    sparkplug__metric__init(to);
    to->has_name = from->name.len > 0;
    to->name = bytes_of(from->name);
    to->has_alias = from->has_alias;
    to->alias = from->alias;
    to->has_timestamp = from->has_time;
    to->timestamp = (uint64_t)from->time_ms;
    to->has_datatype = from->has_type;
    to->datatype = from->type;
    to->has_is_historical = to->is_historical = from->is_historical;
    to->has_is_transient = to->is_transient = from->is_transient;
    if (!write_value(from, to))
        return -EINVAL;
    return write_properties(from, arena, to) ? 0 : -ENOMEM;
}

static int write_payload(const struct gw_sparkplug_payload *from, struct gw_arena *arena,
                         struct gw_buf *out)
{
    Sparkplug__Payload message = SPARKPLUG__PAYLOAD__INIT;
    size_t count = from->metric_count;
    Sparkplug__Metric *metrics = gw_arena_calloc(arena, count + 1, sizeof(*metrics));
    Sparkplug__Metric **places = gw_arena_calloc(arena, count + 1, sizeof(*places));

    if (metrics == NULL || places == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int rc = write_metric(&from->metrics[i], arena, &metrics[i]);
        if (rc != 0)
            return rc;
        places[i] = &metrics[i];
    }
    message.has_timestamp = from->has_time;
    message.timestamp = (uint64_t)from->time_ms;
    message.has_seq = from->has_seq;
    message.seq = from->seq;
    message.n_metrics = count;
    message.metrics = places;
    message.has_body = from->body.len > 0;
    message.body = bytes_of(from->body);

    size_t bytes = sparkplug__payload__get_packed_size(&message);
    char *room = gw_buf_reserve(out, bytes);
    if (room == NULL)
        return -ENOMEM;
    out->len += sparkplug__payload__pack(&message, (uint8_t *)room);
    return 0;
}

int gw_sparkplug_encode(const struct gw_sparkplug_payload *payload, struct gw_buf *out)
{
    struct gw_arena arena;

    gw_arena_init(&arena, 16384, 32u << 20);
    int rc = write_payload(payload, &arena, out);
    gw_arena_finish(&arena);
    return rc;
}
