/* From metrics to samples: whose value it is, and what it means. */
#include <errno.h>

#include "server/iot/sample_json.h"
#include "server/iot/sparkplug_host_private.h"

/* Where the values of one message belong. */
struct origin {
    struct gw_sparkplug_host *host;
    struct gw_sparkplug_node *node;
    const struct gw_device_config *device;
    const struct gw_sparkplug_message *message;
    bool is_birth;
};

static void flush_batch(struct gw_sparkplug_host *host, const struct gw_sparkplug_node *node)
{
    size_t count = host->batch_count;

    if (count == 0)
        return;
    host->batch_count = 0;
    host->counts.samples += count;
    host->events.on_samples(host->events.self, node->config, host->batch, count);
}

static struct gw_sample *next_sample(struct gw_sparkplug_host *host,
                                     const struct gw_sparkplug_node *node)
{
    if (host->batch_count == GW_SPARKPLUG_BATCH)
        flush_batch(host, node);
    return &host->batch[host->batch_count++];
}

static void set_aside(const struct origin *origin, enum gw_quarantine_reason reason,
                      struct gw_str name, const char *detail)
{
    gw_sparkplug_quarantine(origin->host, origin->node, reason, origin->device->device, name,
                            detail);
}

/* --- one value --- */

static void copy_value(const struct gw_sparkplug_metric *metric, struct gw_sample *sample)
{
    sample->type = metric->value;
    switch ((enum gw_sample_type)metric->value) {
    case GW_SAMPLE_BOOLEAN:
        sample->boolean = metric->boolean;
        break;
    case GW_SAMPLE_INTEGER:
        sample->integer = metric->integer;
        break;
    case GW_SAMPLE_REAL:
        sample->real = metric->real;
        break;
    case GW_SAMPLE_TEXT:
        sample->text = metric->text;
        break;
    case GW_SAMPLE_NONE:
        sample->integer = 0;
        break;
    }
}

/* `metric` has its type by now. `at_ms`: of the metric that it is part of. */
static void tell(const struct origin *origin, const struct gw_metric_config *config,
                 const struct gw_sparkplug_metric *metric, int64_t at_ms, enum gw_quality quality)
{
    if (GW_UNLIKELY(metric->is_mistyped)) {
        set_aside(origin, GW_QUARANTINE_TYPE, config->source, "the value is not of its type");
        return;
    }
    if (GW_UNLIKELY(!metric->is_null && metric->wire >= GW_SPARKPLUG_WIRE_BYTES)) {
        set_aside(origin, GW_QUARANTINE_TYPE, config->source, "the value is no scalar");
        return;
    }
    if (GW_UNLIKELY(at_ms > origin->message->arrival_ms + origin->host->limits.max_future_ms)) {
        set_aside(origin, GW_QUARANTINE_TIME, config->source, "the time lies in the future");
        return;
    }

    struct gw_sample *sample = next_sample(origin->host, origin->node);
    sample->series = gw_device_series(origin->device, config);
    sample->quality = (uint8_t)quality;
    sample->is_historical = metric->is_historical;
    sample->time_ms = at_ms;
    copy_value(metric, sample);
    if (config->has_scale)
        gw_sample_scale(config, sample);
}

static int64_t time_of(const struct origin *origin, const struct gw_sparkplug_metric *metric)
{
    if (metric->has_time)
        return metric->time_ms;
    return origin->message->has_time ? origin->message->time_ms : origin->message->arrival_ms;
}

/* --- values within values --- */

struct path { /* of the part that is looked at */
    char text[GW_SPARKPLUG_MAX_NAME];
    size_t len;
};

static bool enter(struct path *path, struct gw_str name)
{
    size_t separator = path->len > 0;

    if (name.len == 0 || path->len + separator + name.len > sizeof(path->text))
        return false;
    if (separator)
        path->text[path->len] = '/';
    memcpy(path->text + path->len + separator, name.ptr, name.len);
    path->len += separator + name.len;
    return true;
}

static void tell_part(const struct origin *origin, const struct path *path,
                      const struct gw_sparkplug_metric *part, int64_t at_ms,
                      enum gw_quality quality)
{
    struct gw_str name = gw_str_from(path->text, path->len);
    const struct gw_metric_config *config = gw_device_type_find(origin->device->type, name);

    if (config == NULL) {
        if (origin->is_birth)
            set_aside(origin, GW_QUARANTINE_UNKNOWN_METRIC, name, "");
        return;
    }
    if (origin->is_birth)
        origin->host->types[gw_device_series(origin->device, config)] = part->type;
    tell(origin, config, part, at_ms, quality);
}

static void tell_dataset(const struct origin *origin, struct path *path,
                         const struct gw_sparkplug_dataset *dataset, int64_t at_ms,
                         enum gw_quality quality)
{
    size_t len = path->len;

    for (size_t i = 0; i < dataset->row_count * dataset->column_count; i++) {
        if (enter(path, dataset->cells[i].name))
            tell_part(origin, path, &dataset->cells[i], at_ms, quality);
        path->len = len;
    }
}

/* As deep as gw_sparkplug_decode() lets through. */
static void tell_template(const struct origin *origin, struct path *path,
                          const struct gw_sparkplug_template *template, int64_t at_ms,
                          enum gw_quality quality)
{
    size_t len = path->len;

    for (size_t i = 0; i < template->metric_count && !template->is_definition; i++) {
        const struct gw_sparkplug_metric *member = &template->metrics[i];
        int64_t member_ms = member->has_time ? member->time_ms : at_ms;
        enum gw_quality worst = member->quality > quality ? member->quality : quality;
        if (enter(path, member->name)) {
            if (member->template_value != NULL)
                tell_template(origin, path, member->template_value, member_ms, worst);
            else if (member->dataset != NULL)
                tell_dataset(origin, path, member->dataset, member_ms, worst);
            else
                tell_part(origin, path, member, member_ms, worst);
        }
        path->len = len;
    }
}

static void tell_parts(const struct origin *origin, struct gw_str name,
                       const struct gw_sparkplug_metric *metric, enum gw_quality quality)
{
    struct path path = {.len = 0};
    int64_t at_ms = time_of(origin, metric);

    if (!enter(&path, name))
        return;
    if (metric->dataset != NULL)
        tell_dataset(origin, &path, metric->dataset, at_ms, quality);
    if (metric->template_value != NULL)
        tell_template(origin, &path, metric->template_value, at_ms, quality);
}

/* --- births --- */

static bool is_of_protocol(struct gw_str name)
{
    return gw_str_equal(name, GW_STR("bdSeq")) ||
           gw_str_has_prefix(name, GW_STR("Node Control/")) ||
           gw_str_has_prefix(name, GW_STR("Device Control/"));
}

/* A registered metric that is part of the one named so; NULL: none is. */
static const struct gw_metric_config *find_part(const struct gw_device_type *type,
                                                struct gw_str name)
{
    for (size_t i = 0; i < type->metric_count; i++) {
        struct gw_str source = type->metrics[i].source;
        if (source.len > name.len && source.ptr[name.len] == '/' && gw_str_has_prefix(source, name))
            return &type->metrics[i];
    }
    return NULL;
}

static void add_alias(const struct origin *origin, const struct gw_sparkplug_metric *metric,
                      const struct gw_metric_config *config, size_t prefix_len)
{
    if (!metric->has_alias)
        return;
    struct gw_sparkplug_alias alias = {
        .alias = metric->alias,
        .metric = (uint16_t)(config != NULL ? config->index + 1 : 0),
        .device = origin->device->index,
        .generation = origin->host->devices[origin->device->index].generation,
        .prefix_len = (uint16_t)prefix_len,
    };
    int rc = gw_sparkplug_alias_add(origin->host, origin->node, &alias);
    if (rc != 0)
        set_aside(origin, GW_QUARANTINE_MALFORMED, metric->name,
                  rc == -EEXIST ? "the alias is another metric's, too"
                                : "there is no room for the alias");
}

static void take_birth_metric(const struct origin *origin, struct gw_sparkplug_metric *metric)
{
    if (metric->name.len == 0 || metric->name.len > GW_SPARKPLUG_MAX_NAME || !metric->has_type) {
        set_aside(origin, GW_QUARANTINE_MALFORMED, metric->name,
                  "a metric of a birth has no name or no data type");
        return;
    }
    if (metric->template_value != NULL && metric->template_value->is_definition)
        return;
    const struct gw_metric_config *config = gw_device_type_find(origin->device->type, metric->name);
    if (config != NULL) {
        uint8_t *type = &origin->host->types[gw_device_series(origin->device, config)];
        *type = metric->type;
        add_alias(origin, metric, config, 0);
        tell(origin, config, metric, time_of(origin, metric), metric->quality);
        return;
    }
    if (metric->type == GW_SPARKPLUG_DATASET || metric->type == GW_SPARKPLUG_TEMPLATE)
        config = find_part(origin->device->type, metric->name);
    add_alias(origin, metric, config, config != NULL ? metric->name.len : 0);
    if (config != NULL)
        tell_parts(origin, metric->name, metric, metric->quality);
    else if (!is_of_protocol(metric->name))
        set_aside(origin, GW_QUARANTINE_UNKNOWN_METRIC, metric->name, "");
}

void gw_sparkplug_take_birth_metrics(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                                     const struct gw_device_config *device,
                                     const struct gw_sparkplug_message *message,
                                     const struct gw_sparkplug_payload *payload)
{
    struct origin origin = {host, node, device, message, true};

    for (size_t i = 0; i < payload->metric_count; i++)
        take_birth_metric(&origin, &payload->metrics[i]);
    flush_batch(host, node);
}

/* --- data --- */

static void lack_birth(const struct origin *origin, const char *why)
{
    origin->host->counts.unborn++;
    gw_sparkplug_ask_rebirth(origin->host, origin->node, why, origin->message->arrival_ms);
}

static void take_value(const struct origin *origin, const struct gw_metric_config *config,
                       struct gw_sparkplug_metric *metric, enum gw_quality quality)
{
    uint8_t type = origin->host->types[gw_device_series(origin->device, config)];

    if (GW_UNLIKELY(type == GW_SPARKPLUG_UNKNOWN)) {
        lack_birth(origin, "a metric was not in the birth");
        return;
    }
    if (GW_UNLIKELY(metric->has_type && metric->type != type)) {
        set_aside(origin, GW_QUARANTINE_TYPE, config->source, "the type is not that of the birth");
        return;
    }
    if (!metric->has_type && gw_sparkplug_apply_type(metric, type) != 0)
        metric->is_mistyped = true;
    if (metric->quality > quality)
        quality = metric->quality; /* a number that is not finite has become BAD */
    tell(origin, config, metric, time_of(origin, metric), quality);
}

static void take_by_alias(const struct origin *origin, struct gw_sparkplug_metric *metric)
{
    const struct gw_sparkplug_alias *alias =
        gw_sparkplug_alias_find(origin->host, origin->node, metric->alias);
    enum gw_quality quality = metric->quality;

    if (GW_UNLIKELY(alias == NULL || alias->device != origin->device->index)) {
        lack_birth(origin, "an alias is not known");
        return;
    }
    if (alias->metric == 0) {
        if (alias->is_ambiguous)
            set_aside(origin, GW_QUARANTINE_MALFORMED, (struct gw_str){0}, "an ambiguous alias");
        return;
    }
    if (GW_UNLIKELY(!origin->host->devices[alias->device].is_certain) && quality == GW_QUALITY_GOOD)
        quality = GW_QUALITY_UNCERTAIN;
    const struct gw_metric_config *config = &origin->device->type->metrics[alias->metric - 1];
    if (alias->prefix_len > 0)
        tell_parts(origin, gw_str_from(config->source.ptr, alias->prefix_len), metric, quality);
    else
        take_value(origin, config, metric, quality);
}

static void take_by_name(const struct origin *origin, struct gw_sparkplug_metric *metric)
{
    const struct gw_metric_config *config = gw_device_type_find(origin->device->type, metric->name);

    if (config != NULL)
        take_value(origin, config, metric, metric->quality);
    else if (metric->dataset != NULL || metric->template_value != NULL)
        tell_parts(origin, metric->name, metric, metric->quality);
}

void gw_sparkplug_take_values(struct gw_sparkplug_host *host, struct gw_sparkplug_node *node,
                              const struct gw_device_config *device,
                              const struct gw_sparkplug_message *message,
                              const struct gw_sparkplug_payload *payload)
{
    struct origin origin = {host, node, device, message, false};

    for (size_t i = 0; i < payload->metric_count; i++) {
        struct gw_sparkplug_metric *metric = &payload->metrics[i];
        if (metric->name.len > 0)
            take_by_name(&origin, metric);
        else if (metric->has_alias)
            take_by_alias(&origin, metric);
        else
            set_aside(&origin, GW_QUARANTINE_MALFORMED, metric->name,
                      "a metric has no name and no alias");
    }
    flush_batch(host, node);
}

void gw_sparkplug_mark_stale(struct gw_sparkplug_host *host, const struct gw_sparkplug_node *node,
                             const struct gw_device_config *device, int64_t time_ms)
{
    for (size_t i = 0; i < device->type->metric_count; i++) {
        uint32_t series = gw_device_series(device, &device->type->metrics[i]);
        if (host->types[series] == GW_SPARKPLUG_UNKNOWN)
            continue;
        *next_sample(host, node) = (struct gw_sample){.series = series,
                                                      .type = GW_SAMPLE_NONE,
                                                      .quality = GW_QUALITY_STALE,
                                                      .time_ms = time_ms};
    }
    flush_batch(host, node);
}
