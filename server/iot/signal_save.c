/* An edge node's state as bytes: little-endian, with names for all that has a number here, so that
 * whoever reads it may have another registry and other signals. */
#include <errno.h>
#include <float.h>

#include "server/iot/signal_private.h"

static void put(struct gw_buf *out, uint64_t number, size_t bytes)
{
    char text[8];

    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)(number >> (8 * i) & 0xff);
    gw_buf_append(out, text, bytes);
}

static void put_text(struct gw_buf *out, struct gw_str text)
{
    put(out, text.len, 4);
    gw_buf_append_str(out, text);
}

static uint64_t bits_of(double number)
{
    uint64_t bits;

    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

/* --- what waits in queues, which is most of all: names are written once --- */

static bool has_names_of(const struct gw_device_config *device, const struct gw_device_config *last)
{
    return last != NULL && last->type == device->type;
}

static void put_names(const struct gw_edge_node_config *node, struct gw_buf *out)
{
    const struct gw_device_config *last = NULL;

    put(out, node->device_count, 4);
    for (size_t i = 0; i < node->device_count; last = node->devices[i++]) {
        const struct gw_device_type *type = node->devices[i]->type;
        put_text(out, node->devices[i]->id);
        put(out, has_names_of(node->devices[i], last), 1);
        if (has_names_of(node->devices[i], last))
            continue;
        put(out, type->metric_count, 4);
        for (size_t k = 0; k < type->metric_count; k++)
            put_text(out, type->metrics[k].name);
    }
}

static char *write_number(char *at, uint64_t number, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        *at++ = (char)(number >> (8 * i) & 0xff);
    return at;
}

/* Of many sensors that is all there is. What is not known is any NAN. */
static bool is_float(double number)
{
    return isnan(number) || (fabs(number) <= (double)FLT_MAX && (double)(float)number == number);
}

static char *write_value(char *at, double number)
{
    if (!is_float(number))
        return write_number(at, bits_of(number), 8);
    float value = (float)number;
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return write_number(at, bits, 4);
}

/* A message's samples have one time and one device, and often metrics in a row: what is as expected
 * takes no bytes. */
static void put_record(const struct signal_record *record, const struct signal_place *place,
                       struct signal_place *expected, struct gw_buf *out)
{
    bool is_timely = place->time_ms == expected->time_ms;
    bool is_same = place->device == expected->device, is_next = place->metric == expected->metric;
    char bytes[SIGNAL_RECORD_BYTES], *at = bytes + 1;

    bytes[0] =
        (char)((is_timely ? SIGNAL_SAME_TIME : 0) | (is_same ? SIGNAL_SAME_DEVICE : 0) |
               (is_next ? SIGNAL_NEXT_METRIC : 0) |
               (record->kind == RECORD_OFFLINE ? SIGNAL_OFFLINE : 0) |
               (record->is_text ? SIGNAL_TEXT : 0) | (is_float(record->number) ? SIGNAL_SHORT : 0) |
               record->quality << SIGNAL_QUALITY_SHIFT);
    if (!is_timely)
        at = write_number(at, (uint64_t)record->time_ms, 8);
    if (!is_same)
        at = write_number(at, place->device, 4);
    if (!is_next)
        at = write_number(at, place->metric, 2);
    at = write_value(at, record->number);
    gw_buf_append(out, bytes, (size_t)(at - bytes));
    *expected = (struct signal_place){place->time_ms, place->device, place->metric + 1};
}

static void put_queue(const struct gw_registry *registry, const struct gw_edge_node_config *node,
                      const struct signal_queue *queue, struct gw_buf *out)
{
    size_t count = signal_queue_count(queue);
    const struct gw_device_config *device = node->devices[0];
    uint32_t first = device->index;
    struct signal_place expected = {0, 0, 0};

    put(out, count, 4);
    for (size_t i = 0; i < count; i++) {
        const struct signal_record *record = signal_queue_at(queue, i);
        struct signal_place place = {record->time_ms, record->subject - first, 0};
        const struct gw_metric_config *metric;
        if (record->kind == RECORD_SAMPLE) {
            if (record->subject - device->series_at >= device->type->metric_count)
                device = gw_registry_series_device(registry, record->subject, &metric);
            place.device = device->index - first;
            place.metric = record->subject - device->series_at;
        }
        put_record(record, &place, &expected, out);
    }
}

/* Nothing has come for it yet. */
static bool is_untouched(const struct signal_run *run)
{
    for (uint32_t i = 0; i < run->signal->input_count; i++)
        if (run_input(run, i)->stamp != 0)
            return false;
    return true;
}

static void put_instances(const struct gw_signals *signals, const struct signal_site *site,
                          uint32_t lane, struct gw_buf *out)
{
    uint32_t from = site->node->lane_at[lane], to = site->node->lane_at[lane + 1], count = 0;
    uint8_t fingerprint[SIGNAL_FINGERPRINT_BYTES];

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = from; i < to; i++) {
            struct signal_run run = signal_run_of(signals, site, lane, i);
            if (is_untouched(&run))
                continue;
            count++;
            if (pass == 0)
                continue;
            put_text(out, gw_registry_device(signals->registry, run.device)->id);
            put_text(out, run.signal->name);
            signal_fingerprint(&run, fingerprint);
            gw_buf_append(out, fingerprint, SIGNAL_FINGERPRINT_BYTES);
            put(out, run.signal->words, 4);
            for (uint32_t k = 0; k < run.signal->words; k++)
                put(out, run.words[k], 8);
        }
        if (pass == 0)
            put(out, count, 4);
    }
}

int gw_signal_engine_save(const struct gw_signal_engine *engine,
                          const struct gw_edge_node_config *node, struct gw_buf *out)
{
    const struct gw_signals *signals = engine->signals;
    const struct signal_site *site = engine->sites[node->index];

    put(out, SIGNAL_SAVE_MAGIC, 4);
    put_text(out, node->id);
    put(out, site == NULL ? 0 : signals->lane_count, 1);
    if (site != NULL) {
        put(out, (uint64_t)site->last_ms, 8);
        put(out, (uint64_t)site->advanced_ms, 8);
        put_names(node, out);
        put(out, site->suppression_count, 4);
        for (uint32_t i = 0; i < site->suppression_count; i++) {
            const struct signal_suppression *suppression = &site->suppressions[i];
            put_text(out, gw_registry_device(signals->registry, suppression->device)->id);
            put(out, (uint64_t)suppression->from_ms, 8);
            put(out, (uint64_t)suppression->until_ms, 8);
        }
        for (uint32_t lane = 0; lane < signals->lane_count; lane++) {
            put(out, (uint64_t)signals->lateness_ms[lane], 8);
            put(out, (uint64_t)site->lanes[lane].clock_ms, 8);
            put_queue(signals->registry, node, &site->lanes[lane].queue, out);
            put_instances(signals, site, lane, out);
        }
    }
    return out->has_failed ? -ENOMEM : 0;
}
