/* The interface of a connector: a driver that speaks one protocol to one kind of backend.
 *
 * A flow calls its functions by name ("odata.list"); arguments and result are JSON values. A
 * connector knows no business term and no flow. The table in connector/connectors.c is the
 * registration. An instance belongs to one worker and one backend: no locks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/json/option.h"
#include "server/json/value.h"
#include "server/upstream/effect.h"

struct gw_backend;
struct gw_connector_call;
struct gw_exchange;
struct gw_worker;

/* What went wrong, as whoever called must act on it. One table in connector.c gives each its
 * status, its problem and its error type (a URI, for `catch`). See answer.h for what a backend's
 * status means, where the protocol does not say otherwise. */
enum gw_connector_error {
    GW_CONNECTOR_OK,
    GW_CONNECTOR_UNAVAILABLE, /* not reached, or it says so: again later; nothing has happened */
    GW_CONNECTOR_IN_DOUBT,    /* it was sent and nothing is known of it */
    GW_CONNECTOR_CONFLICT,    /* somebody else was first: read again (412, stale _timestamp) */
    GW_CONNECTOR_REFUSED,     /* the backend's rules forbid it: the same again is refused again */
    GW_CONNECTOR_NOT_FOUND,   /* what is named is not there */
    GW_CONNECTOR_GONE,        /* was there once */
    GW_CONNECTOR_DENIED,      /* our credentials do not suffice */
    GW_CONNECTOR_RUBBISH,     /* an answer that is none */
    GW_CONNECTOR_WRONG,       /* the arguments cannot be meant: the flow's mistake */
    GW_CONNECTOR_ERROR_COUNT,
};

/* The code of a write in doubt that was not sent this time, and never will be again by itself. */
#define GW_CONNECTOR_UNKNOWN_FOR_GOOD "outcome-unknown"

/* The problem of a call whose backend did not answer in time (see http/problem.h). */
#define GW_CONNECTOR_LATE "backend-timeout"

struct gw_connector_failure {
    enum gw_connector_error error;
    int backend_status;   /* 0: none came */
    struct gw_str reason; /* the backend's words, for the operator; never for the caller */
    struct gw_str code;  /* the backend's own code, for `when` of a catch; may be empty. The guard's
                            are GW_CONNECTOR_UNKNOWN_FOR_GOOD and "result-not-kept". */
    uint64_t retry_ns;   /* 0: not known */
    const char *problem; /* what the caller is told where the class alone does not say it, static;
                            NULL: what the class says */
};

struct gw_connector_function {
    const char *name;                   /* "list": called as "odata.list" */
    const struct gw_option *parameters; /* checked when a flow is loaded, where they are literal */
    bool is_write;
    /* Whether with these arguments it only reads (`method: GET`); an expression that is not known
     * yet is a text like any other. NULL: a write function always writes. */
    bool (*reads_with)(const struct gw_value *arguments);
    /* It sends the effect's key in the field that the operator states of a backend of class A:
     * there it is of class A, too. */
    bool sends_key;
    enum gw_effect_class effect; /* of a write: what makes it effective once */
    /* The same where arguments can better it: an `etag` makes an update a transition, say. Of an
     * argument only that it is there counts, as its value may not be known yet. May be NULL. */
    enum gw_effect_class (*effect_with)(const struct gw_value *arguments);
    const char *help;
    /* Starts it; ends in gw_connector_done() or gw_connector_fail(), perhaps at once. */
    void (*begin)(void *self, struct gw_connector_call *call);
    /* Of a write whose class depends on its arguments or its backend; NULL: it is `effect`. */
    enum gw_effect_class (*classify)(void *self, const struct gw_value *arguments);
    /* Of a write that can be of class C: as begin, but finds what an earlier attempt with these
     * arguments has made. The result is an array, with an item for each thing found as begin's
     * result would be. */
    void (*look_up)(void *self, struct gw_connector_call *call);
};

/* The name of the argument that says which backend is meant. All functions have it; it is the
 * caller's to resolve, and not in `parameters`. */
#define GW_CONNECTOR_BACKEND "backend"

struct gw_connector_type {
    const char *name;                /* "odata"; the backend's key in the configuration */
    const struct gw_option *options; /* of the backend, under that key */
    bool needs_no_backend;           /* it is the gateway's own: no instance (NULL), no options */
    bool is_implied;                 /* every backend has it, also where its options are left out */
    const struct gw_connector_function *functions; /* ends with one without a name */
    /* Once per worker and backend, on the worker's thread; `config` outlives the instance. Once
     * more whenever a configuration is checked, with a backend that has its `config` only: so it
     * starts nothing. */
    int (*create)(const json_t *config, const struct gw_backend *backend, void **out_self,
                  struct gw_error *error);
    void (*destroy)(void *self); /* no call is under way; NULL is safe */
};

/* One call of a function. Set up by the caller, who owns it until it has ended. */
struct gw_connector_call {
    const struct gw_connector_function *function;
    struct gw_arena *arena; /* for whatever the call makes; the result lies here, too */
    struct gw_worker *worker;
    const struct gw_backend *backend;
    const struct gw_exchange *cause; /* whose trace it belongs to; NULL: nobody's */
    struct gw_value arguments;       /* an object */
    struct gw_value metadata;        /* `$runtime.metadata` of the run, an object, or null */
    struct gw_str effect_key;        /* of a write: the same on every attempt; empty for reads */
    uint64_t deadline_ns;            /* CLOCK_MONOTONIC; never 0 */
    /* Called once, unless cancelled. `failure` is NULL: it went well, `result` is set. */
    void (*done)(struct gw_connector_call *call, const struct gw_connector_failure *failure);
    void *owner;  /* the caller's own */
    bool is_part; /* of another call, which is counted in its place */
    struct gw_value result;

    /* A transition, asked for again under a key that one was sent for: that it finds another state
     * (412) may be its own doing, and leaves doubt. */
    bool may_meet_itself;

    /* --- the connector's part --- */
    void *state; /* in the arena */
    void (*cancel)(struct gw_connector_call *call);
};

/* How a call ends. The caller may free all of it in `done`: nothing of it is touched afterwards. */
void gw_connector_done(struct gw_connector_call *call, struct gw_value result);
void gw_connector_fail(struct gw_connector_call *call, const struct gw_connector_failure *failure);
/* The same with a reason of our own: "the key lacks the part "%.*s"". */
GW_PRINTF(3, 4)
void gw_connector_fail_with(struct gw_connector_call *call, enum gw_connector_error error,
                            const char *format, ...);

/* Starts it. WRONG at once where an argument is missing or unknown. A write of class C or D that
 * has an effect key is guarded (guard.h); a transition is noted at the request's key (key_note.h).
 */
void gw_connector_begin(void *instance, struct gw_connector_call *call);

/* The key as it can stand in a field's quotes: itself, or a hash of it where it has other bytes
 * than printable ASCII. ptr NULL without memory. */
GW_MUST_CHECK
struct gw_str gw_connector_key_text(struct gw_arena *arena, struct gw_str key);

/* `done` is not called any more; what was sent has been sent. */
void gw_connector_cancel(struct gw_connector_call *call);

/* The row of the table of errors. */
struct gw_connector_error_row {
    const char *name;    /* "in-doubt" */
    const char *type;    /* of the workflow error: "https://millgate.dev/errors/in-doubt" */
    int status;          /* of the answer that nobody mended: 502, 503, 409, 422 ... */
    const char *problem; /* see http/problem.h */
    bool is_retryable;   /* by a `retry` that does not say otherwise */
};
const struct gw_connector_error_row *gw_connector_error_row(enum gw_connector_error error);

/* --- the table: connectors.c --- */

/* Ends with NULL. */
extern const struct gw_connector_type *const gw_connectors[];
const struct gw_connector_type *gw_connector_find(struct gw_str name);
/* "odata.list"; NULL: there is none. */
const struct gw_connector_function *
gw_connector_find_function(struct gw_str name, const struct gw_connector_type **out_type);
