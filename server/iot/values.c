#include "server/iot/values.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/list.h"
#include "server/iot/board_write.h"
#include "server/iot/values_private.h"
#include "server/net/loop.h"
#include "server/store/redis.h"

#define MAX_RECORD_BYTES (64u << 20) /* of what waits for the histories of all nodes */

/* --- marking --- */

void gw_values_mark_series(struct gw_iot_values *values, struct values_node *node, uint32_t series)
{
    struct value_slot *slot = &values->slots[series];

    if (slot->is_dirty)
        return;
    slot->is_dirty = true;
    slot->next_dirty = node->marked.series;
    node->marked.series = series;
}

void gw_values_mark_device(struct gw_iot_values *values, struct values_node *node, uint32_t device)
{
    struct values_device *marked = &values->devices[device];

    if (marked->is_dirty)
        return;
    marked->is_dirty = true;
    marked->next_dirty = node->marked.device;
    node->marked.device = device;
}

/* --- taking --- */

void gw_values_drop_text(struct gw_iot_values *values, struct value_slot *slot)
{
    if (slot->type != GW_SAMPLE_TEXT)
        return;
    values->text_bytes -= slot->text_len;
    free(slot->text);
    slot->type = GW_SAMPLE_NONE;
}

static void keep_text(struct gw_iot_values *values, struct value_slot *slot, struct gw_str text)
{
    size_t len = text.len < GW_VALUES_MAX_TEXT ? text.len : GW_VALUES_MAX_TEXT;

    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--; /* a character as a whole */
    slot->text = malloc(len + 1);
    if (slot->text == NULL)
        return; /* then nothing is known of it */
    if (len > 0)
        memcpy(slot->text, text.ptr, len);
    slot->text_len = (uint16_t)len;
    slot->type = GW_SAMPLE_TEXT;
    values->text_bytes += len;
}

static void keep_value(struct gw_iot_values *values, struct value_slot *slot,
                       const struct gw_sample *sample)
{
    gw_values_drop_text(values, slot);
    slot->is_known = true;
    slot->time_ms = sample->time_ms;
    slot->quality = sample->quality;
    slot->type = sample->type;
    if (sample->type == GW_SAMPLE_TEXT) {
        slot->type = GW_SAMPLE_NONE;
        keep_text(values, slot, sample->text);
    } else {
        slot->integer = sample->type == GW_SAMPLE_BOOLEAN ? sample->boolean : sample->integer;
    }
}

static void take_one(struct gw_iot_values *values, struct values_node *node,
                     const struct gw_sample *sample)
{
    struct value_slot *slot = &values->slots[sample->series];
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(values->registry, sample->series, &metric);
    struct values_device *seen = &values->devices[device->index];

    if (metric->is_kept && values->histories != NULL && sample->type != GW_SAMPLE_TEXT)
        gw_values_keep_history(values, node, sample);
    /* What was kept back tells nothing of now, unless we know that it is newer. */
    if (slot->is_known ? sample->time_ms < slot->time_ms : sample->is_historical)
        return;
    keep_value(values, slot, sample);
    gw_values_mark_series(values, node, sample->series);
    if (sample->quality != GW_QUALITY_STALE && sample->time_ms > seen->seen_ms)
        seen->seen_ms = sample->time_ms;
    gw_values_mark_device(values, node, device->index);
}

void gw_iot_values_take(struct gw_iot_values *values, const struct gw_edge_node_config *config,
                        const struct gw_sample *samples, size_t count)
{
    struct values_node *node = &values->nodes[config->index];

    for (size_t i = 0; i < count; i++)
        take_one(values, node, &samples[i]);
    gw_values_mark(values, node);
}

void gw_iot_values_set_state(struct gw_iot_values *values, const struct gw_device_config *device,
                             enum gw_device_state state, int64_t time_ms)
{
    struct values_device *kept = &values->devices[device->index];
    struct values_node *node = &values->nodes[device->node];

    if (time_ms == 0 && kept->has_state && kept->state == state)
        return;
    kept->state = (uint8_t)state;
    kept->has_state = true;
    kept->since_ms = time_ms;
    gw_values_mark_device(values, node, device->index);
    gw_values_mark(values, node);
}

void gw_values_reset_node(struct values_node *node, const struct gw_edge_node_config *config)
{
    const struct values_lists none = {GW_SERIES_NONE, GW_SERIES_NONE, GW_SERIES_NONE};

    *node = (struct values_node){.config = config, .marked = none, .pass = none};
}

void gw_iot_values_leave(struct gw_iot_values *values, const struct gw_edge_node_config *config)
{
    struct values_node *node = &values->nodes[config->index];

    gw_values_write_node(values, node);
    for (size_t i = 0; i < config->device_count; i++) {
        const struct gw_device_config *device = config->devices[i];
        values->devices[device->index] = (struct values_device){.next_dirty = GW_SERIES_NONE};
        for (uint32_t k = 0; k < device->type->metric_count; k++) {
            struct value_slot *slot = &values->slots[device->series_at + k];
            gw_values_drop_text(values, slot);
            *slot = (struct value_slot){.next_dirty = GW_SERIES_NONE};
        }
    }
    gw_values_drop_history(values, node);
    gw_list_remove(&node->dirty);
    gw_values_reset_node(node, config);
}

/* --- making it --- */

struct gw_iot_values *gw_iot_values_create(const struct gw_iot_values_config *config)
{
    struct gw_iot_values *values = calloc(1, sizeof(*values));
    size_t node_count = gw_registry_node_count(config->registry);
    size_t series_count = gw_registry_series_count(config->registry);

    if (values == NULL)
        return NULL;
    values->loop = config->loop;
    values->redis = config->redis;
    values->registry = gw_registry_hold(config->registry);
    values->history_samples = config->history_samples;
    values->instance = gw_str_duplicate(config->instance);
    gw_list_init(&values->writes);
    gw_list_init(&values->dirty);
    gw_buf_init(&values->text, 1u << 17);
    values->slots = calloc(series_count + 1, sizeof(*values->slots));
    values->devices =
        calloc(gw_registry_device_count(config->registry) + 1, sizeof(*values->devices));
    values->nodes = calloc(node_count + 1, sizeof(*values->nodes));
    bool is_complete = values->instance != NULL && values->slots != NULL &&
                       values->devices != NULL && values->nodes != NULL;
    if (config->history_samples > 0) {
        values->histories = calloc(series_count + 1, sizeof(*values->histories));
        values->pool = gw_history_pool_create(GW_HISTORY_RECORD_BYTES, MAX_RECORD_BYTES,
                                              config->history_samples);
        is_complete &= values->histories != NULL && values->pool != NULL;
    }
    if (!is_complete) {
        gw_iot_values_destroy(values);
        return NULL;
    }
    for (size_t i = 0; i < node_count; i++)
        gw_values_reset_node(&values->nodes[i], gw_registry_node(config->registry, i));
    gw_values_begin_writing(values);
    return values;
}

uint32_t gw_iot_values_history_samples(const struct gw_iot_values *values)
{
    return values->history_samples;
}

void gw_iot_values_destroy(struct gw_iot_values *values)
{
    if (values == NULL)
        return;
    gw_timer_stop(&values->tick);
    if (values->nodes != NULL)
        gw_values_write_all(values);
    gw_redis_flush(values->redis);
    gw_board_write_destroy_all(&values->writes);
    for (size_t i = 0; values->slots != NULL && i < gw_registry_series_count(values->registry); i++)
        gw_values_drop_text(values, &values->slots[i]);
    gw_registry_release(values->registry);
    gw_buf_finish(&values->text);
    gw_history_pool_destroy(values->pool);
    free(values->histories);
    free(values->instance);
    free(values->slots);
    free(values->devices);
    free(values->nodes);
    free(values);
}

void gw_iot_values_get_counts(const struct gw_iot_values *values,
                              struct gw_iot_values_counts *out_counts)
{
    *out_counts = values->counts;
    out_counts->bytes = gw_registry_series_count(values->registry) * sizeof(*values->slots) +
                        gw_registry_device_count(values->registry) * sizeof(*values->devices) +
                        gw_registry_node_count(values->registry) * sizeof(*values->nodes) +
                        values->text_bytes;
    if (values->histories != NULL)
        out_counts->bytes +=
            gw_registry_series_count(values->registry) * sizeof(*values->histories) +
            gw_history_pool_bytes(values->pool);
}
