/* What a signal should say, computed naively: from all samples at once, in the order of time, and
 * its conditions anew at each tenth of a second. Slow, plain, and of nothing that the engine is
 * made of. All times are multiples of MODEL_TICK_MS. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_TICK_MS 100
#define MODEL_MAX_INPUTS 4
#define MODEL_MAX_VALUES 8
#define MODEL_MAX_CONDITIONS 16
#define MODEL_MAX_EVENTS 6000

struct model_sample { /* of a series; ascending in time, one of each */
    int64_t time_ms;
    double number;   /* of a text its number among the texts */
    uint8_t quality; /* enum gw_quality */
    bool is_none;
};

struct model_series {
    const struct model_sample *samples;
    size_t count;
    const int64_t *deaths_ms; /* of its device */
    size_t death_count;
    uint32_t number; /* the order within an instant */
};

struct model_input {
    const struct model_series *series;
    double deadband, zero, modulus; /* of a counter */
    int64_t debounce_ms, max_age_ms;
    uint8_t worst_quality;
    bool is_unreadable; /* texts for an input of numbers */
    bool has_durations;
};

enum model_function {
    MODEL_COUNT,
    MODEL_MIN,
    MODEL_MAX,
    MODEL_MEAN,
    MODEL_SUM,
    MODEL_FIRST,
    MODEL_LAST,
    MODEL_DELTA,
    MODEL_RATE,
    MODEL_PERCENTILE,
    MODEL_STDDEV,
    MODEL_DURATION,
    MODEL_TREND,
    MODEL_SUBTRACT, /* of values, from here on */
    MODEL_DIVIDE,
    MODEL_FUNCTIONS,
};

struct model_value {
    enum model_function function;
    uint32_t input, parts[2];
    double percent, from, to, state;
    int64_t per_ms;
};

enum model_window {
    MODEL_NONE,
    MODEL_TUMBLING,
    MODEL_SLIDING,
    MODEL_SESSION,
    MODEL_OF_COUNT,
    MODEL_AMOUNT
};
enum model_kind {
    MODEL_ALL,
    MODEL_ANY,
    MODEL_NOT,
    MODEL_ABOVE,
    MODEL_BELOW,
    MODEL_EQUALS,
    MODEL_MISSING
};

struct model_condition {
    enum model_kind kind;
    uint32_t parts[3], part_count; /* among the conditions */
    bool is_input;
    uint32_t value;
    double limit, clear; /* clear: NAN: no hysteresis */
    int64_t for_ms;
};

struct model_signal {
    struct model_input inputs[MODEL_MAX_INPUTS];
    struct model_value values[MODEL_MAX_VALUES];
    struct model_condition conditions[MODEL_MAX_CONDITIONS];
    uint32_t input_count, value_count, condition_count;
    enum model_window window;
    int64_t length_ms, every_ms, max_ms;
    double amount;
    uint32_t of;
    bool has_event, has_alarm, has_clear;
    uint32_t raise, clear, when; /* conditions; `when` UINT32_MAX: each window */
};

struct model_event {
    char kind; /* 'w', 'r', 'c' */
    int64_t from_ms, to_ms;
    uint64_t count;
    double values[MODEL_MAX_VALUES]; /* NAN: not known */
};

struct model_events {
    struct model_event items[MODEL_MAX_EVENTS];
    size_t count;
};

/* Until `end_ms`. */
void model_compute(const struct model_signal *signal, int64_t from_ms, int64_t end_ms,
                   struct model_events *out);
