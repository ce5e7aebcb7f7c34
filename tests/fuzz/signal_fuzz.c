/* Signals from outside: a document, then, behind a NUL, samples and state as whoever likes has
 * them.
 *
 * Samples are five bytes each: what, two of time, two of value. The state of the engine that took
 * them is saved, changed in as many places as the input says, and loaded. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/iot/signal.h"

#define MAX_BYTES 6000
#define START INT64_C(1763886600000)

static const char types[] =
    "types:\n"
    "  cnc:\n"
    "    metrics:\n"
    "      state: {source: S}\n      count: {source: C, rollover: 1000}\n      speed: {source: V}\n"
    "      mode: {source: M}\n"
    "  sensor: {metrics: {rms: {source: R}, turns: {source: T, rollover: 100}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: cnc, equipment: A, plant: '1010', asset: A}\n"
    "  - {group: g, edge_node: n, device: b, type: cnc, equipment: B, plant: '1010'}\n"
    "  - {group: g, edge_node: n, device: v, type: sensor, equipment: A, plant: '1010', asset: "
    "A}\n";

static char folder[64];
static struct gw_registry *registry;

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
        abort();
}

static void path_to(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", folder, name);
}

static void clean_up(void)
{
    static const char *const names[] = {"types.yaml", "a.signal.yaml"};
    char path[128];

    gw_registry_release(registry);
    for (size_t i = 0; i < GW_COUNT_OF(names); i++) {
        path_to(names[i], path);
        unlink(path);
    }
    rmdir(folder);
}

static void set_up(void)
{
    static struct gw_diagnostics diagnostics;
    char path[128];

    snprintf(folder, sizeof(folder), "/tmp/millgate-fuzz-XXXXXX");
    if (mkdtemp(folder) == NULL || atexit(clean_up) != 0)
        abort();
    path_to("types.yaml", path);
    write_file(path, types, sizeof(types) - 1);
    struct gw_str name = gw_str_of(path);
    if (gw_registry_load(&name, 1, &diagnostics, &registry) != 0)
        abort();
}

static void take_event(void *self, const struct gw_signal_event *event)
{
    struct gw_buf text;

    (void)self;
    gw_buf_init(&text, 1 << 20);
    gw_value_write(&text, &event->data);
    if (text.has_failed || event->data.type != GW_JSON_OBJECT || event->id.len != 32 ||
        event->type.len == 0 || event->from_ms > event->to_ms)
        abort();
    gw_buf_finish(&text);
}

static void ignore_late(void *self, uint32_t series, int64_t time_ms)
{
    (void)self;
    (void)series;
    (void)time_ms;
}

static void feed(struct gw_signal_engine *engine, const uint8_t *bytes, size_t len)
{
    const struct gw_edge_node_config *node = gw_registry_node(registry, 0);
    int64_t time_ms = START;

    for (; len >= 5; bytes += 5, len -= 5) {
        struct gw_sample sample = {
            .series = bytes[0] & 7, .type = bytes[0] >> 3 & 7, .quality = bytes[0] >> 6};
        if ((bytes[0] & 7) == 7 && (bytes[4] & 128) != 0) /* one of the sensor's */
            sample.series = 8 + (bytes[4] & 1);
        time_ms += (int16_t)(bytes[1] | bytes[2] << 8) * ((bytes[4] & 64) != 0 ? 40 : 1);
        sample.time_ms = time_ms;
        if (sample.type == GW_SAMPLE_TEXT) {
            sample.text = gw_str_of((bytes[3] & 1) != 0 ? "cut" : "rest");
        } else if (sample.type == GW_SAMPLE_REAL) {
            sample.real = (int16_t)(bytes[3] | bytes[4] << 8) / 7.0;
        } else if (sample.type > GW_SAMPLE_TEXT) {
            gw_signal_engine_state(engine, gw_registry_device(registry, bytes[3] & 1),
                                   (bytes[3] & 2) != 0, time_ms);
            if (gw_signal_engine_suppress(engine, gw_registry_device(registry, bytes[3] & 1),
                                          time_ms, time_ms + bytes[4]) == -1)
                abort();
            gw_signal_engine_advance(engine, node, time_ms - bytes[4]);
            continue;
        } else {
            sample.integer = bytes[3];
            sample.boolean = (bytes[3] & 1) != 0;
        }
        gw_signal_engine_feed(engine, node, &sample, 1);
    }
}

/* What was just saved is loaded; what was changed may be, and then is as good as any. */
static void move(struct gw_signals *signals, struct gw_signal_engine *engine, const uint8_t *bytes,
                 size_t len)
{
    const struct gw_signal_events events = {NULL, take_event, ignore_late};
    const struct gw_edge_node_config *node = gw_registry_node(registry, 0);
    struct gw_signal_engine *other = gw_signal_engine_create(signals, &events);
    struct gw_buf saved;

    gw_buf_init(&saved, 16 << 20);
    if (other == NULL || gw_signal_engine_save(engine, node, &saved) != 0 ||
        gw_signal_engine_load(other, node, gw_buf_str(&saved)) != 0)
        abort();
    for (size_t i = 0; i + 3 <= len && i < 60; i += 3)
        saved.ptr[(size_t)(bytes[i] | bytes[i + 1] << 8) % saved.len] = (char)bytes[i + 2];
    if (gw_signal_engine_load(other, node, gw_buf_str(&saved)) == 0)
        feed(other, bytes, len);
    gw_buf_finish(&saved);
    gw_signal_engine_destroy(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct gw_diagnostics diagnostics;
    const struct gw_signal_events events = {NULL, take_event, ignore_late};
    struct gw_signals *signals = NULL;
    char path[128];

    if (len < 1 || len > MAX_BYTES)
        return 0;
    if (registry == NULL)
        set_up();
    const uint8_t *end = memchr(bytes, 0, len);
    size_t document = end == NULL ? len : (size_t)(end - bytes);
    path_to("a.signal.yaml", path);
    write_file(path, bytes, document);
    struct gw_str name = gw_str_of(path);
    gw_diagnostics_init(&diagnostics);
    int rc = gw_signals_load(&name, 1, registry, &diagnostics, &signals);
    if ((rc == 0) == gw_diagnostics_has_errors(&diagnostics))
        abort();
    if (rc == 0 && document < len) {
        struct gw_signal_engine *engine = gw_signal_engine_create(signals, &events);
        if (engine == NULL)
            abort();
        feed(engine, end + 1, len - document - 1);
        move(signals, engine, end + 1, len - document - 1);
        gw_signal_engine_destroy(engine);
    }
    gw_signals_release(signals);
    gw_diagnostics_finish(&diagnostics);
    return 0;
}
