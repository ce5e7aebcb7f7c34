#include "tests/unit/support/signal_plant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

const char plant_registry[] =
    "types:\n"
    "  cnc:\n"
    "    metrics:\n"
    "      temperature: {source: T, unit: Cel}\n"
    "      door: {source: D}\n"
    "      good: {source: G, unit: H87, rollover: 65536}\n"
    "      energy: {source: E, unit: kWh, factor: 0.1, offset: 5}\n"
    "      mode: {source: M}\n"
    "  press: {metrics: {good: {source: G}}}\n"
    "devices:\n"
    "  - {group: g, edge_node: n, device: a, type: cnc, equipment: A, asset: A-1, plant: '1010'}\n"
    "  - {group: g, edge_node: n, device: b, type: cnc, equipment: B, plant: '1010'}\n";

struct signal_rig *plant_rig;
struct plant_series plant_series;

void plant_open_with(const char *document)
{
    const char *documents[] = {document, NULL};

    plant_rig = calloc(1, sizeof(*plant_rig));
    assert_non_null(plant_rig);
    signal_rig_open(plant_rig, plant_registry, documents);
    plant_series.temperature = signal_rig_series(plant_rig, "a", "temperature");
    plant_series.door = signal_rig_series(plant_rig, "a", "door");
    plant_series.good = signal_rig_series(plant_rig, "a", "good");
    plant_series.energy = signal_rig_series(plant_rig, "a", "energy");
    plant_series.mode = signal_rig_series(plant_rig, "a", "mode");
}

void plant_done(void)
{
    signal_rig_close(plant_rig);
    free(plant_rig);
}

void plant_real(uint32_t series, int64_t at_s, double number)
{
    signal_rig_real(plant_rig, series, T0 + at_s * S, number);
}

void plant_text(uint32_t series, int64_t at_s, const char *value)
{
    const struct gw_sample sample = {.series = series,
                                     .type = GW_SAMPLE_TEXT,
                                     .time_ms = T0 + at_s * S,
                                     .text = gw_str_of(value)};

    signal_rig_feed(plant_rig, &sample, 1);
}

void plant_bad(uint32_t series, int64_t at_s)
{
    const struct gw_sample sample = {.series = series,
                                     .type = GW_SAMPLE_REAL,
                                     .quality = GW_QUALITY_BAD,
                                     .time_ms = T0 + at_s * S,
                                     .real = 1};

    signal_rig_feed(plant_rig, &sample, 1);
}

void plant_pass(int64_t at_s)
{
    signal_rig_advance(plant_rig, T0 + at_s * S);
}

void plant_says(size_t index, const char *path, const char *value)
{
    const char *found = signal_rig_member(plant_rig, index, path);

    if (value == NULL ? found != NULL : found == NULL || strcmp(found, value) != 0)
        fail_msg("%s is %s, not %s", path, found != NULL ? found : "not there",
                 value != NULL ? value : "absent");
}

void plant_has_value(size_t index, const char *name, const char *value)
{
    char path[100];

    snprintf(path, sizeof(path), "values/%s%s", name, value != NULL ? "/value" : "");
    plant_says(index, path, value);
}

void plant_has_told(size_t count)
{
    if (plant_rig->event_count != count)
        fail_msg("%zu events, not %zu; the last: %s", plant_rig->event_count, count,
                 plant_rig->event_count > 0 ? plant_rig->events[plant_rig->event_count - 1]
                                            : "none");
}
