#include "tests/unit/support/sparkplug_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define REGISTRY                                                                                  \
    "types:\n"                                                                                    \
    "  cnc:\n"                                                                                    \
    "    metrics:\n"                                                                              \
    "      good: {source: Production/Good}\n"                                                     \
    "      vibration: {source: Spindle/Vibration, unit: mm/s}\n"                                  \
    "      state: {source: Machine/State}\n"                                                      \
    "      energy: {source: Energy/Total, unit: kWh, factor: 0.001, offset: 1}\n"                 \
    "      program: {source: Program}\n"                                                          \
    "      count: {source: Batch/count}\n"                                                        \
    "      kind: {source: Batch/kind}\n"                                                          \
    "      rpm: {source: Drive/rpm}\n"                                                            \
    "  node:\n"                                                                                   \
    "    metrics: {load: {source: Load}}\n"                                                       \
    "devices:\n"                                                                                  \
    "  - {group: g, edge_node: line-1, type: node, equipment: L1, plant: '1010'}\n"               \
    "  - {group: g, edge_node: line-1, device: cnc-1, type: cnc, equipment: C1, plant: '1010'}\n" \
    "  - {group: g, edge_node: line-1, device: cnc-2, type: cnc, equipment: C2, plant: '1010'}\n" \
    "  - {group: g, edge_node: line-2, device: cnc-1, type: cnc, equipment: C3, plant: '1010'}\n"

static const char *const type_names[] = {
    "Unknown", "Int8",   "Int16",   "Int32",  "Int64",    "UInt8", "UInt16", "UInt32",  "UInt64",
    "Float",   "Double", "Boolean", "String", "DateTime", "Text",  "UUID",   "DataSet", "Bytes",
};

/* --- what is told --- */

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    static const char *const qualities[] = {"", " uncertain", " bad", " stale"};
    struct sparkplug_rig *rig = self;

    rig->samples += count;
    for (size_t i = 0; i < count && !rig->is_silent; i++) {
        const struct gw_sample *sample = &samples[i];
        const struct gw_metric_config *metric;
        const struct gw_device_config *device =
            gw_registry_series_device(rig->registry, sample->series, &metric);
        assert_non_null(device);
        assert_int_equal(device->node, node->index);
        gw_buf_printf(&rig->told, "%.*s %.*s ", GW_STR_ARG(device->id), GW_STR_ARG(metric->name));
        if (sample->type == GW_SAMPLE_INTEGER)
            gw_buf_printf(&rig->told, "%lld", (long long)sample->integer);
        else if (sample->type == GW_SAMPLE_REAL)
            gw_buf_printf(&rig->told, "%.17g", sample->real);
        else if (sample->type == GW_SAMPLE_BOOLEAN)
            gw_buf_append_text(&rig->told, sample->boolean ? "true" : "false");
        else if (sample->type == GW_SAMPLE_TEXT)
            gw_buf_printf(&rig->told, "'%.*s'", GW_STR_ARG(sample->text));
        else
            gw_buf_append_text(&rig->told, "none");
        gw_buf_printf(&rig->told, " @%lld%s%s\n", (long long)sample->time_ms,
                      qualities[sample->quality], sample->is_historical ? " historical" : "");
    }
}

static void on_state(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms)
{
    static const char *const names[] = {"unknown", "online", "offline"};
    struct sparkplug_rig *rig = self;

    if (!rig->is_silent)
        gw_buf_printf(&rig->told, "%.*s is %s @%lld\n", GW_STR_ARG(device->id), names[state],
                      (long long)time_ms);
}

static void on_rebirth(void *self, const struct gw_edge_node_config *node, const char *why)
{
    struct sparkplug_rig *rig = self;

    if (!rig->is_silent)
        gw_buf_printf(&rig->told, "rebirth of %.*s: %s\n", GW_STR_ARG(node->id), why);
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    struct sparkplug_rig *rig = self;

    if (!rig->is_silent)
        gw_buf_printf(&rig->told, "%s %.*s: %.*s\n", gw_quarantine_reason_name(reason),
                      GW_STR_ARG(name), GW_STR_ARG(detail));
}

const char *sparkplug_rig_told(struct sparkplug_rig *rig)
{
    static char *last;

    assert_false(rig->told.has_failed);
    gw_buf_append_byte(&rig->told, '\0');
    free(last);
    last = strdup(rig->told.ptr);
    assert_non_null(last);
    gw_buf_clear(&rig->told);
    return last;
}

void sparkplug_rig_expect(struct sparkplug_rig *rig, const char *told)
{
    assert_string_equal(sparkplug_rig_told(rig), told);
}

/* --- the rig --- */

static void load_registry(struct sparkplug_rig *rig, const char *extra)
{
    struct gw_diagnostics diagnostics;
    char path[] = "/tmp/sparkplug-registry-XXXXXX";
    struct gw_str file = gw_str_of(path);
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, REGISTRY, strlen(REGISTRY)), strlen(REGISTRY));
    if (extra != NULL)
        assert_int_equal(write(fd, extra, strlen(extra)), strlen(extra));
    close(fd);
    gw_diagnostics_init(&diagnostics);
    int rc = gw_registry_load(&file, 1, &diagnostics, &rig->registry);
    if (rc != 0)
        gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    assert_int_equal(rc, 0);
}

struct gw_sparkplug_host *sparkplug_rig_host(struct sparkplug_rig *rig)
{
    const struct gw_sparkplug_host_limits limits = {0};
    const struct gw_sparkplug_host_events events = {rig, on_samples, on_state, on_rebirth,
                                                    on_quarantine};
    struct gw_sparkplug_host *host = gw_sparkplug_host_create(rig->registry, &limits, &events);

    assert_non_null(host);
    return host;
}

void sparkplug_rig_open(struct sparkplug_rig *rig, const char *extra)
{
    *rig = (struct sparkplug_rig){.now_ms = 100000};
    gw_buf_init(&rig->told, 64u << 20);
    load_registry(rig, extra);
    rig->host = sparkplug_rig_host(rig);
    rig->line_1 = gw_registry_find_node(rig->registry, GW_STR("g"), GW_STR("line-1"));
    rig->line_2 = gw_registry_find_node(rig->registry, GW_STR("g"), GW_STR("line-2"));
    assert_non_null(rig->line_1);
    assert_non_null(rig->line_2);
}

void sparkplug_rig_close(struct sparkplug_rig *rig)
{
    gw_sparkplug_host_destroy(rig->host);
    gw_registry_release(rig->registry);
    gw_buf_finish(&rig->told);
}

/* --- messages --- */

static enum gw_sparkplug_type find_type(const char *name)
{
    for (size_t i = 0; i < GW_COUNT_OF(type_names); i++) {
        if (strcmp(type_names[i], name) == 0)
            return (enum gw_sparkplug_type)i;
    }
    fail_msg("no type %s", name);
    return GW_SPARKPLUG_UNKNOWN;
}

static void read_value(struct gw_sparkplug_metric *metric, const char *value)
{
    if (strcmp(value, "null") == 0) {
        metric->is_null = true;
    } else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
        metric->value = GW_SAMPLE_BOOLEAN;
        metric->boolean = value[0] == 't';
    } else if (strpbrk(value, "abcdefghijklmnopqrstuvwxyz") != NULL && strcmp(value, "nan") != 0) {
        metric->value = GW_SAMPLE_TEXT;
        metric->text = gw_str_of(value);
    } else if (strchr(value, '.') != NULL || strcmp(value, "nan") == 0) {
        metric->value = GW_SAMPLE_REAL;
        metric->real = strtod(value, NULL);
    } else {
        metric->value = GW_SAMPLE_INTEGER;
        metric->integer = strtoll(value, NULL, 10);
    }
}

/* Cuts `text` up; `metric` points into it. */
static void read_metric(struct gw_sparkplug_metric *metric, char *text, int64_t time_ms)
{
    size_t len = strlen(text);

    *metric = (struct gw_sparkplug_metric){0};
    for (; len > 0 && strchr("~?", text[len - 1]) != NULL; text[--len] = '\0') {
        if (text[len - 1] == '~')
            metric->is_historical = true;
        else
            metric->quality = GW_QUALITY_BAD;
    }
    char *value = strchr(text, '=');
    assert_non_null(value);
    *value++ = '\0';
    char *own_time = strchr(value, '@');
    if (own_time != NULL) {
        *own_time = '\0';
        metric->has_time = true;
        metric->time_ms = time_ms + strtoll(own_time + 1, NULL, 10);
    }
    char *type = strchr(text, ':');
    if (type != NULL) {
        *type++ = '\0';
        metric->has_type = true;
        metric->type = (uint8_t)find_type(type);
    }
    char *alias = strchr(text, '#');
    if (alias != NULL) {
        *alias++ = '\0';
        metric->has_alias = true;
        metric->alias = strtoull(alias, NULL, 10);
    }
    metric->name = gw_str_of(text);
    read_value(metric, value);
}

void sparkplug_write(struct gw_buf *out, int seq, int64_t time_ms, const char *metrics)
{
    static struct gw_sparkplug_metric list[4096];
    struct gw_sparkplug_payload payload = {.has_time = time_ms >= 0,
                                           .time_ms = time_ms,
                                           .has_seq = seq >= 0,
                                           .seq = (uint8_t)seq,
                                           .metrics = list};
    char *text = strdup(metrics), *rest = text, *word;

    assert_non_null(text);
    while ((word = strtok_r(rest, " ", &rest)) != NULL) {
        assert_true(payload.metric_count < GW_COUNT_OF(list));
        read_metric(&list[payload.metric_count++], word, time_ms);
    }
    assert_int_equal(gw_sparkplug_encode(&payload, out), 0);
    free(text);
}

void sparkplug_rig_feed_bytes(struct sparkplug_rig *rig, const char *topic, struct gw_str bytes)
{
    gw_sparkplug_host_feed(rig->host, gw_str_of(topic), bytes, rig->now_ms++);
}

void sparkplug_rig_feed(struct sparkplug_rig *rig, const char *topic, int seq, int64_t time_ms,
                        const char *metrics)
{
    struct gw_buf bytes;
    char whole[256];

    gw_buf_init(&bytes, GW_SPARKPLUG_MAX_BYTES);
    sparkplug_write(&bytes, seq, time_ms, metrics);
    snprintf(whole, sizeof(whole), "spBv1.0/g/%s", topic);
    sparkplug_rig_feed_bytes(rig, whole, gw_buf_str(&bytes));
    gw_buf_finish(&bytes);
}

struct gw_str sparkplug_from_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    char *bytes = malloc(len + 1);

    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        const char digits[] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (char)strtoul(digits, NULL, 16);
    }
    return gw_str_from(bytes, len);
}
