/* Signals by chance: documents of the whole grammar and what the model is to make of them, samples
 * of a plant of two machines with a sensor each, and how they arrive. The same seed gives the same.
 */
#pragma once

#include "server/core/buf.h"
#include "tests/unit/support/signal_model.h"
#include "tests/unit/support/signal_rig.h"

#define DRAW_START INT64_C(1763886600000)
#define DRAW_LENGTH_MS 240000 /* of the samples; then a time of silence */
#define DRAW_END (DRAW_START + DRAW_LENGTH_MS + 120000)
#define DRAW_METRICS 7
#define DRAW_MACHINES 2

extern const char draw_registry[];

void draw_seed(uint32_t seed);
uint32_t draw(uint32_t below);

struct draw_plant {
    struct model_sample samples[DRAW_MACHINES][DRAW_METRICS][1000];
    struct model_series series[DRAW_MACHINES][DRAW_METRICS];
    int64_t deaths_ms[DRAW_MACHINES][2][2]; /* of the machine, of its sensor */
};

void draw_samples(const struct signal_rig *rig, struct draw_plant *plant);

/* A document; `metrics` says which its inputs are. */
struct draw_document {
    struct gw_buf text;
    struct model_signal model; /* its series are not set */
    uint32_t metrics[MODEL_MAX_INPUTS];
};

void draw_document(struct draw_document *document, const char *name, uint32_t lateness_ms);

/* Feeds all of it, late by less than `lateness_ms` at most: cut, doubled and moved by chance. */
void draw_delivery(struct signal_rig *rig, const struct draw_plant *plant, uint32_t lateness_ms);
