/* The interface that every policy implements.
 *
 * A request goes forward through the chain of filters, its response backward through those that
 * ran. A filter knows the exchange and none of its neighbours. Instances belong to one worker: no
 * locks. The table in policies/policies.c is the registration. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/http/exchange.h"
#include "server/http/problem.h"
#include "server/json/option.h"

enum gw_verdict {
    GW_NEXT, /* go on */
    GW_STOP, /* the response is set: answer with it */
    GW_WAIT, /* gw_exchange_resume() will be called later, on the same thread */
    GW_FAIL, /* answer 500 (or what problem was set, if its status is 5xx) */
};

struct gw_filter_type {
    const char *name;                /* as written in the configuration */
    const struct gw_option *options; /* keys, types, bounds, defaults: checked before create */
    /* Once per worker, on the main thread. `config` has all options, defaults filled in; it is
     * borrowed for the instance's life. On failure error->where points into config. */
    int (*create)(const json_t *config, void **out_self, struct gw_error *error);
    void (*destroy)(void *self); /* NULL is safe */
    /* The head is complete; called once. Either of the two may be NULL. */
    enum gw_verdict (*on_request)(void *self, struct gw_exchange *ex);
    /* The response's head is complete, no byte has left yet. May change or replace it. */
    enum gw_verdict (*on_response)(void *self, struct gw_exchange *ex);
};

/* --- what a filter may call ------------------------------------------------------------------- */

/* Sets a problem response (see problem.h) and returns GW_STOP. With retry_ns > 0, adds Retry-After,
 * rounded up to whole seconds (RFC 9110, section 10.2.3). */
enum gw_verdict gw_exchange_reject(struct gw_exchange *ex, const char *problem, const char *detail,
                                   uint64_t retry_ns);

/* The same with further members of the problem, JSON text of the form `"limit":"a"`. */
enum gw_verdict gw_exchange_reject_with(struct gw_exchange *ex, const char *problem,
                                        const char *detail, struct gw_str members,
                                        uint64_t retry_ns);

/* Asks for the whole body; return its verdict (GW_WAIT). `then` is called once with the body in
 * ex->request.body, and its verdict counts. Beyond max_bytes the answer is 413 and `then` is not
 * called. Filters that ask in turn share one body; the smallest bound holds. */
GW_MUST_CHECK
enum gw_verdict gw_exchange_need_request_body(struct gw_exchange *ex, size_t max_bytes,
                                              enum gw_verdict (*then)(void *self,
                                                                      struct gw_exchange *ex));

/* The same for the response, in on_response: `then` is called with the whole body in
 * ex->response.body, which has no source any more. What cannot be collected (beyond max_bytes, or
 * cut short by the backend) is answered 502, and `then` is not called. */
GW_MUST_CHECK
enum gw_verdict gw_exchange_need_response_body(struct gw_exchange *ex, size_t max_bytes,
                                               enum gw_verdict (*then)(void *self,
                                                                       struct gw_exchange *ex));

/* The same without a refusal: `then` is called in any case. What is too large stays streamed
 * (response.source is set, and gives the whole of it); what the backend cut short has been replaced
 * by a problem, 502. */
GW_MUST_CHECK
enum gw_verdict gw_exchange_try_response_body(struct gw_exchange *ex, size_t max_bytes,
                                              enum gw_verdict (*then)(void *self,
                                                                      struct gw_exchange *ex));

/* Goes on after the filter that returned GW_WAIT, with the verdict that it now has (not GW_WAIT).
 */
void gw_exchange_resume(struct gw_exchange *ex, enum gw_verdict verdict);

/* For a filter that is about to return GW_WAIT: what to call if the client leaves meanwhile. It
 * must see to it that gw_exchange_resume() is not called any more. */
void gw_exchange_on_cancel(struct gw_exchange *ex,
                           void (*cancel)(void *self, struct gw_exchange *ex));

/* This filter's place for the state of one exchange: a pointer, NULL at first. */
void **gw_exchange_slot(struct gw_exchange *ex, const void *self);

/* Calls fn for every piece of the body that passes (and once with len 0 at its end), after the head
 * was accepted. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_exchange_tap_request(struct gw_exchange *ex, gw_exchange_tap_fn *fn, void *self);
GW_MUST_CHECK
int gw_exchange_tap_response(struct gw_exchange *ex, gw_exchange_tap_fn *fn, void *self);
