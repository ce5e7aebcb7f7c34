/* Payloads: from the wire to metrics, by protobuf-c. */
#include <errno.h>
#include <string.h>

#include "server/iot/sparkplug.h"
#include "server/iot/sparkplug.pb-c.h"

#define MAX_MESSAGES 100000 /* within one payload, of whatever kind */

struct decoding {
    struct gw_arena *arena;
    bool is_full; /* the arena had no room */
};

/* --- before protobuf-c sees it --- */

struct survey {
    size_t messages, metrics; /* metrics with cells */
};

static bool skip(const uint8_t **at, const uint8_t *end, uint64_t bytes)
{
    if (bytes > (uint64_t)(end - *at))
        return false;
    *at += bytes;
    return true;
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *out_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out_value = value;
            return true;
        }
    }
    return false;
}

/* protobuf-c goes into messages by recursion, as deep as the sender likes, and makes much memory
 * of few bytes: so the shape is looked at first. */
static int survey(const ProtobufCMessageDescriptor *type, const uint8_t *at, const uint8_t *end,
                  unsigned depth, struct survey *found)
{
    if (depth > GW_SPARKPLUG_MAX_DEPTH || ++found->messages > MAX_MESSAGES)
        return -E2BIG;
    if ((type == &sparkplug__metric__descriptor ||
         type == &sparkplug__data_set_value__descriptor) &&
        ++found->metrics > GW_SPARKPLUG_MAX_METRICS)
        return -E2BIG;

    while (at < end) {
        uint64_t tag, len;
        if (!read_varint(&at, end, &tag) || tag > UINT32_MAX)
            return -EINVAL;
        switch (tag & 7) {
        case 0:
            if (!read_varint(&at, end, &len))
                return -EINVAL;
            continue;
        case 1:
        case 5:
            if (!skip(&at, end, (tag & 7) == 1 ? 8 : 4))
                return -EINVAL;
            continue;
        case 2:
            break;
        default:
            return -EINVAL; /* groups are not used any more */
        }
        const uint8_t *inner = NULL;
        if (!read_varint(&at, end, &len) || (inner = at, !skip(&at, end, len)))
            return -EINVAL;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        if (field == NULL || field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        int rc = survey(field->descriptor, inner, at, depth + 1, found);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- protobuf-c over an arena --- */

static void *take(void *self, size_t bytes)
{
    struct decoding *decoding = self;
    void *memory = gw_arena_alloc(decoding->arena, bytes);

    decoding->is_full = decoding->is_full || memory == NULL;
    return memory;
}

static void give_back(void *self, void *memory)
{
    (void)self;
    (void)memory;
}

static void *take_many(struct decoding *decoding, size_t count, size_t bytes)
{
    void *memory = gw_arena_calloc(decoding->arena, count, bytes);

    decoding->is_full = decoding->is_full || memory == NULL;
    return memory;
}

/* --- from its structures to ours --- */

static struct gw_str text_of(const ProtobufCBinaryData *bytes)
{
    return gw_str_from((const char *)bytes->data, bytes->len);
}

static int64_t time_of(uint64_t time_ms)
{
    return time_ms > INT64_MAX ? INT64_MAX : (int64_t)time_ms;
}

static void set_bits(struct gw_sparkplug_metric *metric, enum gw_sparkplug_wire wire, uint64_t bits)
{
    metric->wire = (uint8_t)wire;
    metric->bits = bits;
    metric->value = GW_SAMPLE_INTEGER;
    metric->integer = (int64_t)bits;
}

static void set_real(struct gw_sparkplug_metric *metric, enum gw_sparkplug_wire wire, double real)
{
    metric->wire = (uint8_t)wire;
    metric->value = GW_SAMPLE_REAL;
    metric->real = real;
}

static void set_text(struct gw_sparkplug_metric *metric, enum gw_sparkplug_wire wire,
                     const ProtobufCBinaryData *bytes)
{
    metric->wire = (uint8_t)wire;
    metric->value = GW_SAMPLE_TEXT;
    metric->text = text_of(bytes);
}

static void set_boolean(struct gw_sparkplug_metric *metric, bool boolean)
{
    metric->wire = GW_SPARKPLUG_WIRE_BOOLEAN;
    metric->value = GW_SAMPLE_BOOLEAN;
    metric->boolean = boolean;
}

static void settle_type(struct gw_sparkplug_metric *metric, uint32_t type)
{
    if (type == GW_SPARKPLUG_UNKNOWN)
        return;
    metric->has_type = true;
    /* A type beyond all known is kept as one that no value has. */
    if (gw_sparkplug_apply_type(
            metric, type < GW_SPARKPLUG_TYPE_COUNT ? type : GW_SPARKPLUG_TYPE_COUNT) != 0)
        metric->value = GW_SAMPLE_NONE;
}

/* 6.4.11 names three codes; those of OPC, from which they come, are told by their upper bits. */
static enum gw_quality quality_of(uint32_t code)
{
    if (code == 500)
        return GW_QUALITY_STALE;
    if (code > UINT8_MAX)
        return GW_QUALITY_BAD;
    return code >= 192                ? GW_QUALITY_GOOD
           : code >= 64 && code < 128 ? GW_QUALITY_UNCERTAIN
                                      : GW_QUALITY_BAD;
}

static void read_properties(const Sparkplug__PropertySet *set, struct gw_sparkplug_metric *metric)
{
    for (size_t i = 0; i < set->n_keys && i < set->n_values; i++) {
        const Sparkplug__PropertyValue *value = set->values[i];
        struct gw_str key = text_of(&set->keys[i]);
        if (value->has_is_null && value->is_null)
            continue;
        if (value->value_case == SPARKPLUG__PROPERTY_VALUE__VALUE_INT_VALUE &&
            gw_str_equal(key, GW_STR("Quality")))
            metric->quality = (uint8_t)quality_of(value->int_value);
        else if (value->value_case == SPARKPLUG__PROPERTY_VALUE__VALUE_STRING_VALUE &&
                 gw_str_equal(key, GW_STR("engUnit")))
            metric->unit = text_of(&value->string_value);
    }
}

static void read_cell(const Sparkplug__DataSetValue *from, struct gw_sparkplug_metric *to)
{
    switch (from->value_case) {
    case SPARKPLUG__DATA_SET_VALUE__VALUE_INT_VALUE:
        set_bits(to, GW_SPARKPLUG_WIRE_INT, from->int_value);
        break;
    case SPARKPLUG__DATA_SET_VALUE__VALUE_LONG_VALUE:
        set_bits(to, GW_SPARKPLUG_WIRE_LONG, from->long_value);
        break;
    case SPARKPLUG__DATA_SET_VALUE__VALUE_FLOAT_VALUE:
        set_real(to, GW_SPARKPLUG_WIRE_FLOAT, (double)from->float_value);
        break;
    case SPARKPLUG__DATA_SET_VALUE__VALUE_DOUBLE_VALUE:
        set_real(to, GW_SPARKPLUG_WIRE_DOUBLE, from->double_value);
        break;
    case SPARKPLUG__DATA_SET_VALUE__VALUE_BOOLEAN_VALUE:
        set_boolean(to, from->boolean_value);
        break;
    case SPARKPLUG__DATA_SET_VALUE__VALUE_STRING_VALUE:
        set_text(to, GW_SPARKPLUG_WIRE_STRING, &from->string_value);
        break;
    default:
        to->is_null = true; /* a cell has no other way to say so */
        break;
    }
}

static const struct gw_sparkplug_dataset *read_dataset(struct decoding *decoding,
                                                       const Sparkplug__DataSet *from)
{
    struct gw_sparkplug_dataset *dataset = take_many(decoding, 1, sizeof(*dataset));
    size_t columns = from->n_columns < from->n_types ? from->n_columns : from->n_types;
    size_t cells = 0;

    /* Rows that are shorter than the columns are filled with nulls: those count, too. */
    if (dataset == NULL || columns == 0 || from->n_rows == 0)
        return dataset;
    if (from->n_rows > GW_SPARKPLUG_MAX_METRICS / columns)
        return NULL;
    struct gw_sparkplug_metric *metrics =
        take_many(decoding, from->n_rows * columns, sizeof(*metrics));
    if (metrics == NULL)
        return NULL;
    for (size_t row = 0; row < from->n_rows; row++) {
        for (size_t column = 0; column < columns; column++) {
            struct gw_sparkplug_metric *cell = &metrics[cells++];
            cell->name = text_of(&from->columns[column]);
            if (column < from->rows[row]->n_elements)
                read_cell(from->rows[row]->elements[column], cell);
            else
                cell->is_null = true;
            settle_type(cell, from->types[column]);
        }
    }
    dataset->cells = metrics;
    dataset->row_count = from->n_rows;
    dataset->column_count = columns;
    return dataset;
}

static struct gw_sparkplug_metric *read_metrics(struct decoding *decoding,
                                                Sparkplug__Metric *const *from, size_t count);

static const struct gw_sparkplug_template *read_template(struct decoding *decoding,
                                                         const Sparkplug__Template *from)
{
    struct gw_sparkplug_template *template = take_many(decoding, 1, sizeof(*template));

    if (template == NULL)
        return NULL;
    template->is_definition = from->has_is_definition && from->is_definition;
    if (from->has_template_ref)
        template->definition = text_of(&from->template_ref);
    template->metric_count = from->n_metrics;
    template->metrics = read_metrics(decoding, from->metrics, from->n_metrics);
    return template->metrics != NULL ? template : NULL;
}

static bool read_value(struct decoding *decoding, const Sparkplug__Metric *from,
                       struct gw_sparkplug_metric *to)
{
    switch (from->value_case) {
    case SPARKPLUG__METRIC__VALUE_INT_VALUE:
        set_bits(to, GW_SPARKPLUG_WIRE_INT, from->int_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_LONG_VALUE:
        set_bits(to, GW_SPARKPLUG_WIRE_LONG, from->long_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_FLOAT_VALUE:
        set_real(to, GW_SPARKPLUG_WIRE_FLOAT, (double)from->float_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_DOUBLE_VALUE:
        set_real(to, GW_SPARKPLUG_WIRE_DOUBLE, from->double_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_BOOLEAN_VALUE:
        set_boolean(to, from->boolean_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_STRING_VALUE:
        set_text(to, GW_SPARKPLUG_WIRE_STRING, &from->string_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_BYTES_VALUE:
        set_text(to, GW_SPARKPLUG_WIRE_BYTES, &from->bytes_value);
        return true;
    case SPARKPLUG__METRIC__VALUE_DATASET_VALUE:
        to->wire = GW_SPARKPLUG_WIRE_DATASET;
        to->dataset = read_dataset(decoding, from->dataset_value);
        return to->dataset != NULL;
    case SPARKPLUG__METRIC__VALUE_TEMPLATE_VALUE:
        to->wire = GW_SPARKPLUG_WIRE_TEMPLATE;
        to->template_value = read_template(decoding, from->template_value);
        return to->template_value != NULL;
    default:
        return true;
    }
}

static bool read_metric(struct decoding *decoding, const Sparkplug__Metric *from,
                        struct gw_sparkplug_metric *to)
{
    if (from->has_name)
        to->name = text_of(&from->name);
    to->has_alias = from->has_alias;
    to->alias = from->alias;
    to->has_time = from->has_timestamp;
    to->time_ms = time_of(from->timestamp);
    to->is_historical = from->is_historical;
    to->is_transient = from->is_transient;
    to->is_null = from->is_null;
    to->quality = GW_QUALITY_GOOD;
    if (from->properties != NULL)
        read_properties(from->properties, to);
    if (!read_value(decoding, from, to))
        return false;
    settle_type(to, from->datatype);
    return true;
}

static struct gw_sparkplug_metric *read_metrics(struct decoding *decoding,
                                                Sparkplug__Metric *const *from, size_t count)
{
    struct gw_sparkplug_metric *metrics = take_many(decoding, count + 1, sizeof(*metrics));

    if (metrics == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (!read_metric(decoding, from[i], &metrics[i]))
            return NULL;
    }
    return metrics;
}

int gw_sparkplug_decode(struct gw_str bytes, struct gw_arena *arena,
                        struct gw_sparkplug_payload *out_payload, struct gw_error *error)
{
    struct decoding decoding = {.arena = arena};
    ProtobufCAllocator allocator = {take, give_back, &decoding};
    const uint8_t *from = (const uint8_t *)bytes.ptr;
    struct survey found = {0};

    if (bytes.len > GW_SPARKPLUG_MAX_BYTES)
        return gw_error_set(error, -E2BIG, "the payload has more than %d bytes",
                            GW_SPARKPLUG_MAX_BYTES);
    int rc = bytes.len == 0
                 ? 0
                 : survey(&sparkplug__payload__descriptor, from, from + bytes.len, 0, &found);
    if (rc == -E2BIG)
        return gw_error_set(error, rc, "the payload has too many metrics or too deep ones");
    const Sparkplug__Payload *message =
        rc == 0 ? sparkplug__payload__unpack(&allocator, bytes.len, from) : NULL;
    if (message == NULL && decoding.is_full)
        return gw_error_set(error, -ENOMEM, "there is no memory for the payload");
    if (message == NULL)
        return gw_error_set(error, -EINVAL, "the payload is no protocol buffer of Sparkplug B");
    if (message->has_seq && message->seq > UINT8_MAX)
        return gw_error_set(error, -EINVAL, "seq is above 255");
    if (message->has_uuid && gw_str_equal(text_of(&message->uuid), GW_STR("SPBV1.0_COMPRESSED")))
        return gw_error_set(error, -EINVAL, "the payload is compressed");

    struct gw_sparkplug_metric *metrics =
        read_metrics(&decoding, message->metrics, message->n_metrics);
    if (metrics == NULL)
        return decoding.is_full ? gw_error_set(error, -ENOMEM, "there is no memory for the metrics")
                                : gw_error_set(error, -E2BIG, "a dataset has too many cells");
    *out_payload = (struct gw_sparkplug_payload){
        .has_time = message->has_timestamp,
        .has_seq = message->has_seq,
        .seq = (uint8_t)message->seq,
        .time_ms = time_of(message->timestamp),
        .metrics = metrics,
        .metric_count = message->n_metrics,
    };
    if (message->has_body)
        out_payload->body = text_of(&message->body);
    return 0;
}
