/* What a sample costs on its way in: decoding, order, alias, registry. One thread, batches of 50.
 *
 * Usage: bench.sparkplug [SECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "server/core/diagnostic.h"
#include "server/iot/sparkplug_host.h"

#define DEVICES 100
#define METRICS 50
#define ROUNDS 200 /* between two looks at the clock */

static uint64_t samples;

static void on_samples(void *self, const struct gw_edge_node_config *node,
                       const struct gw_sample *list, size_t count)
{
    (void)self;
    (void)node;
    (void)list;
    samples += count;
}

static void on_state(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms)
{
    (void)self;
    (void)device;
    (void)state;
    (void)time_ms;
}

static void on_rebirth(void *self, const struct gw_edge_node_config *node, const char *why)
{
    (void)self;
    (void)node;
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

static struct gw_registry *make_registry(void)
{
    char path[] = "/tmp/sparkplug-bench-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    struct gw_str name = gw_str_of(path);
    struct gw_diagnostics diagnostics;
    struct gw_registry *registry = NULL;

    fputs("types:\n  cnc:\n    metrics:\n", file);
    for (int i = 0; i < METRICS; i++)
        fprintf(file, "      metric%d: {source: Axis/%d/Position}\n", i, i);
    fputs("devices:\n", file);
    for (int i = 0; i < DEVICES; i++)
        fprintf(file,
                "  - {group: g, edge_node: n, device: d%d, type: cnc, equipment: E%d, plant: p}\n",
                i, i);
    fclose(file);
    gw_diagnostics_init(&diagnostics);
    if (gw_registry_load(&name, 1, &diagnostics, &registry) != 0)
        gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    return registry;
}

static void write_message(struct gw_buf *out, int device, unsigned seq, int64_t time_ms,
                          bool is_birth, bool has_names)
{
    struct gw_sparkplug_metric metrics[METRICS];
    char names[METRICS][32];
    struct gw_sparkplug_payload payload = {.has_time = true,
                                           .has_seq = true,
                                           .time_ms = time_ms,
                                           .seq = (uint8_t)seq,
                                           .metrics = metrics,
                                           .metric_count = METRICS};

    for (int i = 0; i < METRICS; i++) {
        snprintf(names[i], sizeof(names[i]), "Axis/%d/Position", i);
        metrics[i] = (struct gw_sparkplug_metric){.has_alias = !has_names,
                                                  .alias = (uint64_t)(device * METRICS + i),
                                                  .has_time = true,
                                                  .time_ms = time_ms,
                                                  .value = GW_SAMPLE_REAL,
                                                  .real = i * 0.5};
        if (is_birth || has_names) {
            metrics[i].name = gw_str_of(names[i]);
            metrics[i].has_type = true;
            metrics[i].type = GW_SPARKPLUG_DOUBLE;
        }
    }
    gw_buf_clear(out);
    if (gw_sparkplug_encode(&payload, out) != 0)
        exit(EXIT_FAILURE);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void report(const char *what, double seconds, uint64_t count)
{
    printf("%-28s %7.0f ns/sample %10.0f samples/s\n", what, seconds * 1e9 / (double)count,
           (double)count / seconds);
}

/* A message's bytes with another seq and time: both have a fixed place behind the metrics. */
static void measure_decode(struct gw_buf *bytes, double limit, bool has_names)
{
    struct gw_arena arena;
    struct gw_sparkplug_payload payload;
    struct gw_error error;
    uint64_t count = 0;
    double begin = seconds_now(), now = begin;

    write_message(bytes, 1, 5, 1700000000000, false, has_names);
    gw_arena_init(&arena, 65536, 32u << 20);
    for (; now - begin < limit; now = seconds_now()) {
        for (int i = 0; i < ROUNDS; i++) {
            gw_arena_reset(&arena);
            if (gw_sparkplug_decode(gw_buf_str(bytes), &arena, &payload, &error) != 0)
                exit(EXIT_FAILURE);
            count += payload.metric_count;
        }
    }
    gw_arena_finish(&arena);
    report(has_names ? "decode, by name" : "decode, by alias", now - begin, count);
}

static void measure_host(struct gw_registry *registry, double limit, bool has_names)
{
    const struct gw_sparkplug_host_limits limits = {0};
    const struct gw_sparkplug_host_events events = {NULL, on_samples, on_state, on_rebirth,
                                                    on_quarantine};
    struct gw_sparkplug_host *host = gw_sparkplug_host_create(registry, &limits, &events);
    static struct gw_buf messages[256]; /* one for each seq */
    int64_t time_ms = 1700000000000;
    struct gw_buf bytes;
    unsigned seq = 0;
    char topic[64];

    gw_buf_init(&bytes, 1 << 20);
    struct gw_sparkplug_metric bd_seq = {.name = GW_STR("bdSeq"),
                                         .value = GW_SAMPLE_INTEGER,
                                         .has_type = true,
                                         .type = GW_SPARKPLUG_UINT64};
    struct gw_sparkplug_payload birth = {
        .has_time = true, .time_ms = 0, .has_seq = true, .metrics = &bd_seq, .metric_count = 1};
    if (gw_sparkplug_encode(&birth, &bytes) != 0)
        exit(EXIT_FAILURE);
    gw_sparkplug_host_feed(host, GW_STR("spBv1.0/g/NBIRTH/n"), gw_buf_str(&bytes), time_ms);
    for (int i = 0; i < DEVICES; i++) {
        write_message(&bytes, i, ++seq % 256, time_ms, true, false);
        snprintf(topic, sizeof(topic), "spBv1.0/g/DBIRTH/n/d%d", i);
        gw_sparkplug_host_feed(host, gw_str_of(topic), gw_buf_str(&bytes), time_ms);
    }

    double spent = 0;
    samples = 0;
    while (spent < limit) {
        for (unsigned i = 0; i < GW_COUNT_OF(messages); i++) {
            gw_buf_init(&messages[i], 1 << 20);
            write_message(&messages[i], (int)((seq + 1 + i) % DEVICES), (seq + 1 + i) % 256,
                          ++time_ms, false, has_names);
        }
        double begin = seconds_now();
        for (unsigned i = 0; i < GW_COUNT_OF(messages); i++) {
            int len =
                snprintf(topic, sizeof(topic), "spBv1.0/g/DDATA/n/d%u", (seq + 1 + i) % DEVICES);
            gw_sparkplug_host_feed(host, gw_str_from(topic, (size_t)len), gw_buf_str(&messages[i]),
                                   time_ms);
        }
        spent += seconds_now() - begin;
        seq += GW_COUNT_OF(messages);
        for (unsigned i = 0; i < GW_COUNT_OF(messages); i++)
            gw_buf_finish(&messages[i]);
    }
    report(has_names ? "decode and host, by name" : "decode and host, by alias", spent, samples);
    gw_buf_finish(&bytes);
    gw_sparkplug_host_destroy(host);
}

int main(int argc, char **argv)
{
    double limit = argc > 1 ? strtod(argv[1], NULL) : 2;
    struct gw_registry *registry = make_registry();
    struct gw_buf bytes;

    if (registry == NULL)
        return EXIT_FAILURE;
    gw_buf_init(&bytes, 1 << 20);
    for (int has_names = 0; has_names < 2; has_names++) {
        measure_decode(&bytes, limit, has_names);
        measure_host(registry, limit, has_names);
    }
    gw_buf_finish(&bytes);
    gw_registry_release(registry);
    return EXIT_SUCCESS;
}
