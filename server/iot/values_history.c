/* Histories: samples gather for a few seconds, then each series' go out as one piece. */
#include <stdlib.h>
#include <string.h>

#include "server/iot/board_write.h"
#include "server/iot/values_private.h"

#define MAX_RECORD_BYTES (64u << 20) /* of all nodes, while Redis is away */
#define MAX_SERIES 500               /* of one script */
#define KEEP_S "2592000"             /* of a series that has ended; 30 days */

static const struct gw_script history_script = {
    "iot.history",
    GW_STR_INIT(GW_VALUES_CHECK_OWNER
                "local max = tonumber(ARGV[2])\n"
                "for i = 2, #KEYS do\n"
                "  local len = redis.call('APPEND', KEYS[i], ARGV[i + 1])\n"
                "  if len >= 2 * max then\n"
                "    redis.call('SET', KEYS[i], redis.call('GETRANGE', KEYS[i], -max, -1))\n"
                "  end\n"
                "  redis.call('EXPIRE', KEYS[i], " KEEP_S ")\n"
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

void gw_values_keep_history(struct gw_iot_values *values, struct values_node *node,
                            const struct gw_sample *sample)
{
    if (node->record_count == node->record_capacity) {
        size_t capacity = node->record_capacity > 0 ? 2 * node->record_capacity : 64;
        size_t more = (capacity - node->record_capacity) * sizeof(*node->records);
        struct history_record *grown = NULL;
        if (values->record_bytes + more <= MAX_RECORD_BYTES)
            grown = realloc(node->records, capacity * sizeof(*grown));
        if (grown == NULL) {
            values->counts.history_dropped++;
            return;
        }
        node->records = grown;
        node->record_capacity = capacity;
        values->record_bytes += more;
    }
    struct history_record *record = &node->records[node->record_count];
    record->series = sample->series;
    record->order = (uint32_t)node->record_count++;
    gw_history_record_write(sample, record->bytes);
}

void gw_values_drop_history(struct gw_iot_values *values, struct values_node *node)
{
    values->record_bytes -= node->record_capacity * sizeof(*node->records);
    free(node->records);
    node->records = NULL;
    node->record_count = node->record_capacity = 0;
}

static int compare(const void *left, const void *right)
{
    const struct history_record *a = left, *b = right;

    if (a->series != b->series)
        return a->series < b->series ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static size_t count_same(const struct history_record *records, size_t count)
{
    size_t same = 1;

    while (same < count && records[same].series == records[0].series)
        same++;
    return same;
}

static void add_series(struct gw_iot_values *values, struct gw_board_write *write,
                       const struct values_node *node, size_t at, size_t count)
{
    const struct gw_metric_config *metric;
    const struct gw_device_config *device =
        gw_registry_series_device(values->registry, node->records[at].series, &metric);
    struct gw_buf bytes;

    gw_buf_init(&bytes, count * GW_HISTORY_RECORD_BYTES);
    for (size_t i = 0; i < count; i++)
        gw_buf_append(&bytes, node->records[at + i].bytes, GW_HISTORY_RECORD_BYTES);
    gw_buf_clear(&values->text);
    gw_buf_printf(&values->text, "%.*s/%.*s", GW_STR_ARG(device->device), GW_STR_ARG(metric->name));
    gw_board_write_key(write, node->config->id, "history:", gw_buf_str(&values->text));
    gw_board_write_arg(write, gw_buf_str(&bytes));
    write->has_failed |= bytes.has_failed;
    gw_buf_finish(&bytes);
}

static void on_written(struct gw_board_write *write, int rc, const struct gw_reply *reply)
{
    struct gw_iot_values *values = write->owner;
    (void)reply;

    if (rc == 0)
        values->counts.writes++;
    else
        values->counts.failures++;
}

/* From `at` on, as many series as one script takes. Where it goes on; `at` itself: it was not sent.
 */
static size_t write_some(struct gw_iot_values *values, struct values_node *node, size_t at)
{
    struct gw_board_write *write =
        gw_board_write_create(&values->writes, &history_script, MAX_SERIES + 1, MAX_SERIES + 2);
    size_t from = at;

    if (write == NULL)
        return at;
    write->owner = values;
    write->done = on_written;
    gw_board_write_key(write, node->config->id, "owner", GW_STR(""));
    gw_board_write_arg(write, gw_str_of(values->instance));
    gw_board_write_number(write, (int64_t)values->history_samples * GW_HISTORY_RECORD_BYTES);
    for (size_t i = 0; i < MAX_SERIES && at < node->record_count; i++) {
        size_t same = count_same(node->records + at, node->record_count - at);
        add_series(values, write, node, at, same);
        at += same;
    }
    return gw_board_write_send(write, values->redis) == 0 ? at : from;
}

/* What cannot be sent waits for the next time. */
void gw_values_write_history(struct gw_iot_values *values, struct values_node *node)
{
    size_t at = 0;

    if (node->record_count == 0)
        return;
    qsort(node->records, node->record_count, sizeof(*node->records), compare);
    while (at < node->record_count) {
        size_t next = write_some(values, node, at);
        if (next == at)
            break;
        at = next;
    }
    memmove(node->records, node->records + at, (node->record_count - at) * sizeof(*node->records));
    node->record_count -= at;
    for (size_t i = 0; i < node->record_count; i++)
        node->records[i].order = (uint32_t)i;
    if (node->record_count == 0 && node->record_capacity > 1024)
        gw_values_drop_history(values, node);
}
