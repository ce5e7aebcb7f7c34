/* Histories: samples gather for a few seconds, then each series' go out as one piece. */
#include <string.h>

#include "server/iot/board_write.h"
#include "server/iot/values_private.h"

#define SLICE_RECORDS 4096u /* of one script, and of one series */
#define KEEP_S "2592000"    /* of a series that has ended; 30 days */
#define RENEW_S "1296000"   /* so long before its end it is told anew: not with each piece */

static const struct gw_script history_script = {
    "iot.history",
    GW_STR_INIT(GW_VALUES_CHECK_OWNER
                "local max = tonumber(ARGV[2])\n"
                "for i = 2, #KEYS do\n"
                "  local len = redis.call('APPEND', KEYS[i], ARGV[i + 1])\n"
                "  if len >= 2 * max then\n"
                "    redis.call('SET', KEYS[i], redis.call('GETRANGE', KEYS[i], -max, -1))\n"
                "  end\n"
                "  if redis.call('TTL', KEYS[i]) < " RENEW_S " then\n"
                "    redis.call('EXPIRE', KEYS[i], " KEEP_S ")\n"
                "  end\n"
                "end\n"
                "return 1\n")};

void gw_history_record_write(const struct gw_sample *sample, char out[GW_HISTORY_RECORD_BYTES])
{
    int64_t bits = sample->type == GW_SAMPLE_BOOLEAN ? sample->boolean
                   : sample->type == GW_SAMPLE_NONE  ? 0
                                                     : sample->integer;

    memcpy(out, &sample->time_ms, 8);
    memcpy(out + 8, &bits, 8);
    out[16] = (char)(sample->type << 4 | sample->quality);
}

bool gw_history_record_read(const char *bytes, struct gw_sample *out_sample)
{
    unsigned tag = (unsigned char)bytes[16];
    int64_t bits;

    if (tag >> 4 >= GW_SAMPLE_TEXT || (tag & 15) > GW_QUALITY_STALE)
        return false;
    memcpy(&out_sample->time_ms, bytes, 8);
    memcpy(&bits, bytes + 8, 8);
    out_sample->type = (uint8_t)(tag >> 4);
    out_sample->quality = tag & 15;
    out_sample->is_historical = false;
    if (out_sample->type == GW_SAMPLE_BOOLEAN)
        out_sample->boolean = bits != 0;
    else
        out_sample->integer = bits;
    return true;
}

static void list(struct history_series *series, uint32_t number, uint32_t *first)
{
    series->is_listed = true;
    series->next_listed = *first;
    *first = number;
}

void gw_values_keep_history(struct gw_iot_values *values, struct values_node *node,
                            const struct gw_sample *sample)
{
    struct history_series *series = &values->histories[sample->series];
    char *record = gw_history_pool_put(values->pool, &series->chain);

    if (record == NULL) {
        values->counts.history_dropped++;
        return;
    }
    gw_history_record_write(sample, record);
    if (!series->is_listed)
        list(series, sample->series, &node->marked.history);
}

void gw_values_drop_history(struct gw_iot_values *values, const struct values_node *node)
{
    for (size_t i = 0; values->histories != NULL && i < node->config->device_count; i++) {
        const struct gw_device_config *device = node->config->devices[i];
        for (uint32_t k = 0; k < device->type->metric_count; k++) {
            struct history_series *series = &values->histories[device->series_at + k];
            gw_history_pool_drop(values->pool, &series->chain, UINT32_MAX);
            series->is_listed = false;
        }
    }
}

/* How many of the series' records. */
static uint32_t add_series(struct gw_iot_values *values, struct gw_board_write *write,
                           const struct values_node *node, uint32_t number)
{
    const struct history_series *series = &values->histories[number];
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(values->registry, number, &metric);
    struct gw_buf *text = &values->text;

    gw_buf_clear(text);
    gw_buf_printf(text, "%.*s/%.*s", GW_STR_ARG(device->device), GW_STR_ARG(metric->name));
    gw_board_write_key(write, node->config->id, "history:", gw_buf_str(text));
    gw_buf_clear(text);
    uint32_t count = gw_history_pool_copy(values->pool, &series->chain, SLICE_RECORDS, text);
    write->has_failed |= text->has_failed;
    gw_board_write_arg(write, gw_buf_str(text));
    return count;
}

static void on_written(struct gw_board_write *write, int rc, const struct gw_reply *reply)
{
    (void)reply;
    gw_values_written(write->owner, rc);
}

/* Of the pass: those that were sent. A series that has still more waits for the next. */
static void pass_on(struct gw_iot_values *values, struct values_node *node, const uint32_t *counts,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t number = node->pass.history;
        struct history_series *series = &values->histories[number];
        node->pass.history = series->next_listed;
        series->is_listed = false;
        gw_history_pool_drop(values->pool, &series->chain, counts[i]);
        if (series->chain.count > 0)
            list(series, number, &node->marked.history);
    }
}

bool gw_values_write_history(struct gw_iot_values *values, struct values_node *node)
{
    struct gw_board_write *write = gw_board_write_create(&values->writes, &history_script,
                                                         GW_VALUES_SLICE + 1, GW_VALUES_SLICE + 2);
    uint32_t counts[GW_VALUES_SLICE], number = node->pass.history, records = 0;
    size_t count = 0;

    if (write == NULL)
        return false;
    write->owner = values;
    write->done = on_written;
    gw_board_write_key(write, node->config->id, "owner", GW_STR(""));
    gw_board_write_arg(write, gw_str_of(values->instance));
    gw_board_write_number(write, (int64_t)values->history_samples * GW_HISTORY_RECORD_BYTES);
    while (number != GW_SERIES_NONE && count < GW_VALUES_SLICE && records < SLICE_RECORDS) {
        counts[count] = add_series(values, write, node, number);
        records += counts[count++];
        number = values->histories[number].next_listed;
    }
    if (gw_board_write_send(write, values->redis) != 0)
        return false;
    values->under_way++;
    pass_on(values, node, counts, count);
    return true;
}
