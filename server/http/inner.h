/* An exchange that we begin ourselves: an operation called in-process, or a request of a connector.
 *
 * It goes the way of one that came in over the network (its handler's, its chain's), but its
 * request is in memory and its response is collected there. It has an arena and a span of its own,
 * and is logged and counted as any other. One worker's thread only. */
#pragma once

#include "server/core/attr.h"
#include "server/http/exchange.h"

struct gw_inner_request {
    struct gw_str method; /* "GET" */
    struct gw_str target; /* origin-form, percent-encoded */
    const struct gw_field *fields;
    size_t field_count;
    struct gw_str body;
    bool has_body;                   /* an empty one, too */
    const struct gw_exchange *cause; /* the one that this serves: trace and identity; or NULL */
    size_t max_response_bytes;       /* beyond: a problem, 502, is its response */
};

/* The whole response is in ex->response (status, fields, body; source is NULL). The exchange goes
 * when this returns: copy what is needed longer. Called once, unless cancelled; perhaps before
 * gw_inner_start() returns. */
typedef void gw_inner_done_fn(void *self, struct gw_exchange *ex);

/* All strings are copied. NULL: too many, or no memory; `done` is not called then. */
GW_MUST_CHECK
struct gw_exchange *gw_inner_start(struct gw_exchange_pool *pool, struct gw_worker *worker,
                                   const struct gw_exchange_handler *handler, void *handler_self,
                                   const struct gw_inner_request *request, gw_inner_done_fn *done,
                                   void *self);

/* Whoever began it needs it no longer: as a client that leaves. `done` is not called any more. */
void gw_inner_cancel(struct gw_exchange *ex);
