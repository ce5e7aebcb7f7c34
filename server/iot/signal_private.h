/* The engine's state and its parts. Internal to iot/signal*.c.
 *
 * What an instance (a signal of one device) remembers is a row of 8-byte words whose layout is the
 * signal's: no pointers, so that it is saved as it is. */
#pragma once

#include <math.h>

#include "server/crypto/digest.h"
#include "server/iot/signal_program.h"
#include "server/iot/signal_queue.h"

/* --- state ------------------------------------------------------------------------------------ */

struct instance_state {          /* two words, the first of an instance */
    int64_t due_ms;              /* when time alone changes something, or SIGNAL_NEVER */
    uint32_t heap_at;            /* in the lane's heap, or SIGNAL_NONE */
    uint8_t is_raised, is_dirty; /* 0 or 1, as the others */
    uint8_t is_held_back;        /* it would be raised, but for a suppression */
    uint8_t is_listed;           /* among those to be judged when the instant is over */
};

static inline const struct signal_post *signal_post_of(const struct gw_signals *signals,
                                                       uint32_t device, uint32_t lane)
{
    return &signals->posts[(size_t)device * signals->lane_count + lane];
}

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
    uint32_t evidence_count;  /* samples since */
    uint32_t window_count;    /* of the window that has just closed; 0: none has */
    int64_t window_from_ms[]; /* of a signal with windows: one, that window's first sample */
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
    uint32_t instance, device;
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
    const struct gw_device_config *device; /* whose sample was the last one; some in any case */
    uint32_t *dirty;
    uint32_t dirty_count, dirty_capacity;
};

/* An instance of the lane. */
struct signal_run signal_run_of(const struct gw_signals *signals, const struct signal_site *site,
                                uint32_t lane, uint32_t instance);
/* Makes one for the node if there is none; NULL without memory. */
struct signal_site *signal_site_of(struct gw_signal_engine *engine, uint32_t node);
void signal_site_destroy(const struct gw_signals *signals, struct signal_site *site);
/* Computes all that can be. */
void signal_site_drain(struct gw_signal_engine *engine, struct signal_site *site, uint32_t lane);
/* 0, -ENOBUFS, -ENOMEM. */
GW_MUST_CHECK
int signal_site_suppress(struct signal_site *site, uint32_t device, int64_t from_ms,
                         int64_t until_ms);
/* Until when its device is suppressed at `now_ms`; 0: it is not. */
int64_t signal_site_suppressed_ms(const struct signal_site *site, uint32_t device, int64_t now_ms);
/* Puts the instance's timer where its state says. */
void signal_site_rearm(const struct gw_signals *signals, struct signal_site *site, uint32_t lane,
                       struct signal_run *run);

/* --- signal_sibling.c ------------------------------------------------------------------------- */

/* Whose metric the input is: the instance's device, or a sibling. */
const struct gw_device_config *signal_source(const struct signal_run *run, uint32_t input);
/* Of its document, and of what its siblings are: state goes on where it is the same. */
void signal_fingerprint(const struct signal_run *run, uint8_t out[SIGNAL_FINGERPRINT_BYTES]);

/* --- signal_save.c, signal_load.c ------------------------------------------------------------- */

#define SIGNAL_SAVE_MAGIC UINT32_C(0x3453474d) /* "MGS4": changes with the layout of any state */

/* Of a record that waits: a byte of these, then what is not as the one before lets expect, then its
 * number. */
enum {
    SIGNAL_SAME_TIME = 1,
    SIGNAL_SAME_DEVICE = 2,
    SIGNAL_NEXT_METRIC = 4,
    SIGNAL_OFFLINE = 8,
    SIGNAL_TEXT = 16,
    SIGNAL_QUALITY_SHIFT = 5, /* two bits */
    SIGNAL_SHORT = 128,       /* its number is a float's */
};
#define SIGNAL_RECORD_BYTES (1 + 8 + 4 + 2 + 8)

struct signal_place { /* of a record, by numbers in the names that were saved with it */
    int64_t time_ms;
    uint32_t device, metric;
};

/* Words from outside, of an instance in a lane that has come to `clock_ms`: whether nothing in them
 * leads astray. Sets what is not kept. */
bool signal_state_restore(struct signal_run *run, int64_t clock_ms);
