/* How samples arrive: late, doubled, in pieces, with a move to another engine in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/support/signal_draw.h"

#define MODE 4 /* the metric of texts */

struct parcel {
    int64_t arrival_ms;
    struct gw_sample sample;
    const struct gw_device_config *dead; /* NULL: a sample */
};

struct delivery {
    struct parcel *parcels;
    size_t count, capacity;
    uint32_t lateness_ms;
};

static void put(struct delivery *delivery, const struct gw_sample *sample,
                const struct gw_device_config *dead)
{
    int64_t delay_ms = delivery->lateness_ms > 0 ? draw(delivery->lateness_ms) : 0;

    if (delivery->count == delivery->capacity) {
        delivery->capacity = 2 * delivery->capacity + 1000;
        delivery->parcels =
            realloc(delivery->parcels, delivery->capacity * sizeof(*delivery->parcels));
        assert_non_null(delivery->parcels);
    }
    delivery->parcels[delivery->count++] =
        (struct parcel){sample->time_ms + delay_ms, *sample, dead};
}

static struct gw_sample sample_of(const struct model_series *series, uint32_t metric,
                                  const struct model_sample *from)
{
    static const char *const modes[] = {"rest", "cut", "drill"};
    struct gw_sample sample = {.series = series->number,
                               .type = GW_SAMPLE_REAL,
                               .quality = from->quality,
                               .time_ms = from->time_ms,
                               .real = from->number};

    if (metric == MODE) {
        sample.type = GW_SAMPLE_TEXT;
        sample.text = gw_str_of(modes[(int)from->number]);
    }
    if (from->is_none)
        sample.type = GW_SAMPLE_NONE;
    return sample;
}

static void put_series(struct delivery *delivery, const struct model_series *series,
                       uint32_t metric)
{
    for (size_t i = 0; i < series->count; i++) {
        struct gw_sample sample = sample_of(series, metric, &series->samples[i]);
        put(delivery, &sample, NULL);
        if (sample.type != GW_SAMPLE_REAL || draw(20) != 0)
            continue;
        if (draw(2) == 0)
            sample.quality++; /* the better one counts */
        else
            sample.real -= 1; /* then the greater one */
        put(delivery, &sample, NULL);
    }
}

static void put_deaths(struct delivery *delivery, const struct signal_rig *rig,
                       const struct draw_plant *plant)
{
    const struct gw_metric_config *metric;

    for (uint32_t machine = 0; machine < DRAW_MACHINES; machine++)
        for (uint32_t i = 0; i < 2; i++)
            for (uint32_t k = 0; k < 2; k++) {
                const struct model_series *series =
                    &plant->series[machine][i == 0 ? 0 : DRAW_METRICS - 1];
                const struct gw_sample when = {.time_ms = plant->deaths_ms[machine][i][k]};
                put(delivery, &when,
                    gw_registry_series_device(rig->registry, series->number, &metric));
            }
}

static int compare(const void *a, const void *b)
{
    const struct parcel *left = a, *right = b;

    return left->arrival_ms < right->arrival_ms ? -1 : left->arrival_ms > right->arrival_ms;
}

static void hand_over(struct signal_rig *rig, const struct delivery *delivery)
{
    static struct gw_sample batch[100];
    bool is_doubled = draw(3) == 0, is_moved = draw(2) == 0;

    for (size_t at = 0; at < delivery->count;) {
        size_t count = 0, wanted = 1 + draw(sizeof(batch) / sizeof(batch[0]));
        for (; at < delivery->count && count < wanted && delivery->parcels[at].dead == NULL; at++)
            batch[count++] = delivery->parcels[at].sample;
        signal_rig_feed(rig, batch, count);
        if (is_doubled && draw(10) == 0)
            signal_rig_feed(rig, batch, count);
        if (is_moved && draw(30) == 0)
            signal_rig_move(rig);
        if (at == delivery->count || delivery->parcels[at].dead == NULL)
            continue;
        gw_signal_engine_state(rig->engine, delivery->parcels[at].dead, false,
                               delivery->parcels[at].sample.time_ms);
        at++;
    }
    signal_rig_move(rig);
    signal_rig_advance(rig, DRAW_END);
    assert_true(is_doubled || rig->late_count == 0);
}

void draw_delivery(struct signal_rig *rig, const struct draw_plant *plant, uint32_t lateness_ms)
{
    struct delivery delivery = {.lateness_ms = lateness_ms};

    for (uint32_t machine = 0; machine < DRAW_MACHINES; machine++)
        for (uint32_t i = 0; i < DRAW_METRICS; i++)
            put_series(&delivery, &plant->series[machine][i], i);
    put_deaths(&delivery, rig, plant);
    qsort(delivery.parcels, delivery.count, sizeof(*delivery.parcels), compare);
    hand_over(rig, &delivery);
    free(delivery.parcels);
}
