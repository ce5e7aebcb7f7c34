/* An edge node's state as bytes: little-endian, with names for all that has a number here, so that
 * whoever reads it may have another registry and other signals. */
#include <errno.h>

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

static void put_record(const struct gw_registry *registry, const struct signal_record *record,
                       struct gw_buf *out)
{
    const struct gw_metric_config *metric = NULL;
    const struct gw_device_config *device =
        record->kind == RECORD_OFFLINE
            ? gw_registry_device(registry, record->subject)
            : gw_registry_series_device(registry, record->subject, &metric);

    put(out, (uint64_t)record->time_ms, 8);
    put(out, bits_of(record->number), 8);
    put(out, record->kind, 1);
    put(out, record->quality, 1);
    put(out, record->is_text, 1);
    put_text(out, device->id);
    put_text(out, metric != NULL ? metric->name : GW_STR(""));
}

static void put_lane(const struct gw_signals *signals, const struct signal_site *site,
                     uint32_t lane, struct gw_buf *out)
{
    const struct signal_queue *queue = &site->lanes[lane].queue;
    size_t count = signal_queue_count(queue);

    put(out, (uint64_t)signals->lateness_ms[lane], 8);
    put(out, (uint64_t)site->lanes[lane].clock_ms, 8);
    put(out, count, 4);
    for (size_t i = 0; i < count; i++)
        put_record(signals->registry, signal_queue_at(queue, i), out);
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

    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = from; i < to; i++) {
            struct signal_run run = signal_run_of(signals, site, i, 0);
            if (is_untouched(&run))
                continue;
            count++;
            if (pass == 0)
                continue;
            put_text(out, gw_registry_device(signals->registry, run.instance->device)->id);
            put_text(out, run.signal->name);
            gw_buf_append(out, run.signal->fingerprint, SIGNAL_FINGERPRINT_BYTES);
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
        put(out, site->suppression_count, 4);
        for (uint32_t i = 0; i < site->suppression_count; i++) {
            const struct signal_suppression *suppression = &site->suppressions[i];
            put_text(out, gw_registry_device(signals->registry, suppression->device)->id);
            put(out, (uint64_t)suppression->from_ms, 8);
            put(out, (uint64_t)suppression->until_ms, 8);
        }
        for (uint32_t lane = 0; lane < signals->lane_count; lane++) {
            put_lane(signals, site, lane, out);
            put_instances(signals, site, lane, out);
        }
    }
    return out->has_failed ? -ENOMEM : 0;
}
