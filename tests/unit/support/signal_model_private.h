/* The model's inside, shared by its two files. */
#pragma once

#include "tests/unit/support/signal_model.h"

#define MODEL_MAX_POINTS 8000
#define MODEL_MAX_CLOSINGS 6000
#define MODEL_MAX_CHANGES 4000

struct moment { /* what time alone does comes before samples of the same time */
    int64_t time_ms;
    int phase;
};

struct point { /* a number that counts */
    struct moment at;
    double number, increment;
    uint32_t input, series;
};

struct change { /* of what is known of an input */
    struct moment at;
    bool is_known;
    double number;
    int64_t heard_ms; /* when something came last; 0: never */
};

struct line {
    struct change changes[MODEL_MAX_CHANGES];
    size_t count;
};

struct closing {
    struct moment at;
    struct model_event event;
    bool is_told;
};

struct model {
    const struct model_signal *signal;
    struct point points[MODEL_MAX_POINTS];
    size_t point_count;
    struct line lines[MODEL_MAX_INPUTS];
    struct closing closings[MODEL_MAX_CLOSINGS];
    size_t closing_count;
    bool is_raised;
    int64_t since_ms[MODEL_MAX_CONDITIONS]; /* -1: it does not hold */
    bool is_latched[MODEL_MAX_CONDITIONS];
    const double *results;
};

void model_need(bool is_there); /* else the model is too small for the test */
int model_compare_moments(struct moment a, struct moment b);
/* The last change of the input by then; NULL: none. */
const struct change *model_change_at(const struct model *model, uint32_t input, struct moment at);
/* Whether the condition holds for values of a window. */
bool model_holds(struct model *model, uint32_t condition, struct moment at);
/* Raised and cleared. */
void model_judge_all(struct model *model, int64_t from_ms, int64_t end_ms,
                     struct model_events *out);
