/* One request to a backend, its answer collected: what connectors are built on.
 *
 * All that the operator says of the backend holds as for the plain proxy: targets and balancing,
 * breaker and outliers, retries and their budget, credentials, throttle, bulkhead, maintenance,
 * deadlines. One worker's thread only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/http/exchange.h"

struct gw_arena;
struct gw_backend;
struct gw_call_ahead;
struct gw_value;

struct gw_call_request {
    const struct gw_backend *backend; /* outlives the call, with its view */
    struct gw_str method;
    struct gw_str target; /* path and query without the target's base path; percent-encoded */
    const struct gw_field *fields;
    size_t field_count;
    struct gw_str body;
    bool has_body;
    uint64_t deadline_ns;    /* CLOCK_MONOTONIC; 0: the backend's own bounds alone */
    size_t max_answer_bytes; /* 0: 16 MiB */
    /* Of a large answer that is JSON: it is read off the loop's thread before `done` is called (see
     * gw_call_take_json). 0: it is not. */
    uint32_t max_json_depth;
    bool is_repeatable; /* sending it twice is one effect: it may be tried again once it was sent */
    const struct gw_exchange *cause; /* whose trace it belongs to; NULL: nobody's */
};

struct gw_call_answer {
    int status; /* of the backend; when `problem` is set, what a plain proxy would answer */
    const char
        *problem; /* the backend gave no (whole) answer: the problem's type, static; or NULL */
    int backend_status; /* 0: none came; may be set beside `problem` */
    bool was_sent;      /* a byte of the request has left: with a problem, its effect is unknown */
    uint64_t retry_ns;  /* when to come again; 0: not known */
    const struct gw_field *fields;
    size_t field_count;
    struct gw_str body;
    struct gw_call_ahead *ahead; /* for gw_call_take_json() */
};

struct gw_call;

/* The answer goes when this returns, and the call with it. Called once, unless cancelled; from the
 * loop, never from within gw_call_start(). */
typedef void gw_call_done_fn(void *self, const struct gw_call_answer *answer);

/* All strings are copied. NULL: no memory, too many calls, or the backend could not be set up
 * (backend->upstreams is NULL); `done` is not called then. */
GW_MUST_CHECK
struct gw_call *gw_call_start(const struct gw_call_request *request, gw_call_done_fn *done,
                              void *self);

/* `done` is not called any more. What was sent has been sent. */
void gw_call_cancel(struct gw_call *call);

/* The body's value, if it was read already: it and the body's text are in `arena` from then on.
 * NULL: it was not (it is small, no JSON, too deep, or there is no room in the arena), and the
 * body is the caller's to read. */
const struct gw_value *gw_call_take_json(const struct gw_call_answer *answer,
                                         struct gw_arena *arena);
