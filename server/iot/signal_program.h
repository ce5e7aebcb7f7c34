/* Compiled signals, and what the parts of the compiler share. Internal to iot/signal*.c.
 *
 * A signal is compiled once for all devices (struct signal), with the metrics of each device type
 * (struct signal_binding); an *instance* is a signal of one device. Immutable once loaded. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "server/iot/signal.h"
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

struct signal_input {
    struct gw_str name, metric;
    /* It is measured by the device of this type that stands at the same asset; NULL: by the
     * signal's own device. */
    const struct gw_device_type *sibling;
    unsigned line, column;  /* where the sibling's type is named */
    uint32_t unbound_count; /* devices without such a sibling */
    double deadband;        /* 0: none */
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
    unsigned line, column; /* of the operation's name */
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
    uint32_t sibling_count; /* inputs of siblings */
    uint32_t key_at;        /* of the keys of kinds: its digit, if there are any */
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

/* A signal's metrics of one device type, or of one kind of devices. */
struct signal_binding {
    const struct signal *signal;
    const struct gw_device_type *type;
    uint32_t kind;
    const struct gw_metric_config *metrics[SIGNAL_MAX_INPUTS]; /* of siblings, of their type */
    struct signal_counter {
        double zero, modulus; /* of a counter: what it begins at, how far it goes; 0: no end */
    } counters[SIGNAL_MAX_INPUTS];
    uint32_t words_before; /* of an instance of it: those of the others of its device and lane */
    uint32_t taps_at;      /* of its kind: where the metrics' taps are listed */
};

/* Devices for which the same signals are computed. */
struct signal_kind {
    struct signal_kind *next;
    const struct gw_device_type *type;
    struct gw_str key; /* of each signal with siblings a digit, 1: they are there; then the type */
    uint32_t number;
};

/* The signals of one lateness of one device: its instances are those of its kind's bindings, one
 * after the other. */
struct signal_post {
    uint32_t instance_at, words_at; /* the first one's number, and its words in the node's state */
    uint32_t binding_at;            /* SIGNAL_NONE: there is no instance */
};

/* Who looks at a metric of a kind. */
struct signal_tap {
    uint32_t binding; /* of those of the lane */
    uint16_t input;
    uint16_t lane;
};

/* An instance that looks at a series of a sibling. */
struct signal_link {
    uint32_t instance;
    uint32_t device, series; /* the sibling's */
    uint16_t input, lane;
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
    struct signal_binding **bindings; /* by kind, lane, name */
    size_t binding_count;
    uint32_t *instances;       /* their devices; by node, lane, device, signal */
    struct signal_post *posts; /* by device and lane */
    struct signal_node *nodes; /* by the number of the edge node */
    uint32_t instance_count;
    uint32_t *tap_at; /* by kind and metric, one more than there are of each kind */
    struct signal_tap *taps;
    struct signal_link *siblings; /* by instance */
    struct signal_link *links;    /* the same by series */
    uint32_t *link_at;            /* by device: the first of its links */
    uint32_t sibling_count;
    uint8_t *series_lanes; /* by series: bits */
    uint32_t watched_count;
    bool is_too_large; /* a node has more state than words are numbered */
    atomic_int references;
};

/* --- signal_function.c --- */

uint32_t signal_function_words(enum signal_function function);
/* What stands for a text among numbers: the same in every process. */
double signal_text_code(struct gw_str text);

/* --- compiling: signal_document.c, signal_compile*.c, signal_bind.c, signal_kind.c,
 * signal_sibling.c ----------------------------------------------------------------------------- */

struct signal_loading {
    struct gw_signals *signals;
    struct gw_diagnostics *diagnostics;
    struct gw_document *document;
    struct signal *signal; /* that is being compiled */
    bool has_no_memory;
    struct signal_kind *kinds, **kinds_end;
    uint32_t *device_kinds; /* by device */
    uint32_t kind_count;
    const struct gw_device_config **assets; /* devices with an asset, by asset, plant, type */
    size_t asset_count;
};

/* Zeroed, in the signals' arena; NULL sets has_no_memory. */
void *signal_alloc(struct signal_loading *loading, size_t count, size_t bytes);
struct gw_str signal_copy(struct signal_loading *loading, const char *text);
GW_PRINTF(3, 4)
GW_COLD void signal_fail(struct signal_loading *loading, const char *pointer, const char *format,
                         ...);

void signal_compile(struct signal_loading *loading, const json_t *document);
void signal_compile_values(struct signal_loading *loading, const json_t *values);
void signal_compile_window(struct signal_loading *loading, const json_t *given);
/* Which inputs are of texts is known when all has been compiled: nothing may reckon with them. */
void signal_check_texts(struct signal_loading *loading);
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

/* Lists the kinds of devices. 0, -EINVAL (what is wrong with siblings has been told), -ENOMEM. */
GW_MUST_CHECK
int signal_list_kinds(struct signal_loading *loading);
/* The signal's metrics of the kind's type; NULL: it is not computed for the kind. */
const struct signal_binding *signal_kind_find(const struct signal_kind *kind,
                                              const struct signal *signal);

/* For looking siblings up. 0, -ENOMEM. */
GW_MUST_CHECK
int signal_list_assets(struct signal_loading *loading);
/* Whether it is computed for the device: each of its siblings is there; if not, it is told. */
bool signal_is_bound(struct signal_loading *loading, const struct signal *signal,
                     const struct gw_device_config *device);
/* For how many more devices signals are not computed. */
void signal_tell_unbound(struct signal_loading *loading);
/* Notes the siblings of an instance, in the order of instances. */
void signal_link(struct signal_loading *loading, const struct signal_binding *binding,
                 uint32_t instance, const struct gw_device_config *device);
/* When all have been noted. 0, -ENOMEM. */
GW_MUST_CHECK
int signal_list_links(struct signal_loading *loading);
