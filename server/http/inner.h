/* An exchange that we begin ourselves: an operation called in-process, or a request of a connector.
 *
 * It goes the way of one that came in over the network (its handler's, its chain's), but its
 * request is in memory and its response is collected there. It has an arena and a span of its own,
 * and is logged and counted as its handler has it. One worker's thread only. */
#pragma once

#include "server/core/attr.h"
#include "server/http/exchange.h"

struct gw_loop;

/* Where it lives and who handles it. */
struct gw_inner_place {
    struct gw_exchange_pool *pool;
    struct gw_worker *worker;
    struct gw_loop *loop; /* the worker's */
    const struct gw_exchange_handler *handler;
    void *handler_self;
};

/* The whole response is in ex->response (status, fields, body; source is NULL). The exchange goes
 * when this returns, and its handler has finished it before: copy what is needed longer. Called
 * once, unless cancelled; from the loop, never from within another call. */
typedef void gw_inner_done_fn(void *self, struct gw_exchange *ex);

struct gw_inner_request {
    struct gw_str method; /* "GET" */
    struct gw_str target; /* origin-form, percent-encoded */
    const struct gw_field *fields;
    size_t field_count;
    struct gw_str body;
    bool has_body; /* an empty one, too */
    /* The one that this serves, or NULL. Trace, client and proved identity are copied from it; the
     * view is its own until the handler holds another or the same. */
    const struct gw_exchange *cause;
    uint64_t deadline_ns;      /* see struct gw_exchange */
    size_t max_response_bytes; /* beyond: a problem, 502, is its response */
    /* Sets what the handler is to find beyond the request, before it begins. May be NULL. */
    void (*prepare)(void *self, struct gw_exchange *ex);
    gw_inner_done_fn *done;
    void *self;
};

/* All strings are copied. NULL: too many, or no memory; `done` is not called then. */
GW_MUST_CHECK
struct gw_exchange *gw_inner_start(const struct gw_inner_place *place,
                                   const struct gw_inner_request *request);

/* Whoever began it needs it no longer: as a client that leaves. `done` is not called any more. One
 * that must finish (gw_exchange_must_finish) goes on by itself until its response is set. Safe
 * within `done`. */
void gw_inner_cancel(struct gw_exchange *ex);

/* The worker ends: no exchange of the pool goes on. */
void gw_inner_cancel_all(struct gw_exchange_pool *pool);
