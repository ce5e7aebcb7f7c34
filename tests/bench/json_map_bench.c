/* What a value of a JSON message costs, from the payload's bytes to a sample of a registered
 * series: messages of 50 values in the three ways in which a mapping finds them, and payloads that
 * are as bad as they can be. One thread; time is the processor's, because the machine may be busy.
 *
 * Usage: bench.json_map [SECONDS] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/core/buf.h"
#include "server/core/diagnostic.h"
#include "server/iot/json_map.h"

#define VALUES 50
#define ARRIVAL_MS INT64_C(1766000000000)
#define MAX_BYTES (4u << 20)
#define NAMES "group: g, edge_node: '{node}', device: '{device}', time: /ts"

static double cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void write_registry(FILE *file)
{
    fprintf(file, "types:\n  m:\n    metrics:\n");
    for (int i = 0; i < VALUES; i++)
        fprintf(file, "      x%d: {source: Axis%d/Position}\n", i, i);
    fprintf(file,
            "devices: [{group: g, edge_node: n, device: d, type: m, equipment: E, plant: p}]\n"
            "mappings:\n"
            "  list: {topic: 'list/{node}/{device}', " NAMES
            ", lists: [{at: /values, name: /n, value: /v}]}\n"
            "  object: {topic: 'object/{node}/{device}', " NAMES ", objects: [{at: /values}]}\n"
            "  pointers:\n    {topic: 'pointers/{node}/{device}', " NAMES ", metrics: {");
    for (int i = 0; i < VALUES; i++)
        fprintf(file, "%sAxis%d/Position: /values/Axis%d/Position", i > 0 ? ", " : "", i, i);
    fprintf(file, "}}\n");
}

static struct gw_registry *load(void)
{
    char path[] = "/tmp/json-map-bench-XXXXXX";
    struct gw_str name = gw_str_of(path);
    struct gw_diagnostics diagnostics;
    struct gw_registry *registry = NULL;
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (file == NULL)
        abort();
    write_registry(file);
    fclose(file);
    gw_diagnostics_init(&diagnostics);
    if (gw_registry_load(&name, 1, &diagnostics, &registry) != 0)
        gw_diagnostics_print(&diagnostics, stderr);
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    return registry;
}

/* --- payloads --- */

static void write_list(struct gw_buf *out)
{
    gw_buf_append_text(out, "{\"ts\":1766000000000,\"values\":[");
    for (int i = 0; i < VALUES; i++)
        gw_buf_printf(out, "%s{\"n\":\"Axis%d/Position\",\"v\":%d.25}", i > 0 ? "," : "", i, i);
    gw_buf_append_text(out, "]}");
}

static void write_object(struct gw_buf *out)
{
    gw_buf_append_text(out, "{\"ts\":1766000000000,\"values\":{");
    for (int i = 0; i < VALUES; i++)
        gw_buf_printf(out, "%s\"Axis%d\":{\"Position\":%d.25}", i > 0 ? "," : "", i, i);
    gw_buf_append_text(out, "}}");
}

/* As many entries as are let through, all of them wrong. */
static void write_wrong(struct gw_buf *out)
{
    gw_buf_append_text(out, "{\"ts\":1766000000000,\"values\":[");
    for (int i = 0; i < GW_JSON_MAP_MAX_VALUES; i++)
        gw_buf_printf(out, "%s{\"n\":\"nobody%d\",\"v\":[{\"a\":[1,2,3]}]}", i > 0 ? "," : "", i);
    gw_buf_append_text(out, "]}");
}

/* A member that all pointers go past. */
static void write_wide(struct gw_buf *out)
{
    gw_buf_append_text(out, "{\"ts\":1766000000000,\"values\":{");
    for (int i = 0; i < 80000; i++)
        gw_buf_printf(out, "%s\"m%d\":1", i > 0 ? "," : "", i);
    gw_buf_append_text(out, "}}");
}

/* --- measuring --- */

static void on_aside(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                     struct gw_str detail)
{
    (void)reason, (void)name, (void)detail;
    ++*(size_t *)self;
}

static void measure(const struct gw_registry *registry, const char *topic,
                    void (*write)(struct gw_buf *out), double seconds)
{
    size_t rounds = 0, values = 0, asides = 0;
    const struct gw_json_sink sink = {&asides, on_aside};
    struct gw_arena arena;
    struct gw_buf payload;

    gw_buf_init(&payload, MAX_BYTES);
    gw_arena_init(&arena, 16u << 10, 32u << 20);
    write(&payload);
    const struct gw_json_message message = {
        .topic = gw_str_of(topic), .payload = gw_buf_str(&payload), .arrival_ms = ARRIVAL_MS};
    double from = cpu_seconds(), used = 0;
    while (used < seconds) {
        struct gw_json_read read;
        gw_arena_reset(&arena);
        if (gw_json_map_read(registry, &message, &sink, &arena, &read) != 0)
            abort();
        values += read.count;
        rounds++;
        used = cpu_seconds() - from;
    }
    printf("%-14s %8zu bytes: %9.2f us a message", topic, payload.len, used / (double)rounds * 1e6);
    if (values > 0)
        printf(", %.3f us a value, %.0f values a second", used / (double)values * 1e6,
               (double)values / used);
    if (asides > 0)
        printf(", %zu put aside of each", asides / rounds);
    printf("\n");
    gw_buf_finish(&payload);
    gw_arena_finish(&arena);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1;
    struct gw_registry *registry = load();

    if (registry == NULL)
        return EXIT_FAILURE;
    measure(registry, "list/n/d", write_list, seconds);
    measure(registry, "object/n/d", write_object, seconds);
    measure(registry, "pointers/n/d", write_object, seconds);
    measure(registry, "list/n/d", write_wrong, seconds);
    measure(registry, "object/n/d", write_wide, seconds);
    measure(registry, "pointers/n/d", write_wide, seconds);
    gw_registry_release(registry);
    return EXIT_SUCCESS;
}
