/* One call of a function under way: its requests to Tryton, one behind the other.
 *
 * A step waits for the session, is sent with the user's preferences and the call's context, and is
 * sent once more where Tryton has forgotten the session: then nothing of it has been done. Private
 * to connector/tryton. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/connector/connector.h"
#include "server/connector/tryton/session.h"
#include "server/net/loop.h"

struct tryton {
    struct tryton_session session;
    uint64_t next_id;
};

struct tryton_task;

/* `wire` is what Tryton answered, or `failure` is set. Ends the call or runs another step. */
typedef void tryton_then_fn(struct tryton_task *task, const struct gw_value *wire,
                            const struct gw_connector_failure *failure);

/* All lies in the call's arena. */
struct tryton_step {
    struct gw_str object;           /* "model.party.party", "wizard.stock.shipment.assign" */
    struct gw_str method;           /* "search_read" */
    struct gw_str parameters;       /* as on the wire, each with a comma behind it: "[[1]]," */
    const struct gw_value *context; /* of the call; NULL: none */
    struct gw_str own_context;      /* ours, as on the wire, each with a comma before it */
    bool is_write;
    bool is_repeatable; /* sending it twice is one effect */
    tryton_then_fn *then;
};

struct tryton_task {
    struct tryton *tryton;
    struct gw_connector_call *call;
    struct tryton_step step; /* the one under way */
    void *own;               /* the function's */

    /* --- task.c's --- */
    struct tryton_waiter waiter;
    struct gw_timer deadline; /* of the wait for the session */
    struct gw_call *http;
    uint64_t generation; /* of the session that it was sent in */
    bool has_logged_in_anew;
};

/* NULL: the call has failed. */
struct tryton_task *tryton_task_create(struct tryton *tryton, struct gw_connector_call *call);

/* May call step->then before it returns, and with that free the task. */
void tryton_task_run(struct tryton_task *task, const struct tryton_step *step);

/* Ends: the call, and with it the task, may be freed. */
void tryton_task_done(struct tryton_task *task, struct gw_value result);
void tryton_task_done_wire(struct tryton_task *task, const struct gw_value *wire);
void tryton_task_fail(struct tryton_task *task, const struct gw_connector_failure *failure);
void tryton_task_fail_memory(struct tryton_task *task);
