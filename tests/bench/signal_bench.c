/* How long a sample takes from the engine's door to what three signals make of it, and how much
 * they remember: machines with ten metrics each, one sample a second of each, three signals a
 * series. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/iot/signal.h"

#define MACHINES 1000
#define METRICS 10
#define SECONDS 120
#define START INT64_C(1763886600000)

static void write_text(const char *path, const struct gw_buf *text)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(text->ptr, 1, text->len, file) != text->len || fclose(file) != 0)
        abort();
}

static struct gw_registry *load_registry(const char *folder)
{
    static struct gw_diagnostics diagnostics;
    struct gw_registry *registry = NULL;
    char path[200];
    struct gw_buf text;

    gw_buf_init(&text, 16 << 20);
    gw_buf_append_text(&text, "types:\n  m:\n    metrics:\n");
    for (int i = 0; i < METRICS; i++)
        gw_buf_printf(&text, "      x%d: {source: X%d}\n", i, i);
    gw_buf_append_text(&text, "devices:\n");
    for (int i = 0; i < MACHINES; i++)
        gw_buf_printf(&text,
                      "  - {group: g, edge_node: n, device: d%d, type: m, equipment: E%d, plant: "
                      "'1010'}\n",
                      i, i);
    snprintf(path, sizeof(path), "%s/registry.yaml", folder);
    write_text(path, &text);
    gw_buf_finish(&text);
    struct gw_str name = gw_str_of(path);
    if (gw_registry_load(&name, 1, &diagnostics, &registry) != 0)
        abort();
    unlink(path);
    return registry;
}

static const char *const kinds[] = {
    "window: {tumbling: PT1M}\nvalues: {d: {delta: x}}\nevent: {type: a.d.v1}\n",
    "window: {tumbling: PT5M}\nvalues: {m: {mean: x}}\nevent: {type: a.m.v1}\n",
    "alarm: {raised: a.r.v1, raise: {value: x, above: 1.0e+9, for: PT30S}}\n"};

static struct gw_signals *load_signals(const char *folder, struct gw_registry *registry)
{
    static struct gw_diagnostics diagnostics;
    static char paths[3 * METRICS][200];
    struct gw_str names[3 * METRICS];
    struct gw_signals *signals = NULL;

    for (int i = 0; i < 3 * METRICS; i++) {
        struct gw_buf text;
        gw_buf_init(&text, 4096);
        gw_buf_printf(&text, "signal: s%d\ndevices: [m]\ninputs: {x: {metric: x%d}}\n%s", i, i / 3,
                      kinds[i % 3]);
        snprintf(paths[i], sizeof(paths[i]), "%s/s%d.signal.yaml", folder, i);
        write_text(paths[i], &text);
        gw_buf_finish(&text);
        names[i] = gw_str_of(paths[i]);
    }
    if (gw_signals_load(names, 3 * METRICS, registry, &diagnostics, &signals) != 0) {
        gw_diagnostics_print(&diagnostics, stderr);
        abort();
    }
    for (int i = 0; i < 3 * METRICS; i++)
        unlink(paths[i]);
    return signals;
}

static void count_event(void *self, const struct gw_signal_event *event)
{
    (void)event;
    (*(size_t *)self)++;
}

/* A message a machine and second, as an edge node sends them. */
static void run(struct gw_registry *registry, struct gw_signals *signals, int64_t late_ms)
{
    size_t events = 0, samples = 0;
    const struct gw_signal_events told = {.self = &events, .on_event = count_event};
    struct gw_signal_engine *engine = gw_signal_engine_create(signals, &told);
    const struct gw_edge_node_config *node = gw_registry_node(registry, 0);
    struct gw_sample message[METRICS];
    clock_t begun = clock(); /* of the processor: the machine may be busy */

    for (int64_t second = 0; second < SECONDS; second++)
        for (int machine = 0; machine < MACHINES; machine++) {
            int64_t time_ms = START + second * 1000 + (late_ms > 0 ? machine * 7919 % late_ms : 0);
            for (int i = 0; i < METRICS; i++)
                message[i] = (struct gw_sample){
                    .series =
                        gw_registry_device(registry, (size_t)machine)->series_at + (uint32_t)i,
                    .type = GW_SAMPLE_REAL,
                    .time_ms = time_ms,
                    .real = (double)(second * 3 + i)};
            gw_signal_engine_feed(engine, node, message, METRICS);
            samples += METRICS;
        }
    double ns = (double)(clock() - begun) * 1e9 / CLOCKS_PER_SEC;
    printf("%-24s %8.0f ns a sample, %8.0f samples/s, %zu events, %zu bytes a series\n",
           late_ms > 0 ? "out of order" : "in order", ns / (double)samples,
           (double)samples * 1e9 / ns, events,
           gw_signal_engine_bytes(engine) / gw_registry_series_count(registry));
    gw_signal_engine_destroy(engine);
}

int main(void)
{
    char folder[] = "/tmp/signal-bench-XXXXXX";

    if (mkdtemp(folder) == NULL)
        abort();
    struct gw_registry *registry = load_registry(folder);
    struct gw_signals *signals = load_signals(folder, registry);
    rmdir(folder);
    run(registry, signals, 0);
    run(registry, signals, 4000);
    gw_signals_release(signals);
    gw_registry_release(registry);
    return 0;
}
