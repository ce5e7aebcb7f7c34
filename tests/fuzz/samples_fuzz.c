/* Samples as JSON, as they lie in a journal: read, and what was read written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/core/diagnostic.h"
#include "server/iot/sample_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const char registry_text[] =
    "types: {t: {metrics: {a: {source: a}}}}\n"
    "devices: [{group: g, edge_node: n, device: d, type: t, equipment: D, plant: p}]\n";

static struct gw_registry *load(void)
{
    char path[] = "/tmp/samples-fuzz-XXXXXX";
    struct gw_diagnostics diagnostics;
    struct gw_registry *registry = NULL;
    struct gw_str name = gw_str_of(path);
    int fd = mkstemp(path);

    gw_diagnostics_init(&diagnostics);
    if (fd < 0 || write(fd, registry_text, sizeof(registry_text) - 1) < 0 ||
        gw_registry_load(&name, 1, &diagnostics, &registry) != 0)
        abort();
    close(fd);
    unlink(path);
    gw_diagnostics_finish(&diagnostics);
    return registry;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct gw_registry *registry; /* for all runs */
    struct gw_samples_read first, second;
    struct gw_error error;
    struct gw_arena arena;
    struct gw_buf text;

    if (registry == NULL)
        registry = load();
    const struct gw_edge_node_config *node = gw_registry_node(registry, 0);
    gw_arena_init(&arena, 4096, 16u << 20);
    gw_buf_init(&text, 16u << 20);
    if (gw_samples_read(gw_str_from((const char *)bytes, len), registry, node, &arena, &first,
                        &error) == 0) {
        gw_buf_append_byte(&text, '[');
        for (size_t i = 0; i < first.count; i++)
            gw_samples_write(&text, GW_STR("d"), GW_STR("a"), &first.samples[i]);
        gw_buf_append_byte(&text, ']');
        if (gw_samples_read(gw_buf_str(&text), registry, node, &arena, &second, &error) != 0 ||
            second.count != first.count)
            abort();
    }
    gw_buf_finish(&text);
    gw_arena_finish(&arena);
    return 0;
}
