/* What a sample costs from the message's bytes to what three signals make of it, and what a series
 * keeps in memory: 10,000 series of 200 devices at 4 edge nodes, a message a second of each device
 * with its 50 metrics by alias, and for each series an alarm with hysteresis, a window's mean, and
 * what a counter went on by in a window or its 95th percentile. One thread; time is the
 * processor's, because the machine may be busy.
 *
 * Usage: bench.iot [SECONDS] */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/core/diagnostic.h"
#include "server/iot/signal.h"
#include "server/iot/sparkplug_host.h"

#define NODES 4
#define MORE_NODES 8                    /* to see what a series more takes */
#define DEVICES 50                      /* of a node */
#define METRICS 50                      /* of a device, and of a message */
#define MESSAGES (MORE_NODES * DEVICES) /* a second, at most */
#define KINDS 3
#define START INT64_C(1763886600000)
#define PATH_BYTES 200

struct mix {
    const char *name, *third;
};

static const struct mix mixes[] = {
    {"counter's delta", "window: {tumbling: PT5M}\nvalues: {v: {delta: x}}\n"},
    {"percentile", "window: {tumbling: PT5M}\nvalues: {v: {percentile: x, percent: 95, from: 0, "
                   "to: 100}}\n"},
};

struct bench {
    const char *folder;
    struct gw_registry *registry;
    struct gw_signals *signals;
    struct gw_signal_engine *engine; /* NULL: samples go nowhere */
    struct gw_sparkplug_host *host;
    struct gw_buf messages[MESSAGES];
    uint8_t seq[MORE_NODES];
    int devices; /* of all nodes */
    int64_t second;
    uint64_t samples, events, late;
};

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 now = mallinfo2();

    return now.uordblks + now.hblkhd;
}

/* --- registry and signals --- */

static void write_text(const char *path, const struct gw_buf *text)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(text->ptr, 1, text->len, file) != text->len || fclose(file) != 0)
        abort();
}

static void load_registry(struct bench *bench)
{
    struct gw_diagnostics diagnostics;
    char path[PATH_BYTES];
    struct gw_buf text;

    gw_buf_init(&text, 16u << 20);
    gw_buf_append_text(&text, "types:\n  m:\n    metrics:\n");
    for (int i = 0; i < METRICS; i++)
        gw_buf_printf(&text, "      x%d: {source: Axis/%d/Position}\n", i, i);
    gw_buf_append_text(&text, "devices:\n");
    for (int i = 0; i < bench->devices; i++)
        gw_buf_printf(&text,
                      "  - {group: g, edge_node: n%d, device: d%d, type: m, equipment: E%d, plant: "
                      "'1010'}\n",
                      i / DEVICES, i % DEVICES, i);
    snprintf(path, sizeof(path), "%s/registry.yaml", bench->folder);
    write_text(path, &text);
    gw_buf_finish(&text);
    struct gw_str name = gw_str_of(path);
    gw_diagnostics_init(&diagnostics);
    if (gw_registry_load(&name, 1, &diagnostics, &bench->registry) != 0)
        gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
}

static void load_signals(struct bench *bench, const struct mix *mix)
{
    static char paths[KINDS * METRICS][PATH_BYTES];
    struct gw_str names[KINDS * METRICS];
    struct gw_diagnostics diagnostics;
    const char *const kinds[KINDS] = {
        "alarm: {raised: a.r.v1, cleared: a.c.v1, raise: {value: x, above: 90, clearBelow: 80}}\n",
        "window: {tumbling: PT1M}\nvalues: {v: {mean: x}}\nevent: {type: a.m.v1}\n", NULL};

    for (int i = 0; i < KINDS * METRICS; i++) {
        struct gw_buf text;
        gw_buf_init(&text, 4096);
        gw_buf_printf(&text, "signal: s%d\ndevices: [m]\ninputs: {x: {metric: x%d}}\n", i,
                      i / KINDS);
        if (kinds[i % KINDS] != NULL)
            gw_buf_append_text(&text, kinds[i % KINDS]);
        else
            gw_buf_printf(&text, "%sevent: {type: a.d.v1}\n", mix->third);
        snprintf(paths[i], PATH_BYTES, "%s/s%d.signal.yaml", bench->folder, i);
        write_text(paths[i], &text);
        gw_buf_finish(&text);
        names[i] = gw_str_of(paths[i]);
    }
    gw_diagnostics_init(&diagnostics);
    if (gw_signals_load(names, KINDS * METRICS, bench->registry, &diagnostics, &bench->signals) !=
        0)
        gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    for (int i = 0; i < KINDS * METRICS; i++)
        unlink(paths[i]);
}

/* --- what comes out --- */

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *samples, size_t count)
{
    struct bench *bench = self;

    bench->samples += count;
    if (bench->engine != NULL)
        gw_signal_engine_feed(bench->engine, node, samples, count);
}

static void on_state(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms)
{
    (void)self, (void)device, (void)state, (void)time_ms;
}

static void on_rebirth(void *self, const struct gw_edge_node_config *node, const char *why)
{
    (void)self, (void)node;
    fprintf(stderr, "rebirth: %s\n", why);
    exit(EXIT_FAILURE);
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    (void)self;
    fprintf(stderr, "%s %.*s: %.*s\n", gw_quarantine_reason_name(reason), GW_STR_ARG(name),
            GW_STR_ARG(detail));
    exit(EXIT_FAILURE);
}

static void on_event(void *self, const struct gw_signal_event *event)
{
    (void)event;
    ((struct bench *)self)->events++;
}

static void on_late(void *self, uint32_t series, int64_t time_ms)
{
    (void)series, (void)time_ms;
    ((struct bench *)self)->late++;
}

/* --- what goes in --- */

/* Swings between 5 and 95, each series at its own pace of minutes: its alarm comes and goes. */
static double value_of(int device, int metric, int64_t second)
{
    double period = 300 + (device * METRICS + metric) % 600;

    return 50 + 45 * sin(6.2831853 * ((double)second + device * 13 + metric * 7) / period);
}

static void write_message(struct bench *bench, int device, bool is_birth)
{
    int64_t time_ms = START + bench->second * 1000;
    struct gw_sparkplug_metric metrics[METRICS];
    char names[METRICS][32];
    struct gw_sparkplug_payload payload = {.has_time = true,
                                           .has_seq = true,
                                           .time_ms = time_ms,
                                           .seq = ++bench->seq[device / DEVICES],
                                           .metrics = metrics,
                                           .metric_count = METRICS};

    for (int i = 0; i < METRICS; i++) {
        metrics[i] =
            (struct gw_sparkplug_metric){.has_alias = true,
                                         .alias = (uint64_t)(device % DEVICES * METRICS + i),
                                         .has_time = true,
                                         .time_ms = time_ms,
                                         .value = GW_SAMPLE_REAL,
                                         .real = value_of(device, i, bench->second)};
        if (!is_birth)
            continue;
        snprintf(names[i], sizeof(names[i]), "Axis/%d/Position", i);
        metrics[i].name = gw_str_of(names[i]);
        metrics[i].has_type = true;
        metrics[i].type = GW_SPARKPLUG_DOUBLE;
    }
    gw_buf_clear(&bench->messages[device]);
    if (gw_sparkplug_encode(&payload, &bench->messages[device]) != 0)
        exit(EXIT_FAILURE);
}

static void feed(struct bench *bench, int device, const char *kind)
{
    char topic[64];
    int len = snprintf(topic, sizeof(topic), "spBv1.0/g/%s/n%d/d%d", kind, device / DEVICES,
                       device % DEVICES);

    gw_sparkplug_host_feed(bench->host, gw_str_from(topic, (size_t)len),
                           gw_buf_str(&bench->messages[device]), START + bench->second * 1000);
}

static void bear(struct bench *bench)
{
    const struct gw_sparkplug_metric bd_seq = {.name = GW_STR("bdSeq"),
                                               .value = GW_SAMPLE_INTEGER,
                                               .has_type = true,
                                               .type = GW_SPARKPLUG_UINT64};
    struct gw_sparkplug_metric metric = bd_seq;
    const struct gw_sparkplug_payload birth = {
        .has_time = true, .time_ms = START, .has_seq = true, .metrics = &metric, .metric_count = 1};
    struct gw_buf bytes;

    gw_buf_init(&bytes, 4096);
    if (gw_sparkplug_encode(&birth, &bytes) != 0)
        exit(EXIT_FAILURE);
    for (int node = 0; node < bench->devices / DEVICES; node++) {
        char topic[64];
        int len = snprintf(topic, sizeof(topic), "spBv1.0/g/NBIRTH/n%d", node);
        gw_sparkplug_host_feed(bench->host, gw_str_from(topic, (size_t)len), gw_buf_str(&bytes),
                               START);
    }
    gw_buf_finish(&bytes);
    for (int device = 0; device < bench->devices; device++) {
        write_message(bench, device, true);
        feed(bench, device, "DBIRTH");
    }
}

/* A second of all devices; the processor's time without that of making the messages. */
static double pass_second(struct bench *bench)
{
    bench->second++;
    for (int device = 0; device < bench->devices; device++)
        write_message(bench, device, false);
    double begun = cpu_seconds();
    for (int device = 0; device < bench->devices; device++)
        feed(bench, device, "DDATA");
    return cpu_seconds() - begun;
}

/* --- measuring --- */

static void begin(struct bench *bench, bool has_signals)
{
    const struct gw_sparkplug_host_limits limits = {0};
    const struct gw_sparkplug_host_events host_events = {bench, on_samples, on_state, on_rebirth,
                                                         on_quarantine};
    const struct gw_signal_events signal_events = {bench, on_event, on_late};

    memset(bench->seq, 0, sizeof(bench->seq));
    bench->second = 0;
    bench->host = gw_sparkplug_host_create(bench->registry, &limits, &host_events);
    bench->engine = has_signals ? gw_signal_engine_create(bench->signals, &signal_events) : NULL;
    if (bench->host == NULL || (has_signals && bench->engine == NULL))
        exit(EXIT_FAILURE);
    bear(bench);
    bench->samples = bench->events = bench->late = 0;
}

static void end(struct bench *bench)
{
    gw_sparkplug_host_destroy(bench->host);
    gw_signal_engine_destroy(bench->engine);
}

static void measure(struct bench *bench, const char *what, double limit)
{
    double spent = 0;

    while (spent < limit)
        spent += pass_second(bench);
    printf("%-44s %6.0f ns/sample %10.0f samples/s", what, spent * 1e9 / (double)bench->samples,
           (double)bench->samples / spent);
    if (bench->engine != NULL)
        printf(", %.0f samples an event, %llu late",
               (double)bench->samples / (double)(bench->events + (bench->events == 0)),
               (unsigned long long)bench->late);
    printf("\n");
}

struct memory {
    double series, bytes, rings; /* of all together */
};

static struct memory memory_of(const struct bench *bench, size_t before)
{
    double rings = (double)gw_signal_engine_ring_bytes(bench->engine);

    return (struct memory){(double)gw_registry_series_count(bench->registry),
                           (double)(heap_bytes() - before) - rings, rings};
}

static void load(struct bench *bench, const struct mix *mix, int nodes)
{
    bench->devices = nodes * DEVICES;
    load_registry(bench);
    load_signals(bench, mix);
    if (bench->registry == NULL || bench->signals == NULL)
        exit(EXIT_FAILURE);
    begin(bench, true);
}

static void unload(struct bench *bench)
{
    end(bench);
    gw_signals_release(bench->signals);
    gw_registry_release(bench->registry);
}

static void run_mix(struct bench *bench, const struct mix *mix, double limit)
{
    char what[64];
    size_t begun = heap_bytes();

    load(bench, mix, NODES);
    snprintf(what, sizeof(what), "alarm, mean and %s", mix->name);
    measure(bench, what, limit);
    struct memory less = memory_of(bench, begun);
    unload(bench);
    begun = heap_bytes();
    load(bench, mix, MORE_NODES);
    for (int i = 0; i < 60; i++)
        (void)pass_second(bench);
    struct memory more = memory_of(bench, begun);
    unload(bench);
    double series = more.series - less.series;
    printf("%-44s %6.0f bytes for each series more, and %.0f of rings; %.0f kB for all\n", "",
           (more.bytes - less.bytes) / series, (more.rings - less.rings) / series,
           (less.bytes + less.rings) / 1000);
}

int main(int argc, char **argv)
{
    double limit = argc > 1 ? strtod(argv[1], NULL) : 3;
    char folder[] = "/tmp/iot-bench-XXXXXX";
    static struct bench bench;

    if (mkdtemp(folder) == NULL)
        return EXIT_FAILURE;
    bench.folder = folder;
    for (int i = 0; i < MESSAGES; i++) {
        gw_buf_init(&bench.messages[i], 1u << 20);
        write_message(&bench, i, true); /* the buffers have their size before memory is counted */
    }
    bench.devices = NODES * DEVICES;
    load_registry(&bench);
    if (bench.registry == NULL)
        return EXIT_FAILURE;
    printf("%d series, messages of %d samples by alias\n", bench.devices * METRICS, METRICS);
    begin(&bench, false);
    measure(&bench, "decoded, in order, registered", limit);
    end(&bench);
    gw_registry_release(bench.registry);
    for (size_t i = 0; i < GW_COUNT_OF(mixes); i++)
        run_mix(&bench, &mixes[i], limit);
    for (int i = 0; i < MESSAGES; i++)
        gw_buf_finish(&bench.messages[i]);
    rmdir(folder);
    return EXIT_SUCCESS;
}
