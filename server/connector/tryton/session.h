/* The session at a Tryton: one for each worker and backend, logged in when first wanted.
 *
 * Whoever wants it waits until it is there; one login at a time serves all of them. A login that is
 * refused is not tried again for a while, as every wrong password costs the server a slow hash, and
 * in the end the account. The worker's own thread only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/connector/connector.h"
#include "server/connector/tryton/settings.h"
#include "server/core/arena.h"
#include "server/core/list.h"
#include "server/json/value.h"

struct gw_call;

struct tryton_waiter {
    struct gw_list node;
    /* Called once; `failure` is NULL: the session is there. The waiter may be freed then. */
    void (*done)(struct tryton_waiter *waiter, const struct gw_connector_failure *failure);
};

struct tryton_session {
    const struct gw_backend *backend;
    struct tryton_settings settings;
    bool is_there;
    uint64_t generation;         /* of the session that is there: another one, another number */
    struct gw_str authorization; /* "Session ..." */
    struct gw_value preferences; /* of the user, as on the wire: an object */

    /* --- its own --- */
    struct gw_arena arena; /* of the two above */
    struct gw_list waiting;
    struct gw_call *http; /* of the login */
    uint64_t next_id;
    unsigned refusals; /* in a row */
    uint64_t closed_until_ns;
};

/* The settings' texts outlive it. */
void tryton_session_init(struct tryton_session *session, const struct gw_backend *backend,
                         const struct tryton_settings *settings);
void tryton_session_finish(struct tryton_session *session); /* nobody waits */

/* Calls waiter->done: at once, where there is a session or a refusal is fresh. Zero it first. */
void tryton_session_want(struct tryton_session *session, struct tryton_waiter *waiter);
void tryton_session_leave(struct tryton_waiter *waiter); /* safe on one that does not wait */

/* Tryton does not know it any more. Does nothing where a newer one is there already. */
void tryton_session_drop(struct tryton_session *session, uint64_t generation);
