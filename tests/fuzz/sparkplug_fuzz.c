/* Sparkplug: payloads of any bytes, several messages to one host, and its state saved and loaded
 * anew in between.
 *
 * Input: messages of a kind (1 byte), a length (2 bytes) and as many bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/core/diagnostic.h"
#include "server/iot/sparkplug_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char registry_text[] =
    "types:\n"
    "  cnc:\n"
    "    metrics:\n"
    "      a: {source: a, factor: 2}\n"
    "      b: {source: T/b}\n"
    "      c: {source: D/c}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, type: cnc, equipment: N, plant: p}\n"
    "  - {group: g, edge_node: n, device: d, type: cnc, equipment: D, plant: p}\n"
    "  - {group: g, edge_node: n, device: e, type: cnc, equipment: E, plant: p}\n";

static const char *const topics[] = {
    "spBv1.0/g/NBIRTH/n",  "spBv1.0/g/NDATA/n",    "spBv1.0/g/NDEATH/n",   "spBv1.0/g/DBIRTH/n/d",
    "spBv1.0/g/DDATA/n/d", "spBv1.0/g/DDEATH/n/d", "spBv1.0/g/DBIRTH/n/e", "spBv1.0/g/DDATA/n/e",
    "spBv1.0/g/DDATA/n/x", "spBv1.0/STATE/host",
};

static struct gw_registry *registry;
static const struct gw_edge_node_config *node;
static int64_t now_ms;

static struct gw_registry *load_registry(void)
{
    char path[] = "/tmp/sparkplug-fuzz-XXXXXX";
    struct gw_str name = gw_str_of(path);
    struct gw_diagnostics diagnostics;
    struct gw_registry *loaded = NULL;
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, registry_text, sizeof(registry_text) - 1) < 0)
        abort();
    close(fd);
    gw_diagnostics_init(&diagnostics);
    if (gw_registry_load(&name, 1, &diagnostics, &loaded) != 0)
        abort();
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    return loaded;
}

static void on_samples(void *self, const struct gw_edge_node_config *of,
                       const struct gw_sample *samples, size_t count)
{
    (void)self;
    if (of != node || count == 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        const struct gw_sample *sample = &samples[i];
        double number;
        if (sample->series >= gw_registry_series_count(registry) || sample->type > GW_SAMPLE_TEXT ||
            sample->quality > GW_QUALITY_STALE || sample->time_ms > now_ms + 600000)
            abort();
        if (sample->type == GW_SAMPLE_REAL && !__builtin_isfinite(sample->real))
            abort();
        if (sample->type == GW_SAMPLE_TEXT && sample->text.len > 0 &&
            memchr(sample->text.ptr, 0, sample->text.len) == sample->text.ptr + 1)
            (void)gw_sample_number(sample, &number); /* its bytes are there */
    }
}

/* By the node's own clock, which may be ahead of ours by as much as its samples may. */
static void on_state(void *self, const struct gw_device_config *device, enum gw_device_state state,
                     int64_t time_ms)
{
    struct gw_sparkplug_host *const *host = self;

    if (time_ms > now_ms + 600000 || gw_sparkplug_host_state(*host, device) != state)
        abort();
}

static void on_rebirth(void *self, const struct gw_edge_node_config *of, const char *why)
{
    (void)self;
    if (of != node || why == NULL)
        abort();
}

static void on_quarantine(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                          struct gw_str detail)
{
    (void)self;
    (void)detail;
    (void)name;
    if (reason >= GW_QUARANTINE_REASON_COUNT)
        abort();
}

static struct gw_sparkplug_host *make_host(struct gw_sparkplug_host **place)
{
    const struct gw_sparkplug_host_limits limits = {.reorder_max = 5};
    const struct gw_sparkplug_host_events events = {place, on_samples, on_state, on_rebirth,
                                                    on_quarantine};

    *place = gw_sparkplug_host_create(registry, &limits, &events);
    if (*place == NULL)
        abort();
    return *place;
}

/* A host that loads what another saved is as that one. */
static void move(struct gw_sparkplug_host **host)
{
    struct gw_sparkplug_host *last = *host;
    struct gw_buf saved, again;

    gw_buf_init(&saved, 8u << 20);
    gw_buf_init(&again, 8u << 20);
    if (gw_sparkplug_host_save(last, node, &saved) != 0 ||
        gw_sparkplug_host_load(make_host(host), node, gw_buf_str(&saved)) != 0 ||
        gw_sparkplug_host_save(*host, node, &again) != 0 || saved.len != again.len)
        abort();
    for (size_t i = 0; i < node->device_count; i++) {
        if (gw_sparkplug_host_state(last, node->devices[i]) !=
            gw_sparkplug_host_state(*host, node->devices[i]))
            abort();
    }
    gw_sparkplug_host_destroy(last);
    gw_buf_finish(&again);
    gw_buf_finish(&saved);
}

static void feed(struct gw_sparkplug_host **host, uint8_t what, struct gw_str bytes)
{
    uint8_t kind = what & 15;

    now_ms += what & 16 ? 700 : 1;
    if (kind < sizeof(topics) / sizeof(topics[0])) {
        gw_sparkplug_host_feed(*host, gw_str_of(topics[kind]), bytes, now_ms);
    } else if (kind == 10) {
        gw_sparkplug_host_feed(*host, bytes, bytes, now_ms);
    } else if (kind == 11) {
        now_ms += 2000;
        gw_sparkplug_host_tick(*host, node, now_ms);
    } else if (kind == 12) {
        gw_sparkplug_host_doubt(*host, NULL, now_ms);
    } else if (kind == 13) {
        move(host);
    } else if (kind == 14) {
        now_ms += 30000;
        gw_sparkplug_host_tick(*host, node, now_ms);
    } else if (gw_sparkplug_host_load(*host, node, bytes) != 0 &&
               gw_sparkplug_host_counts(*host)->held_bytes != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct gw_sparkplug_host *host;

    if (registry == NULL) {
        registry = load_registry();
        node = gw_registry_node(registry, 0);
    }
    now_ms = 1000000;
    make_host(&host);
    while (len >= 3) {
        uint8_t what = bytes[0];
        size_t room = (size_t)bytes[1] << 8 | bytes[2];
        bytes += 3;
        len -= 3;
        if (room > len)
            room = len;
        /* Exactly as much memory, so that a read beyond it is seen. */
        char *copy = malloc(room > 0 ? room : 1);
        if (copy == NULL)
            abort();
        memcpy(copy, bytes, room);
        feed(&host, what, gw_str_from(copy, room));
        free(copy);
        bytes += room;
        len -= room;
    }
    gw_sparkplug_host_destroy(host);
    return 0;
}
