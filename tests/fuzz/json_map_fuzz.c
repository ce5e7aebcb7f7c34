/* JSON by mappings: any mapping, and any payload for the topics of one that has all rules.
 *
 * Input: 0 and a mapping in YAML; 255, a topic, NUL and a payload; or another byte, of which the
 * lower bits choose the topic, and a payload. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/core/diagnostic.h"
#include "server/core/hash.h"
#include "server/iot/json_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#define ARRIVAL_MS INT64_C(1766000000000)
#define MAX_FUTURE_MS 600000

static const char registry_text[] =
    "types:\n"
    "  t:\n"
    "    metrics: {a: {source: a}, b: {source: S/b, factor: 2}, c: {source: c/d}, e: {source: "
    "x/e}}\n"
    "devices:\n"
    "  - {group: g-1, edge_node: n, device: d, type: t, equipment: D, plant: p}\n"
    "  - {group: g-1, edge_node: n, type: t, equipment: N, plant: p}\n";

static const char mappings_text[] =
    "mappings:\n"
    "  all: {topic: 'a/{g}/{n}/{d}', group: 'g-{g}', edge_node: '{n}', device: '{d}', time: /t,\n"
    "        time_unit: s, quality: /q, numbers_in_texts: true, metrics: {a: /a, '{d}/e': /e/0},\n"
    "        objects: [{at: '', ignore: [i, c/i]}, {at: /s, prefix: S/}],\n"
    "        lists: [{at: /l, name: /n, value: /v, time: /t, quality: /q, prefix: c/},\n"
    "                {at: /m, name: /0, value: /1}]}\n"
    "  each: {topic: 'b/{n}/#', group: g-1, edge_node: '{n}', device_at: /d, each: /x, time: /t,\n"
    "         time_unit: ns, quality: /q, good: [OK, '1'], metrics: {a: /a}}\n"
    "  plain: {topic: 'c/{n}/+/{m}', group: g-1, edge_node: '{n}', metrics: {'{m}': ''}}\n";

static const char *const topics[] = {"a/1/n/d", "a/1/n/x", "b/n",     "b/n/1/2",
                                     "c/n/z/a", "c/n/z/b", "a/1/n/n", "c//z/a"};

static int load(const char *more, size_t len, struct gw_registry **out_registry)
{
    char path[] = "/tmp/json-map-fuzz-XXXXXX";
    struct gw_diagnostics diagnostics;
    struct gw_str name = gw_str_of(path);
    int fd = mkstemp(path);

    if (fd < 0 || write(fd, registry_text, sizeof(registry_text) - 1) < 0 ||
        write(fd, more, len) < 0)
        abort();
    close(fd);
    gw_diagnostics_init(&diagnostics);
    int rc = gw_registry_load(&name, 1, &diagnostics, out_registry);
    if (rc != 0 && rc != -ENOMEM && !gw_diagnostics_has_errors(&diagnostics))
        abort();
    gw_diagnostics_finish(&diagnostics);
    unlink(path);
    return rc;
}

static void on_aside(void *self, enum gw_quarantine_reason reason, struct gw_str name,
                     struct gw_str detail)
{
    size_t *count = self;

    (*count)++;
    if (reason >= GW_QUARANTINE_REASON_COUNT || (name.len > 0 && name.ptr == NULL) ||
        detail.len == 0)
        abort();
}

static void check_sample(const struct gw_registry *of, const struct gw_sample *sample)
{
    static const struct gw_hash_key key = {1, 2};
    double number;

    if (sample->series >= gw_registry_series_count(of) || sample->type > GW_SAMPLE_TEXT ||
        sample->quality > GW_QUALITY_STALE || sample->time_ms < 0 ||
        sample->time_ms > ARRIVAL_MS + MAX_FUTURE_MS)
        abort();
    if (sample->type == GW_SAMPLE_REAL && !__builtin_isfinite(sample->real))
        abort();
    if (sample->type == GW_SAMPLE_TEXT && sample->text.len > 0 &&
        gw_hash(&key, sample->text) == 0) /* its bytes are there */
        (void)gw_sample_number(sample, &number);
}

static void read_message(const struct gw_registry *of, struct gw_str topic, struct gw_str payload,
                         bool is_retained)
{
    size_t asides = 0;
    const struct gw_json_sink sink = {&asides, on_aside};
    const struct gw_json_message message = {.topic = topic,
                                            .payload = payload,
                                            .arrival_ms = ARRIVAL_MS,
                                            .max_future_ms = MAX_FUTURE_MS,
                                            .is_retained = is_retained};
    struct gw_json_read got;
    struct gw_arena arena;

    gw_arena_init(&arena, 4096, 64u << 20);
    if (gw_json_map_read(of, &message, &sink, &arena, &got) != 0 ||
        got.count > GW_JSON_MAP_MAX_VALUES)
        abort();
    for (size_t i = 0; i < got.count; i++)
        check_sample(of, &got.samples[i]);
    gw_arena_finish(&arena);
}

/* A filter of an edge node has the topics that name it, if it is one at all. */
static void load_mapping(const char *text, size_t len)
{
    struct gw_registry *loaded = NULL;
    char filter[GW_JSON_MAP_MAX_TOPIC];

    if (load(text, len, &loaded) != 0)
        return;
    for (size_t i = 0; i < gw_registry_map_count(loaded); i++) {
        const struct gw_json_map *map = gw_registry_map(loaded, i);
        if (gw_json_map_filter(map, NULL, filter).ptr == NULL)
            abort();
        (void)gw_json_map_filter(map, gw_registry_node(loaded, 0), filter);
    }
    read_message(loaded, GW_STR("a/1/n/d"),
                 GW_STR("{\"a\":1,\"t\":1766000000,\"l\":[{\"n\":\"a\"}]}"), true);
    gw_registry_release(loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct gw_registry *known; /* for all runs */

    if (known == NULL && load(mappings_text, sizeof(mappings_text) - 1, &known) != 0)
        abort();
    if (len == 0)
        return 0;
    /* Exactly as much memory, so that a read beyond it is seen. */
    char *copy = malloc(len > 1 ? len - 1 : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes + 1, len - 1);
    struct gw_str text = gw_str_from(copy, len - 1);
    if (bytes[0] == 0) {
        load_mapping(copy, len - 1);
    } else if (bytes[0] == 255) {
        struct gw_str topic = gw_str_from(text.ptr, gw_str_find(text, 0));
        read_message(known, topic, gw_str_tail(text, topic.len + 1), false);
    } else {
        read_message(known, gw_str_of(topics[bytes[0] & 7]), text, (bytes[0] & 8) != 0);
    }
    free(copy);
    return 0;
}
