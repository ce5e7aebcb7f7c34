/* The forms that samples come in: a list, JSON lines, CloudEvents. */
#include <errno.h>
#include <string.h>

#include "server/contract/media.h"
#include "server/core/instant.h"
#include "server/event/event.h"
#include "server/gateway/iot_ingest.h"
#include "server/iot/sample_json.h"
#include "server/iot/sample_text.h"

#define MAX_SAMPLES_BYTES (8u << 20)

static const struct gw_json_limits limits = {4u << 20, 16};

static void refuse(struct gw_ingest *ingest, const char *reason, struct gw_str detail)
{
    if (ingest->refused < GW_INGEST_MAX_ERRORS)
        ingest->errors[ingest->refused] = (struct gw_ingest_error){
            ingest->line, reason, detail.ptr != NULL ? detail : GW_STR("")};
    ingest->refused++;
}

/* --- one sample --- */

static void finish_buffer(void *self)
{
    gw_buf_finish(self);
}

static struct gw_ingest_node *node_of(struct gw_ingest *ingest,
                                      const struct gw_edge_node_config *config)
{
    for (size_t i = ingest->node_count; i > 0; i--)
        if (ingest->nodes[i - 1].config == config)
            return &ingest->nodes[i - 1];
    if (ingest->node_count == GW_INGEST_MAX_NODES)
        return NULL;
    struct gw_ingest_node *node = &ingest->nodes[ingest->node_count];
    if (gw_arena_defer(&ingest->request.ex->arena, finish_buffer, &node->samples) != 0)
        return NULL;
    ingest->node_count++;
    node->ingest = ingest;
    node->config = config;
    gw_buf_init(&node->samples, MAX_SAMPLES_BYTES);
    gw_buf_append_byte(&node->samples, '[');
    return node;
}

static const struct gw_metric_config *find_metric(const struct gw_device_config *device,
                                                  struct gw_str name, bool *out_is_source)
{
    const struct gw_metric_config *metric = gw_device_type_find_name(device->type, name);

    *out_is_source = metric == NULL;
    return metric != NULL ? metric : gw_device_type_find(device->type, name);
}

static bool read_time(struct gw_ingest *ingest, const struct gw_value *item, int64_t usual_ms,
                      int64_t *out_ms)
{
    const struct gw_value *time = gw_value_member(item, GW_STR("time"));

    *out_ms = usual_ms;
    if (time != NULL && (time->type != GW_JSON_STRING || gw_instant_read(time->text, out_ms) != 0))
        refuse(ingest, "invalid", GW_STR("`time` is no date-time of RFC 3339."));
    else if (*out_ms > ingest->now_ms + ingest->max_future_ms)
        refuse(ingest, "time", GW_STR("`time` is too far in the future."));
    else
        return true;
    return false;
}

static bool read_sample(struct gw_ingest *ingest, const struct gw_value *item, int64_t usual_ms,
                        struct gw_sample *sample)
{
    const struct gw_value *value = gw_value_member(item, GW_STR("value"));
    const struct gw_value *historical = gw_value_member(item, GW_STR("historical"));
    struct gw_str quality_name = gw_value_member_text(item, GW_STR("quality"));
    enum gw_quality quality = GW_QUALITY_GOOD;

    *sample = (struct gw_sample){.series = GW_SERIES_NONE};
    if (value == NULL || gw_sample_set_value(value, sample) != 0) {
        refuse(ingest, "invalid", GW_STR("`value` is a number, a text, a boolean or null."));
        return false;
    }
    if (quality_name.len > 0 && !gw_quality_parse(quality_name, &quality)) {
        refuse(ingest, "invalid", GW_STR("`quality` is good, uncertain, bad or stale."));
        return false;
    }
    sample->quality = (uint8_t)quality;
    sample->is_historical = historical != NULL && historical->type == GW_JSON_TRUE;
    return read_time(ingest, item, usual_ms, &sample->time_ms);
}

/* What is not registered is told and quarantined; what the caller may not know is not there. */
static const struct gw_device_config *find_device(struct gw_ingest *ingest, struct gw_str id)
{
    const struct gw_device_config *device = gw_registry_find_id(ingest->request.registry, id);

    if (device == NULL || !gw_iot_may_see(&ingest->request, device->plant)) {
        refuse(ingest, "unknown-device", id);
        return NULL;
    }
    return device;
}

static void read_item(struct gw_ingest *ingest, const struct gw_value *item, int64_t usual_ms)
{
    struct gw_str id = gw_value_member_text(item, GW_STR("device"));
    struct gw_str name = gw_value_member_text(item, GW_STR("metric"));
    struct gw_sample sample;
    bool is_source;

    if (id.len == 0 || name.len == 0) {
        refuse(ingest, "invalid", GW_STR("It is no object with `device` and `metric`."));
        return;
    }
    const struct gw_device_config *device = find_device(ingest, id);
    if (device == NULL)
        return;
    const struct gw_metric_config *metric = find_metric(device, name, &is_source);
    if (metric == NULL) {
        refuse(ingest, "unknown-metric",
               gw_arena_printf(&ingest->request.ex->arena, "%.*s/%.*s", GW_STR_ARG(id),
                               GW_STR_ARG(name)));
        return;
    }
    if (!read_sample(ingest, item, usual_ms, &sample))
        return;
    if (is_source)
        gw_sample_scale(metric, &sample);
    struct gw_ingest_node *node =
        node_of(ingest, gw_registry_node(ingest->request.registry, device->node));
    if (node == NULL || node->count == GW_SAMPLES_MAX) {
        refuse(ingest, "too-many", GW_STR("The request is for too many edge nodes or samples."));
        return;
    }
    gw_samples_write(&node->samples, device->device, metric->name, &sample);
    node->count++;
    ingest->accepted++;
}

/* --- forms --- */

/* One, or a list. */
static void read_value(struct gw_ingest *ingest, const struct gw_value *value, int64_t usual_ms,
                       bool counts)
{
    if (value->type != GW_JSON_ARRAY) {
        read_item(ingest, value, usual_ms);
        return;
    }
    for (size_t i = 0; i < value->count; i++) {
        ingest->line = counts ? i + 1 : ingest->line;
        read_item(ingest, &value->items[i], usual_ms);
    }
}

static int read_list(struct gw_ingest *ingest, struct gw_str body, struct gw_error *error)
{
    struct gw_json_error why = {0};
    struct gw_value value;
    int rc = gw_value_read(&ingest->request.ex->arena, body, &limits, &value, &why);

    if (rc == -ENOMEM)
        return rc;
    if (rc != 0)
        return gw_error_set(error, -EINVAL, "The body is no JSON: %s.", why.text);
    ingest->line = 1;
    read_value(ingest, &value, ingest->now_ms, true);
    return 0;
}

/* A line that cannot be read spoils no other. */
static int read_lines(struct gw_ingest *ingest, struct gw_str body)
{
    struct gw_str line;

    while (gw_str_split(&body, '\n', &line)) {
        struct gw_json_error why = {0};
        struct gw_value value;
        ingest->line++;
        line = gw_str_trim(line);
        if (line.len == 0)
            continue;
        int rc = gw_value_read(&ingest->request.ex->arena, line, &limits, &value, &why);
        if (rc == -ENOMEM)
            return rc;
        if (rc != 0)
            refuse(ingest, "invalid",
                   gw_arena_printf(&ingest->request.ex->arena, "No JSON: %s.", why.text));
        else
            read_item(ingest, &value, ingest->now_ms);
    }
    return 0;
}

static int read_event(struct gw_ingest *ingest, const struct gw_event *event)
{
    struct gw_json_error why = {0};
    struct gw_value value;
    int64_t time_ms = ingest->now_ms;

    if (event->time.len > 0 && gw_instant_read(event->time, &time_ms) != 0)
        time_ms = ingest->now_ms;
    if (event->data.len == 0 ||
        gw_value_read(&ingest->request.ex->arena, event->data, &limits, &value, &why) != 0) {
        refuse(ingest, "invalid", GW_STR("The event has no data."));
        return 0;
    }
    read_value(ingest, &value, time_ms, false);
    return 0;
}

static int read_events(struct gw_ingest *ingest, struct gw_str body, struct gw_error *error)
{
    struct gw_event_item *items;
    size_t count;
    int rc = gw_event_parse_batch(body, GW_SAMPLES_MAX, &ingest->request.ex->arena, &items, &count,
                                  error);

    for (size_t i = 0; rc == 0 && i < count; i++) {
        ingest->line = i + 1;
        if (items[i].rc != 0)
            refuse(ingest, "invalid", items[i].fault);
        else
            rc = read_event(ingest, &items[i].event);
    }
    return rc;
}

static int read_one_event(struct gw_ingest *ingest, bool is_structured, struct gw_error *error)
{
    struct gw_exchange *ex = ingest->request.ex;
    struct gw_event *event = gw_arena_calloc(&ex->arena, 1, sizeof(*event));
    int rc = event == NULL ? -ENOMEM : 0;

    ingest->line = 1;
    if (rc == 0 && is_structured)
        rc = gw_event_parse(ex->request.body, &ex->arena, event, error);
    else if (rc == 0)
        rc = gw_event_parse_fields(ex->request.fields, ex->request.field_count, ex->request.body,
                                   &ex->arena, event, error);
    return rc == 0 ? read_event(ingest, event) : rc;
}

int gw_ingest_read(struct gw_ingest *ingest, struct gw_error *error)
{
    const struct gw_exchange *ex = ingest->request.ex;
    const struct gw_str *type = gw_request_field(ex, GW_STR("content-type"));
    struct gw_str range = GW_STR("");
    int rc;

    if (type == NULL || !gw_media_parse(*type, &range))
        range = GW_STR("");
    if (gw_str_equal_nocase(range, GW_STR("application/x-ndjson")))
        rc = read_lines(ingest, ex->request.body);
    else if (gw_str_equal_nocase(range, GW_STR("application/cloudevents-batch+json")))
        rc = read_events(ingest, ex->request.body, error);
    else if (gw_str_equal_nocase(range, GW_STR("application/cloudevents+json")))
        rc = read_one_event(ingest, true, error);
    else if (gw_request_field(ex, GW_STR("ce-specversion")) != NULL)
        rc = read_one_event(ingest, false, error);
    else
        rc = read_list(ingest, ex->request.body, error);
    for (size_t i = 0; i < ingest->node_count; i++) {
        gw_buf_append_byte(&ingest->nodes[i].samples, ']');
        if (rc == 0 && ingest->nodes[i].samples.has_failed)
            rc = -ENOMEM;
    }
    return rc;
}
