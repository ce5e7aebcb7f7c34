#include "server/iot/values.h"

#include <stdlib.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/core/list.h"
#include "server/iot/board_write.h"
#include "server/iot/sample_text.h"
#include "server/iot/values_private.h"
#include "server/net/loop.h"

#define TICK_NS GW_NS_PER_SECOND
#define TICKS_OF_HISTORY 5
#define EARLY_RECORDS (16u << 10) /* of one node: its histories do not wait */

static const struct gw_script write_script = {
    "iot.values",
    GW_STR_INIT(GW_VALUES_CHECK_OWNER
                "local at = 3\n"
                "for i = 1, tonumber(ARGV[2]) do\n"
                "  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])\n"
                "  at = at + 2\n"
                "end\n"
                "while at < #ARGV do\n"
                "  local device, state, since, seen = unpack(ARGV, at, at + 3)\n"
                "  if since == '0' and state ~= '' then\n"
                "    local old = redis.call('HGET', KEYS[3], device)\n"
                "    if old and string.match(old, '^%S+') == state then state = '' end\n"
                "  end\n"
                "  if state ~= '' then\n"
                "    redis.call('HSET', KEYS[3], device, state .. ' ' .. since)\n"
                "  end\n"
                "  if seen ~= '0' then redis.call('HSET', KEYS[4], device, seen) end\n"
                "  at = at + 4\n"
                "end\n"
                "return 1\n")};

/* --- marking --- */

static void mark(struct gw_iot_values *values, struct values_node *node)
{
    if (!gw_list_is_linked(&node->dirty))
        gw_list_append(&values->dirty, &node->dirty);
}

static void mark_series(struct values_node *node, struct value_slot *slot, uint32_t series)
{
    if (slot->is_dirty)
        return;
    slot->is_dirty = true;
    slot->next_dirty = node->first_dirty;
    node->first_dirty = series;
}

static void mark_device(struct values_node *node, struct values_device *devices, uint32_t device)
{
    if (devices[device].is_dirty)
        return;
    devices[device].is_dirty = true;
    devices[device].next_dirty = node->first_device;
    node->first_device = device;
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

    if (metric->is_kept && values->history_samples > 0 && sample->type != GW_SAMPLE_TEXT)
        gw_values_keep_history(values, node, sample);
    /* What was kept back tells nothing of now, unless we know that it is newer. */
    if (slot->is_known ? sample->time_ms < slot->time_ms : sample->is_historical)
        return;
    keep_value(values, slot, sample);
    mark_series(node, slot, sample->series);
    if (sample->quality != GW_QUALITY_STALE && sample->time_ms > seen->seen_ms)
        seen->seen_ms = sample->time_ms;
    mark_device(node, values->devices, device->index);
}

void gw_iot_values_take(struct gw_iot_values *values, const struct gw_edge_node_config *config,
                        const struct gw_sample *samples, size_t count)
{
    struct values_node *node = &values->nodes[config->index];

    for (size_t i = 0; i < count; i++)
        take_one(values, node, &samples[i]);
    mark(values, node);
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
    mark_device(node, values->devices, device->index);
    mark(values, node);
}

/* --- writing --- */

static void on_written(struct gw_board_write *write, int rc, const struct gw_reply *reply)
{
    struct gw_iot_values *values = write->owner;
    struct values_node *node = write->subject;
    (void)reply;

    if (node != NULL)
        node->writes--;
    if (rc == 0) {
        values->counts.writes++;
        return;
    }
    values->counts.failures++;
    if (node == NULL)
        return;               /* it is registered no more */
    node->is_doubtful = true; /* all that is known is written again */
    mark(values, node);
}

static void add_value(struct gw_iot_values *values, struct gw_board_write *write, uint32_t series)
{
    struct value_slot *slot = &values->slots[series];
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(values->registry, series, &metric);
    struct gw_sample sample = {.type = slot->type, .quality = slot->quality};
    struct gw_buf *text = &values->text;

    sample.integer = slot->integer;
    if (slot->type == GW_SAMPLE_TEXT)
        sample.text = gw_str_from(slot->text, slot->text_len);
    else if (slot->type == GW_SAMPLE_BOOLEAN)
        sample.boolean = slot->integer != 0;
    gw_buf_clear(text);
    gw_buf_printf(text, "%.*s/%.*s", GW_STR_ARG(device->device), GW_STR_ARG(metric->name));
    gw_board_write_arg(write, gw_buf_str(text));
    gw_buf_clear(text);
    gw_buf_printf(text, "%lld %s ", (long long)slot->time_ms,
                  gw_quality_name((enum gw_quality)slot->quality));
    gw_sample_write_value(text, &sample);
    write->has_failed |= text->has_failed;
    gw_board_write_arg(write, gw_buf_str(text));
}

static void add_device(struct gw_iot_values *values, struct gw_board_write *write, uint32_t index)
{
    static const char *const names[] = {"unknown", "online", "offline"};
    struct values_device *device = &values->devices[index];

    gw_board_write_arg(write, gw_registry_device(values->registry, index)->device);
    gw_board_write_arg(write, gw_str_of(device->has_state ? names[device->state] : ""));
    gw_board_write_number(write, device->since_ms);
    gw_board_write_number(write, device->seen_ms);
}

/* All that is known, since it is not known what has arrived. */
static void mark_all(struct gw_iot_values *values, struct values_node *node)
{
    node->is_doubtful = false;
    for (size_t i = 0; i < node->config->device_count; i++) {
        const struct gw_device_config *device = node->config->devices[i];
        mark_device(node, values->devices, device->index);
        for (uint32_t k = 0; k < device->type->metric_count; k++) {
            uint32_t series = device->series_at + k;
            if (values->slots[series].is_known)
                mark_series(node, &values->slots[series], series);
        }
    }
}

/* So many values and devices at once; the rest goes with the next. */
static void write_values(struct gw_iot_values *values, struct values_node *node)
{
    struct gw_str id = node->config->id;
    struct gw_board_write *write =
        gw_board_write_create(&values->writes, &write_script, 4, 6 * GW_VALUES_BATCH + 2);
    uint32_t series = node->first_dirty, device = node->first_device, count = 0, left;

    if (write == NULL)
        return;
    write->owner = values;
    write->subject = node;
    write->done = on_written;
    gw_board_write_key(write, id, "owner", GW_STR(""));
    gw_board_write_key(write, id, "values", GW_STR(""));
    gw_board_write_key(write, id, "states", GW_STR(""));
    gw_board_write_key(write, id, "seen", GW_STR(""));
    for (left = series; left != GW_SERIES_NONE && count < GW_VALUES_BATCH; count++)
        left = values->slots[left].next_dirty;
    gw_board_write_arg(write, gw_str_of(values->instance));
    gw_board_write_number(write, count);
    for (; series != left; series = values->slots[series].next_dirty) {
        add_value(values, write, series);
        values->slots[series].is_dirty = false;
    }
    node->first_dirty = left;
    for (count = 0; device != GW_SERIES_NONE && count < GW_VALUES_BATCH; count++) {
        add_device(values, write, device);
        values->devices[device].is_dirty = false;
        device = values->devices[device].next_dirty;
    }
    node->first_device = device;
    node->writes++;
    if (gw_board_write_send(write, values->redis) == 0)
        return;
    node->writes--;
    values->counts.failures++;
    node->is_doubtful = true;
}

/* False: something is left. */
static bool write_node(struct gw_iot_values *values, struct values_node *node, bool with_history)
{
    if (node->is_doubtful)
        mark_all(values, node);
    while ((node->first_dirty != GW_SERIES_NONE || node->first_device != GW_SERIES_NONE) &&
           !node->is_doubtful)
        write_values(values, node);
    if (with_history || node->record_count >= EARLY_RECORDS)
        gw_values_write_history(values, node);
    return node->record_count == 0 && !node->is_doubtful;
}

static void write_all(struct gw_iot_values *values, bool with_history)
{
    struct gw_list left, *node;

    gw_list_init(&left);
    while ((node = gw_list_take(&values->dirty)) != NULL) {
        struct values_node *item = GW_LIST_ITEM(node, struct values_node, dirty);
        if (item->writes > 0 || !write_node(values, item, with_history)) /* in order */
            gw_list_append(&left, node);
    }
    while ((node = gw_list_take(&left)) != NULL)
        gw_list_append(&values->dirty, node);
}

static void on_tick(struct gw_timer *timer)
{
    struct gw_iot_values *values = GW_CONTAINER_OF(timer, struct gw_iot_values, tick);

    gw_timer_start(values->loop, timer, TICK_NS, on_tick);
    write_all(values, ++values->ticks % TICKS_OF_HISTORY == 0);
}

void gw_iot_values_leave(struct gw_iot_values *values, const struct gw_edge_node_config *config)
{
    struct values_node *node = &values->nodes[config->index];

    (void)write_node(values, node, true);
    node->is_doubtful = false;
    for (size_t i = 0; i < config->device_count; i++) {
        const struct gw_device_config *device = config->devices[i];
        values->devices[device->index] = (struct values_device){.next_dirty = GW_SERIES_NONE};
        for (uint32_t k = 0; k < device->type->metric_count; k++) {
            struct value_slot *slot = &values->slots[device->series_at + k];
            gw_values_drop_text(values, slot);
            *slot = (struct value_slot){.next_dirty = GW_SERIES_NONE};
        }
    }
    node->first_dirty = node->first_device = GW_SERIES_NONE;
    gw_values_drop_history(values, node);
    gw_list_remove(&node->dirty);
}

/* --- making it --- */

struct gw_iot_values *gw_iot_values_create(const struct gw_iot_values_config *config)
{
    struct gw_iot_values *values = calloc(1, sizeof(*values));
    size_t node_count = gw_registry_node_count(config->registry);

    if (values == NULL)
        return NULL;
    values->loop = config->loop;
    values->redis = config->redis;
    values->registry = gw_registry_hold(config->registry);
    values->history_samples = config->history_samples;
    values->instance = gw_str_duplicate(config->instance);
    gw_list_init(&values->writes);
    gw_list_init(&values->dirty);
    gw_buf_init(&values->text, 1u << 16);
    values->slots = calloc(gw_registry_series_count(config->registry) + 1, sizeof(*values->slots));
    values->devices =
        calloc(gw_registry_device_count(config->registry) + 1, sizeof(*values->devices));
    values->nodes = calloc(node_count + 1, sizeof(*values->nodes));
    if (values->instance == NULL || values->slots == NULL || values->devices == NULL ||
        values->nodes == NULL) {
        gw_iot_values_destroy(values);
        return NULL;
    }
    for (size_t i = 0; i < node_count; i++)
        values->nodes[i] = (struct values_node){.config = gw_registry_node(config->registry, i),
                                                .first_dirty = GW_SERIES_NONE,
                                                .first_device = GW_SERIES_NONE};
    gw_timer_start(values->loop, &values->tick, TICK_NS, on_tick);
    return values;
}

void gw_iot_values_keep(struct gw_iot_values *values, uint32_t history_samples)
{
    values->history_samples = history_samples;
}

void gw_iot_values_destroy(struct gw_iot_values *values)
{
    if (values == NULL)
        return;
    gw_timer_stop(&values->tick);
    if (values->nodes != NULL)
        write_all(values, true);
    gw_redis_flush(values->redis);
    gw_board_write_destroy_all(&values->writes);
    for (size_t i = 0; values->nodes != NULL && i < gw_registry_node_count(values->registry); i++)
        gw_values_drop_history(values, &values->nodes[i]);
    for (size_t i = 0; values->slots != NULL && i < gw_registry_series_count(values->registry); i++)
        gw_values_drop_text(values, &values->slots[i]);
    gw_registry_release(values->registry);
    gw_buf_finish(&values->text);
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
                        values->text_bytes + values->record_bytes;
}
