/* iot.values, iot.history: the last value of each series of a device, and what was before. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/gateway/iot_private.h"
#include "server/iot/sample_text.h"
#include "server/iot/values.h"

#define USUAL_COUNT 1000
#define MAX_COUNT 100000

struct reading {
    struct gw_iot_asking asking;
    struct gw_iot_request request;
    const struct gw_device_config *device;
    const struct gw_metric_config *metric; /* of a history */
    struct gw_buf *text;
    struct gw_sample *samples;
    size_t count;
};

static struct reading *make(struct gw_exchange *ex)
{
    struct reading *reading = gw_arena_calloc(&ex->arena, 1, sizeof(*reading));

    if (reading == NULL) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return NULL;
    }
    if (!gw_iot_read_request(ex, &reading->request))
        return NULL;
    reading->asking.owner = reading;
    reading->device = gw_iot_find_device(&reading->request);
    if (reading->device == NULL)
        return NULL;
    reading->text = gw_iot_make_text(ex);
    return reading->text != NULL ? reading : NULL;
}

/* "<ms> <quality> <JSON value>"; what is not known has no time. */
static void write_value(struct gw_buf *out, const struct gw_metric_config *metric,
                        struct gw_str kept, int64_t now_ms)
{
    struct gw_str time, quality;
    uint64_t ms;

    gw_buf_append_byte(out, '{');
    gw_iot_write_text(out, "metric", metric->name);
    gw_iot_write_text(out, "unit", metric->unit);
    if (gw_str_split(&kept, ' ', &time) && gw_str_split(&kept, ' ', &quality) && kept.len > 0 &&
        gw_str_to_u64(time, &ms) == 0 && ms < INT64_MAX) {
        int64_t age_ms = now_ms > (int64_t)ms ? now_ms - (int64_t)ms : 0;
        gw_iot_write_moment(out, "time", (int64_t)ms);
        gw_iot_write_text(out, "quality", quality);
        gw_buf_printf(out, ",\"value\":%.*s", GW_STR_ARG(kept));
        gw_buf_printf(out, ",\"ageSeconds\":%lld", (long long)(age_ms / 1000));
    }
    gw_buf_append_byte(out, '}');
}

/* --- last values --- */

static void on_values(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct reading *reading = asking->owner;
    const struct gw_device_type *type = reading->device->type;
    int64_t now_ms = (int64_t)(asking->ex->wall_ns / GW_NS_PER_MS);
    (void)index;

    if (reply->type != GW_REPLY_ARRAY || reply->count != type->metric_count)
        return;
    gw_buf_append_text(reading->text, "{\"items\":[");
    for (size_t i = 0; i < type->metric_count; i++) {
        const struct gw_reply *item = &reply->items[i];
        if (i > 0)
            gw_buf_append_byte(reading->text, ',');
        write_value(reading->text, &type->metrics[i],
                    item->type == GW_REPLY_STRING ? item->text : GW_STR(""), now_ms);
    }
    gw_buf_append_text(reading->text, "]}");
}

static void on_text(struct gw_iot_asking *asking)
{
    struct reading *reading = asking->owner;

    if (reading->text->len == 0)
        gw_iot_refuse_for(asking->ex, -EPROTO);
    else
        gw_iot_answer(asking->ex, 200, reading->text, false);
}

static void read_values(struct gw_exchange *ex)
{
    struct reading *reading = make(ex);

    if (reading == NULL)
        return;
    const struct gw_device_config *device = reading->device;
    size_t count = device->type->metric_count;
    struct gw_str *words = gw_arena_calloc(&ex->arena, count + 2, sizeof(*words));
    if (words == NULL || gw_iot_asking_init(&reading->asking, ex, 1) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    words[0] = GW_STR("HMGET");
    words[1] = gw_iot_key(ex, device, "values", NULL);
    for (size_t i = 0; i < count; i++)
        words[i + 2] = gw_arena_printf(&ex->arena, "%.*s/%.*s", GW_STR_ARG(device->device),
                                       GW_STR_ARG(device->type->metrics[i].name));
    reading->asking.on_reply = on_values;
    reading->asking.done = on_text;
    gw_iot_ask(&reading->asking, words, count + 2);
    gw_iot_asked(&reading->asking);
}

const struct gw_builtin gw_iot_read_values = {
    .name = "iot.values", .section = "iot", .start = read_values};

/* --- history --- */

static int compare(const void *left, const void *right)
{
    const struct gw_sample *a = left, *b = right;

    if (a->time_ms != b->time_ms)
        return a->time_ms < b->time_ms ? -1 : 1;
    return a->type != b->type         ? (a->type < b->type ? -1 : 1)
           : a->integer != b->integer ? (a->integer < b->integer ? -1 : 1)
                                      : (int)a->quality - (int)b->quality;
}

/* By time; what a crash has told twice, once. */
static void put_in_order(struct reading *reading)
{
    size_t kept = 0;

    qsort(reading->samples, reading->count, sizeof(*reading->samples), compare);
    for (size_t i = 0; i < reading->count; i++) {
        if (kept == 0 || compare(&reading->samples[kept - 1], &reading->samples[i]) != 0)
            reading->samples[kept++] = reading->samples[i];
    }
    reading->count = kept;
}

static void on_records(struct gw_iot_asking *asking, size_t index, const struct gw_reply *reply)
{
    struct reading *reading = asking->owner;
    size_t count = reply->type == GW_REPLY_STRING ? reply->text.len / GW_HISTORY_RECORD_BYTES : 0;
    int64_t from_ms = gw_iot_moment(&reading->request, "from", 0);
    int64_t until_ms = gw_iot_moment(&reading->request, "until", INT64_MAX);
    (void)index;

    reading->samples = gw_arena_calloc(&asking->ex->arena, count + 1, sizeof(*reading->samples));
    for (size_t i = 0; reading->samples != NULL && i < count; i++) {
        struct gw_sample *sample = &reading->samples[reading->count];
        if (gw_history_record_read(reply->text.ptr + i * GW_HISTORY_RECORD_BYTES, sample) &&
            sample->time_ms >= from_ms && sample->time_ms < until_ms)
            reading->count++;
    }
}

static void write_samples(struct gw_buf *out, const struct gw_sample *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        gw_buf_append_text(out, i > 0 ? ",{" : "{");
        gw_iot_write_moment(out, "time", samples[i].time_ms);
        gw_iot_write_name(out, "value");
        gw_sample_write_value(out, &samples[i]);
        gw_iot_write_text(out, "quality",
                          gw_str_of(gw_quality_name((enum gw_quality)samples[i].quality)));
        gw_buf_append_byte(out, '}');
    }
}

/* The newest, where there are more than were asked for. */
static void on_history(struct gw_iot_asking *asking)
{
    struct reading *reading = asking->owner;
    uint64_t max = gw_iot_number(&reading->request, "limit", USUAL_COUNT);
    struct gw_buf *text = reading->text;

    if (reading->samples == NULL) {
        gw_iot_refuse(asking->ex, "overloaded", NULL);
        return;
    }
    put_in_order(reading);
    size_t skipped = reading->count > max ? reading->count - (size_t)max : 0;
    gw_buf_append_byte(text, '{');
    gw_iot_write_text(text, "metric", reading->metric->name);
    gw_iot_write_text(text, "unit", reading->metric->unit);
    gw_buf_printf(text, ",\"more\":%s,\"items\":[", skipped > 0 ? "true" : "false");
    write_samples(text, reading->samples + skipped, reading->count - skipped);
    gw_buf_append_text(text, "]}");
    gw_iot_answer(asking->ex, 200, text, false);
}

static void read_history(struct gw_exchange *ex)
{
    struct reading *reading = make(ex);

    if (reading == NULL)
        return;
    reading->metric =
        gw_device_type_find_name(reading->device->type, gw_iot_text(&reading->request, "metric"));
    if (reading->metric == NULL || !reading->metric->is_kept) {
        gw_iot_refuse(ex, "not-found", "No history is kept of that metric.");
        return;
    }
    if (gw_iot_asking_init(&reading->asking, ex, 1) != 0) {
        gw_iot_refuse(ex, "overloaded", NULL);
        return;
    }
    const struct gw_str words[] = {GW_STR("GET"),
                                   gw_iot_key(ex, reading->device, "history:", reading->metric)};
    reading->asking.on_reply = on_records;
    reading->asking.done = on_history;
    gw_iot_ask(&reading->asking, words, 2);
    gw_iot_asked(&reading->asking);
}

const struct gw_builtin gw_iot_read_history = {
    .name = "iot.history", .section = "iot", .start = read_history};
