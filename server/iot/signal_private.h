/* What compiled signals and the engine's state look like. Internal to iot/signal*.c.
 *
 * A signal is compiled once for all devices (struct signal), with the metrics of each device type
 * (struct signal_binding); an *instance* is a signal of one device. What an instance remembers is a
 * row of 8-byte words whose layout is the signal's: no pointers, so that it is saved as it is. */
#pragma once

#include <math.h>
#include <stdatomic.h>

#include "server/crypto/digest.h"
#include "server/iot/signal.h"
#include "server/iot/signal_queue.h"
#include "server/json/yaml.h"

#define SIGNAL_MAX_INPUTS 16
#define SIGNAL_MAX_VALUES 32
#define SIGNAL_MAX_CONDITIONS 64
#define SIGNAL_MAX_PANES 120
#define SIGNAL_MAX_LANES 8 /* different latenesses of all signals together */
#define SIGNAL_MAX_TEXTS 1000
#define SIGNAL_FINGERPRINT_BYTES 16
#define SIGNAL_MAX_SUPPRESSIONS 1024 /* of one edge node at once */
#define SIGNAL_NONE UINT32_MAX
#define SIGNAL_NEVER INT64_MAX
#define SIGNAL_BINS 128 /* of a percentile */

/* --- compiled --------------------------------------------------------------------------------- */

struct signal_input {
    struct gw_str name, metric;
    double deadband; /* 0: none */
    int64_t debounce_ms, max_age_ms;
    enum gw_quality worst_quality;
    bool is_text;
    bool has_durations;   /* some value is the time that it was in a state */
    uint32_t state_at;    /* word of its struct input_state */
    uint32_t debounce_at; /* word of its struct debounce_state, or SIGNAL_NONE */
    const uint16_t *fed;  /* values that it feeds */
    uint32_t fed_count;
};

enum signal_function {
    SIGNAL_COUNT,
    SIGNAL_MIN,
    SIGNAL_MAX,
    SIGNAL_MEAN,
    SIGNAL_SUM,
    SIGNAL_FIRST,
    SIGNAL_LAST,
    SIGNAL_DELTA,
    SIGNAL_RATE,
    SIGNAL_PERCENTILE,
    SIGNAL_STDDEV,
    SIGNAL_DURATION,
    SIGNAL_TREND,
    SIGNAL_ADD, /* of other values, from here on */
    SIGNAL_SUBTRACT,
    SIGNAL_DIVIDE,
    SIGNAL_FUNCTION_COUNT,
};

/* Numbers, or codes of texts. */
struct signal_set {
    const double *items;
    uint32_t count;
};

struct signal_value {
    struct gw_str name;
    struct gw_str unit; /* empty: of the metric, or none */
    enum signal_function function;
    uint32_t input;        /* SIGNAL_NONE: of other values */
    const uint32_t *parts; /* values before this one */
    uint32_t part_count;
    double percent, from, to; /* of a percentile */
    int64_t per_ms;           /* of a rate, a trend */
    struct signal_set states; /* of a duration */
    uint32_t at;              /* word of its accumulator in a pane */
    bool is_told;
};

enum signal_window_kind {
    SIGNAL_WINDOW_NONE,
    SIGNAL_WINDOW_TUMBLING,
    SIGNAL_WINDOW_SLIDING,
    SIGNAL_WINDOW_SESSION,
    SIGNAL_WINDOW_COUNT,
    SIGNAL_WINDOW_AMOUNT,
};

struct signal_window {
    enum signal_window_kind kind;
    int64_t length_ms; /* of a tumbling or sliding one; the gap of a session */
    int64_t every_ms;  /* of one pane */
    int64_t max_ms;    /* of a session, count or amount */
    uint32_t panes, pane_words;
    uint64_t count;
    double amount;
    uint32_t of;           /* input of a count or amount */
    uint32_t at, panes_at; /* words: of struct window_state, of the first pane */
};

enum signal_condition_kind { SIGNAL_ALL, SIGNAL_ANY, SIGNAL_NOT, SIGNAL_TEST, SIGNAL_MISSING };

enum signal_test { SIGNAL_ABOVE, SIGNAL_AT_LEAST, SIGNAL_BELOW, SIGNAL_AT_MOST, SIGNAL_EQUALS };

struct signal_condition {
    enum signal_condition_kind kind;
    enum signal_test test;
    bool is_input; /* `value` is an input, not a value */
    uint32_t value;
    double limit, clear; /* the same without hysteresis */
    struct signal_set states;
    int64_t for_ms;    /* 0: at once; of SIGNAL_MISSING: how long */
    uint32_t since_at; /* of the conditions' words: since when it holds, or SIGNAL_NONE */
    uint32_t latch_at; /* word that is 1 while a threshold with hysteresis is passed */
    const struct signal_condition *parts;
    uint32_t part_count;
};

struct signal_enrichment {
    struct gw_str member, operation;
    const struct gw_value_member *parameters; /* texts with {plant}, {equipment}, ... */
    uint32_t parameter_count;
};

struct signal {
    struct gw_str name, title;
    uint32_t version;
    struct gw_str file; /* ends in NUL */
    bool is_local;
    const struct gw_signal_local *local; /* NULL: nothing is done */
    int64_t lateness_ms;
    uint32_t lane;
    struct signal_input *inputs;
    struct signal_value *values;
    uint32_t input_count, value_count;
    bool has_durations;
    struct signal_window window;
    struct gw_str window_type;                    /* of each window's event; empty: none */
    const struct signal_condition *when;          /* such a window is told; NULL: each */
    struct gw_str raised_type, cleared_type;      /* empty: no alarm; cleared_type may be empty */
    const struct signal_condition *raise, *clear; /* clear NULL: when `raise` holds no more */
    const char *severity;
    bool looks_at_inputs;                /* the alarm's conditions do */
    struct signal_enrichment enrichment; /* operation empty: none */
    uint32_t alarm_at, results_at;       /* words; SIGNAL_NONE: no alarm */
    uint32_t conditions_at, condition_words;
    uint32_t words;                                /* of an instance */
    uint8_t fingerprint[SIGNAL_FINGERPRINT_BYTES]; /* of its document */
    struct signal_binding *bindings;
    uint32_t binding_count;
};

/* A signal's metrics of one device type. */
struct signal_binding {
    const struct signal *signal;
    const struct gw_device_type *type;
    const struct gw_metric_config *metrics[SIGNAL_MAX_INPUTS];
    struct signal_counter {
        double zero, modulus; /* of a counter: what it begins at, how far it goes; 0: no end */
    } counters[SIGNAL_MAX_INPUTS];
};

struct signal_instance {
    uint32_t binding; /* index into the signals' */
    uint32_t device;
    uint32_t words_at; /* in its node's state */
};

/* Who looks at a series. */
struct signal_tap {
    uint32_t instance;
    uint16_t input;
    uint16_t lane;
};

struct signal_node {
    uint32_t lane_at[SIGNAL_MAX_LANES + 1]; /* its instances, by lane */
    uint32_t words;
};

struct gw_signals {
    struct gw_arena arena;
    struct gw_registry *registry;
    struct signal **signals; /* in the order of their names */
    size_t signal_count;
    int64_t lateness_ms[SIGNAL_MAX_LANES]; /* ascending */
    uint32_t lane_count;
    struct gw_str *texts; /* that conditions name */
    size_t text_count;
    const struct signal_binding **bindings; /* by type, lane, name */
    size_t binding_count;
    struct signal_instance *instances; /* by node, lane, device, signal */
    struct signal_node *nodes;         /* by the number of the edge node */
    uint32_t instance_count;
    uint32_t *tap_at; /* by series, one more than there are */
    struct signal_tap *taps;
    uint8_t *series_lanes; /* by series: bits */
    uint32_t watched_count;
    bool is_too_large; /* a node has more state than words are numbered */
    atomic_int references;
};

/* --- state ------------------------------------------------------------------------------------ */

struct instance_state {          /* two words, the first of an instance */
    int64_t due_ms;              /* when time alone changes something, or SIGNAL_NEVER */
    uint32_t heap_at;            /* in the lane's heap, or SIGNAL_NONE */
    uint8_t is_raised, is_dirty; /* 0 or 1, as the others */
    uint8_t is_held_back;        /* it would be raised, but for a suppression */
    uint8_t is_listed;           /* among those to be judged when the instant is over */
};

enum { INPUT_KNOWN = 1, INPUT_HAS_BASE = 2, INPUT_FLAG_BITS = 2 };

struct input_state {
    int64_t stamp; /* time of the last sample << INPUT_FLAG_BITS | flags */
    double value;  /* the last one that counted; with INPUT_HAS_BASE alone, a counter's only */
};

struct debounce_state {
    int64_t since_ms; /* -1: no candidate */
    double candidate;
};

struct window_state {
    int64_t start_ms; /* of the open window or pane; -1: none is open */
    double amount[];  /* of a count or an amount: one, so far */
};

struct pane { /* followed by the accumulators */
    uint32_t count;
    uint32_t first_ms, last_ms; /* of its samples, from its start */
    uint32_t spare;
};

struct alarm_state {
    int64_t evidence_from_ms; /* of the samples that speak for a change; -1: none do */
    int64_t raised_ms;        /* when it was raised */
    uint64_t evidence_count;  /* samples since */
    int64_t window_from_ms;   /* of the window that has just closed: its first sample */
    uint64_t window_count;    /* 0: none has */
};

static inline bool input_is_known(const struct input_state *state)
{
    return (state->stamp & INPUT_KNOWN) != 0;
}

static inline int64_t input_time_ms(const struct input_state *state)
{
    return state->stamp >> INPUT_FLAG_BITS;
}

/* Known at that time, which its age may forbid. */
static inline bool input_is_known_at(const struct signal_input *input,
                                     const struct input_state *state, int64_t time_ms)
{
    return input_is_known(state) && time_ms - input_time_ms(state) <= input->max_age_ms;
}

/* An instance at work: what its parts are given. */
struct signal_run {
    const struct gw_signals *signals;
    const struct signal_instance *instance;
    const struct signal_binding *binding;
    const struct signal *signal;
    uint64_t *words;
    int64_t now_ms; /* event time */
};

static inline struct instance_state *run_state(const struct signal_run *run)
{
    return (struct instance_state *)(void *)run->words;
}

static inline struct input_state *run_input(const struct signal_run *run, uint32_t input)
{
    return (struct input_state *)(void *)(run->words + run->signal->inputs[input].state_at);
}

static inline struct window_state *run_window(const struct signal_run *run)
{
    return (struct window_state *)(void *)(run->words + run->signal->window.at);
}

static inline struct pane *run_pane(const struct signal_run *run, uint32_t index)
{
    const struct signal_window *window = &run->signal->window;

    return (struct pane *)(void *)(run->words + window->panes_at +
                                   (size_t)index * window->pane_words);
}

static inline struct alarm_state *run_alarm(const struct signal_run *run)
{
    return (struct alarm_state *)(void *)(run->words + run->signal->alarm_at);
}

static inline double *run_results(const struct signal_run *run)
{
    return (double *)(void *)(run->words + run->signal->results_at);
}

/* --- signal_function.c ------------------------------------------------------------------------ */

uint32_t signal_function_words(enum signal_function function);
void signal_function_clear(const struct signal_value *value, uint64_t *words);
/* A sample of its input: `increment` is by how much a counter went on since the one before. */
void signal_function_add(const struct signal_value *value, uint64_t *words, double number,
                         double increment, int64_t offset_ms);
/* Adds what `later` holds, of a pane that begins `shift_ms` later. */
void signal_function_merge(const struct signal_value *value, uint64_t *words, const uint64_t *later,
                           int64_t shift_ms);
/* NAN: not known. `length_ms`: of the window. */
double signal_function_result(const struct signal_value *value, const uint64_t *words,
                              int64_t length_ms);
/* What stands for a text among numbers: the same in every process. */
double signal_text_code(struct gw_str text);
bool signal_set_has(const struct signal_set *set, double number);

/* --- signal_window.c -------------------------------------------------------------------------- */

/* A window that has closed. */
struct signal_result {
    int64_t from_ms, to_ms;    /* of the window */
    int64_t first_ms, last_ms; /* of its samples */
    uint64_t count;
    double values[SIGNAL_MAX_VALUES]; /* NAN: not known */
};

/* A sample that counts, at run->now_ms; opens a window if none is. True: the window is full, and
 * must be closed now. */
bool signal_window_add(struct signal_run *run, uint32_t input, double number, double increment);
/* The time that inputs were in states goes on to run->now_ms: before one of them changes. */
void signal_window_hold(struct signal_run *run, uint32_t input);
int64_t signal_window_due_ms(const struct signal_run *run);
/* Closes what is due or full: *out_result says what it held. */
void signal_window_close(struct signal_run *run, struct signal_result *out_result);

/* --- signal_condition.c ----------------------------------------------------------------------- */

enum signal_truth { SIGNAL_FALSE, SIGNAL_UNKNOWN, SIGNAL_TRUE };

/* `results`: of the last window that closed, by value. *out_soon is what it would be, had
 * everything that must last lasted long enough. Changes what it remembers (since when, hysteresis).
 */
enum signal_truth signal_condition_judge(struct signal_run *run,
                                         const struct signal_condition *condition,
                                         const double *results, enum signal_truth *out_soon);
/* When it changes by time alone. */
int64_t signal_condition_due_ms(const struct signal_run *run,
                                const struct signal_condition *condition);
void signal_condition_forget(struct signal_run *run, const struct signal_condition *condition);

/* --- signal_event.c --------------------------------------------------------------------------- */

struct signal_teller {
    struct gw_arena arena;
    struct gw_digester *digester;
    const struct gw_signal_events *events;
};

void signal_tell_window(struct signal_teller *teller, const struct signal_run *run,
                        const struct signal_result *result);
void signal_tell_alarm(struct signal_teller *teller, const struct signal_run *run,
                       enum gw_alarm_change change);

/* --- signal_instance.c ------------------------------------------------------------------------ */

void signal_instance_clear(struct signal_run *run); /* as nothing had ever come */
/* A sample of an input at run->now_ms; number NAN: its value is not known (any more). */
void signal_instance_take(struct signal_teller *teller, struct signal_run *run, uint32_t input,
                          const struct signal_record *record);
/* What time alone does, at run->now_ms. */
void signal_instance_tick(struct signal_teller *teller, struct signal_run *run);
/* Judges the alarm, once all of an instant has been taken. `suppressed`: it may not be raised. */
void signal_instance_judge(struct signal_teller *teller, struct signal_run *run,
                           bool is_suppressed);
/* When time alone changes something; `suppressed_until_ms` counts where it is held back. */
int64_t signal_instance_due_ms(const struct signal_run *run, int64_t suppressed_until_ms);

/* --- signal_engine.c -------------------------------------------------------------------------- */

struct signal_suppression {
    uint32_t device;
    int64_t from_ms, until_ms;
};

/* The signals of one lateness at one edge node. */
struct signal_lane {
    struct signal_queue queue;
    uint32_t *timers; /* a heap of instances, from the lane's first on, by due_ms */
    uint32_t timer_count;
    int64_t clock_ms; /* all before has been computed */
};

struct signal_site { /* an edge node at work */
    const struct signal_node *node;
    struct signal_lane lanes[SIGNAL_MAX_LANES];
    uint64_t *words;
    uint32_t series_at, series_end;
    int64_t last_ms, advanced_ms; /* of all samples; told by advance */
    struct signal_suppression *suppressions;
    uint32_t suppression_count;
};

struct gw_signal_engine {
    struct gw_signals *signals;
    struct gw_signal_events events;
    struct signal_teller teller;
    struct signal_site **sites; /* by the number of the edge node; NULL: not fed yet */
    struct signal_instant instant;
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
};

struct signal_run signal_run_of(const struct gw_signals *signals, const struct signal_site *site,
                                uint32_t instance, int64_t now_ms);
/* Makes one for the node if there is none; NULL without memory. */
struct signal_site *signal_site_of(struct gw_signal_engine *engine, uint32_t node);
void signal_site_destroy(const struct gw_signals *signals, struct signal_site *site);
/* Computes all that can be. */
void signal_site_drain(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane);
/* The lane's first instance of the device; of the next one, or the lane's end, if it has none. */
uint32_t signal_site_first(const struct gw_signals *signals, const struct signal_site *site,
                           uint32_t lane, uint32_t device);
/* 0, -ENOBUFS, -ENOMEM. */
GW_MUST_CHECK
int signal_site_suppress(struct signal_site *site, uint32_t device, int64_t from_ms,
                         int64_t until_ms);
/* Until when its device is suppressed at `now_ms`; 0: it is not. */
int64_t signal_site_suppressed_ms(const struct signal_site *site, uint32_t device, int64_t now_ms);
/* Puts the instance's timer where its state says. */
void signal_site_rearm(const struct gw_signals *signals, struct signal_site *site, uint32_t lane,
                       struct signal_run *run);

/* --- compiling: signal_document.c, signal_compile*.c, signal_bind.c -----------------------------
 */

struct signal_loading {
    struct gw_signals *signals;
    struct gw_diagnostics *diagnostics;
    struct gw_document *document;
    struct signal *signal; /* that is being compiled */
    bool has_no_memory;
};

/* Zeroed, in the signals' arena; NULL sets has_no_memory. */
void *signal_alloc(struct signal_loading *loading, size_t count, size_t bytes);
struct gw_str signal_copy(struct signal_loading *loading, const char *text);
GW_PRINTF(3, 4)
GW_COLD void signal_fail(struct signal_loading *loading, const char *pointer, const char *format,
                         ...);

void signal_compile(struct signal_loading *loading, const json_t *document);
void signal_compile_values(struct signal_loading *loading, const json_t *values);
void signal_compile_window(struct signal_loading *loading, const json_t *window);
/* `local` of the document: NULL, a boolean or an object. */
void signal_compile_local(struct signal_loading *loading, const json_t *given);
/* NULL: it is wrong, which has been told. Without `is_lasting` nothing in it may need time. */
const struct signal_condition *signal_compile_condition(struct signal_loading *loading,
                                                        const json_t *json, const char *pointer,
                                                        bool is_lasting);
void signal_compile_layout(struct signal *signal);
uint32_t signal_find_input(const struct signal *signal, struct gw_str name);
uint32_t signal_find_value(const struct signal *signal, struct gw_str name);
/* A duration in ms; 0 and told if it is none or is out of bounds. */
int64_t signal_read_ms(struct signal_loading *loading, const json_t *object, const char *name,
                       const char *pointer, int64_t least_ms, int64_t most_ms);
/* A scalar or a list of them; texts become codes, and make the input one of texts. */
struct signal_set signal_read_states(struct signal_loading *loading, const json_t *json,
                                     const char *pointer, uint32_t input);
/* Finds the signal's device types and their metrics; the document is that of `loading`. */
void signal_bind(struct signal_loading *loading, const json_t *document);
/* Numbers the instances of all devices. */
GW_MUST_CHECK
int signal_bind_all(struct signal_loading *loading);

/* --- signal_save.c, signal_load.c ------------------------------------------------------------- */

#define SIGNAL_SAVE_MAGIC UINT32_C(0x3153474d) /* "MGS1": changes with the layout of any state */

/* Words from outside, of an instance in a lane that has come to `clock_ms`: whether nothing in them
 * leads astray. Sets what is not kept. */
bool signal_state_restore(struct signal_run *run, int64_t clock_ms);
