/* Flows: how an operation is fulfilled, as a Serverless Workflow document (DSL 1.0).
 *
 * A document is compiled once, when a snapshot is built: structure, names, expressions and literal
 * arguments are checked then, and every mistake is told with its place and rule. A compiled flow is
 * immutable and serves all threads. A run of it belongs to one worker and waits on callbacks only.
 *
 * The engine knows neither gateway nor HTTP: what a task calls is reached through the host. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/connector/connector.h"
#include "server/core/attr.h"
#include "server/core/diagnostic.h"
#include "server/core/str.h"
#include "server/flow/expression.h"
#include "server/json/value.h"

struct gw_arena;
struct gw_contract;
struct gw_exchange;
struct gw_flow;
struct gw_flow_run;
struct gw_worker;

#define GW_MAX_FLOW_TASKS 500 /* of one document */
#define GW_MAX_FLOW_STEPS \
    10000 /* of one run: a loop that goes on is ended by this, or by its time */

/* --- documents -------------------------------------------------------------------------------- */

/* What a document may name. Functions that are NULL let every name pass, but for find_backend:
 * then no address is a backend's. */
struct gw_flow_names {
    void *self;
    const struct gw_connector_type *const *connectors; /* ends with NULL; NULL: gw_connectors */
    /* The backend whose address `url` (absolute; what stands before its first variable) begins
     * with, and where in `url` the path below it begins; ptr NULL: none. */
    struct gw_str (*find_backend)(void *self, struct gw_str url, size_t *out_path_at);
    /* NULL: right; else the rule that is broken, for the diagnostics. */
    const char *(*check_backend)(void *self, struct gw_str backend,
                                 const struct gw_connector_type *type);
    const char *(*check_operation)(void *self, struct gw_str operation_id);
};

/* Reads and compiles one document (YAML or JSON); *.jq files that it names in
 * document.metadata.mappings are read beside it. All that is wrong goes to `diagnostics`. Its
 * expressions are added to its set, but not compiled: gw_expressions_compile() does so for all at
 * once. 0, -EINVAL, -ENOENT, -ENOMEM. */
GW_MUST_CHECK
int gw_flow_load(const char *path, const struct gw_flow_names *names,
                 struct gw_diagnostics *diagnostics, struct gw_flow **out_flow);
/* Do all its files have the bytes that it was made of? Then it need not be loaded again, only
 * gw_flow_check_names(). */
bool gw_flow_is_current(const struct gw_flow *flow);
/* Tells the backends and operations that it names and that `names` does not have. 0 or -EINVAL. */
GW_MUST_CHECK
int gw_flow_check_names(const struct gw_flow *flow, const struct gw_flow_names *names,
                        struct gw_diagnostics *diagnostics);
/* A call that names no backend goes to that of the run (gw_flow_start). Whether there is one
 * whoever runs the flow must check. Tells the calls that name no backend and that `backend`, the
 * run's, does not fit; with an empty one, all of them. 0 or -EINVAL. */
GW_MUST_CHECK
int gw_flow_check_backend(const struct gw_flow *flow, const struct gw_flow_names *names,
                          struct gw_str backend, struct gw_diagnostics *diagnostics);
/* Any thread. The last release frees. */
struct gw_flow *gw_flow_hold(struct gw_flow *flow);
void gw_flow_release(struct gw_flow *flow); /* NULL is safe */

struct gw_str
gw_flow_name(const struct gw_flow *flow); /* "erp-inventory/list-levels": namespace, name */
struct gw_str gw_flow_version(const struct gw_flow *flow); /* "1.0.0" */
struct gw_str gw_flow_file(const struct gw_flow *flow);
struct gw_expressions *gw_flow_expressions(const struct gw_flow *flow);
/* Tells of an expression that libjq has refused, with its place in the document. */
void gw_flow_blame(const struct gw_flow *flow, uint32_t expression, const char *why,
                   struct gw_diagnostics *diagnostics);

/* --- runs ------------------------------------------------------------------------------------- */

/* A workflow error (DSL: "Error"): a problem document's members. */
struct gw_flow_error {
    struct gw_str
        type; /* a URI: ".../spec/1.0.0/errors/timeout", or one of ours or of the author's */
    int status;
    bool is_raised;              /* by `raise`: title, detail and members are the caller's to see */
    struct gw_str title, detail; /* else `title` is that of the type, and `detail` is empty */
    struct gw_value members;     /* further ones, of `raise`: an object, or null */
    enum gw_connector_error connector_error; /* GW_CONNECTOR_OK: it is not a connector's */
    int backend_status;     /* of a connector's or an operation's answer; 0: none came */
    struct gw_str code;     /* the backend's own; may be empty */
    struct gw_value answer; /* the body of an operation's answer; null: none */
    bool is_retryable;      /* by a `retry` without a condition */
    uint64_t retry_ns;      /* not before; 0: not known */
    const char *problem;    /* of a connector's failure, as there; may be NULL */
    struct gw_str instance; /* as `raise` gave it; else empty: then `task` is it */
    struct gw_str task;     /* JSON Pointer of the task that failed: the operator's */
    struct gw_str reason;   /* likewise */
};

/* An operation that a task calls in-process. Set up by the engine, which owns it until `done`. */
struct gw_flow_operation_call {
    struct gw_str operation_id;
    struct gw_value parameters; /* an object: by the names of the contract, all places */
    struct gw_value body;       /* null: none */
    struct gw_str effect_key;   /* its Idempotency-Key; empty: none */
    uint64_t deadline_ns;
    struct gw_arena *arena; /* of the results */
    const struct gw_exchange *cause;
    /* Once, unless cancelled. `problem` NULL: `answer` is set, whatever the status; else nothing
     * came. Members of `answer`: `status`, `headers` (names in lower case), `body`, and where it is
     * known `request` {method, uri, headers}. */
    void (*done)(struct gw_flow_operation_call *call, const char *problem);
    void *owner;
    struct gw_value answer;
    void *state; /* the host's */
};

/* What the engine needs of the worker that it runs on. */
struct gw_flow_host {
    void *self;
    struct gw_worker *worker;
    struct gw_evaluator *evaluator;
    /* The worker's instance of a connector for that backend, as the cause's view has it; both
     * outlive the call. -ENOENT: there is none. */
    int (*connector)(void *self, const struct gw_exchange *cause, struct gw_str backend,
                     const struct gw_connector_type *type, void **out_instance,
                     const struct gw_backend **out_backend);
    void (*call_operation)(void *self, struct gw_flow_operation_call *call);
    void (*cancel_operation)(void *self, struct gw_flow_operation_call *call);
    /* A connector is about to write for the cause; with `has_effect`: it has written, or may have.
     * Calls of operations are the host's own to notice. May be NULL. */
    void (*on_write)(void *self, const struct gw_exchange *cause, bool has_effect);
    /* May be NULL. A task's outcome is final: its output and the context as they now are, before
     * any other task acts on it. Skipped and failed ones are not told. */
    void (*committed)(void *self, struct gw_str task, const struct gw_value *output,
                      const struct gw_value *context);
};

struct gw_flow_start {
    struct gw_flow *flow; /* held by the run */
    struct gw_value input;
    struct gw_value authorization; /* `$authorization`; null: nobody */
    struct gw_str key;             /* of the effects: the caller's, or made up */
    struct gw_str backend;         /* of calls that name none; empty: there must be no such call */
    struct gw_value metadata;      /* `$runtime.metadata`: an object, or null */
    uint64_t deadline_ns;          /* CLOCK_MONOTONIC; never 0 */
    size_t max_arena_bytes;        /* 0: 64 MiB */
    const struct gw_exchange *cause;
    /* NULL, or where all that the output lies in is moved to before `done`, if it went well; but
     * for what is literal in the flow, which must be held as long. An arena that has nothing in it.
     */
    struct gw_arena *memory;
    /* Once, unless cancelled; perhaps before gw_flow_start() returns. `error` is NULL: `output` is
     * the result. Both go with the run when this returns. */
    void (*done)(void *self, const struct gw_value *output, const struct gw_flow_error *error);
    void *self;
};

/* Input and authorization are copied. NULL without memory: `done` is not called then. Once `done`
 * has been called, also when that was before this returned, the run is gone. */
GW_MUST_CHECK
struct gw_flow_run *gw_flow_start(const struct gw_flow_host *host,
                                  const struct gw_flow_start *start);
/* Calls under way are cancelled; what was sent has been sent. */
void gw_flow_cancel(struct gw_flow_run *run);
