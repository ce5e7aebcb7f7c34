/* What the files of the proxy share: proxy.c (the answer and the way through), proxy_try.c (tries
 * and their end), proxy_body.c (the request's body). Not for others. */
#pragma once

#include "server/http/exchange.h"
#include "server/net/http_client.h"
#include "server/net/loop.h"
#include "server/upstream/backend.h"
#include "server/upstream/target.h"

/* One request to one target. */
struct proxy_try {
    struct proxy *proxy;
    struct gw_target *target;  /* NULL: not under way */
    struct gw_http_call *call; /* NULL once it has ended */
    struct gw_str url;
    bool is_probe, is_reported;
};

/* The part of the request's body that was given away and can be given again. */
struct proxy_kept {
    char *bytes;
    size_t len, capacity;
    bool is_whole; /* nothing was given away that is not here */
};

struct proxy {
    struct gw_exchange *ex;
    const struct gw_backend *backend;
    struct gw_str path;             /* and query, without a target's base */
    struct gw_field *fields;        /* of the request */
    struct gw_http_request request; /* the same for every try, but for what depends on the target */
    struct proxy_try tries[2];      /* the second for a hedge */
    struct proxy_try *current;      /* the one whose answer counts, or that takes the body */
    struct gw_backend_scope scope;  /* who may be asked, and was */
    uint32_t attempts;
    uint64_t deadline_ns;                /* of all tries together; 0: none */
    struct gw_timer timer;               /* until the next try, or the turn at the bulkhead */
    struct gw_credentials_waiter waiter; /* before the first try */
    uint64_t credentials_number;         /* of those that are shown; 0: none that change */
    struct gw_bulkhead_place place;
    struct gw_mirror *mirror;            /* or NULL */
    struct gw_backend_state *held_state; /* of an answer that lasts: `backend` may go before it */
    struct gw_target *held_target;
    int64_t left_bytes;          /* of an answer of known length; not above 0: not known */
    struct gw_str websocket_key; /* of our handshake; empty: none is asked for */
    size_t deadline_at; /* the field that tells the backend how long is left; SIZE_MAX: none */
    struct proxy_kept kept;
    bool is_repeatable; /* after a byte of it has left, too */
    bool is_request_ended;
    bool has_failed; /* after the head: the body is cut short */
};

/* --- proxy.c --- */
extern const struct gw_http_call_events proxy_events;
/* No try is left: a problem is the answer. */
void proxy_refuse(struct proxy *proxy, const char *problem, const char *detail, uint64_t retry_ns);

/* --- proxy_gate.c --- */
/* Whether the backend may be asked now: maintenance, throttling, the caller's deadline. The
 * response is set if not. */
bool proxy_gate_passes(struct proxy *proxy);
/* Goes on with `launch` when there is a place at the backend; the response is set if none comes
 * free. */
void proxy_gate_enter(struct proxy *proxy);
/* The field that says how long is left, for a try that begins now. False without memory. */
bool proxy_gate_write_deadline(struct proxy *proxy, uint64_t now_ns);
void proxy_launch(struct proxy *proxy); /* proxy.c */

/* --- proxy_try.c --- */
/* Chooses a target and starts a call to it. On failure the response is set. */
void proxy_try_first(struct proxy *proxy);
/* The other one of the two tries, if it is under way. */
struct proxy_try *proxy_try_other(struct proxy_try *attempt);
/* Another try may mend this: it is on its way then. */
bool proxy_try_again(struct proxy *proxy, enum gw_retry_reason reason, bool was_sent);
void proxy_try_report(struct proxy_try *attempt, enum gw_target_outcome outcome);
/* The try is over for its target; its call is gone. */
void proxy_try_end(struct proxy_try *attempt);
/* Gives the call up. */
void proxy_try_cancel(struct proxy_try *attempt);
void proxy_try_cancel_all(struct proxy *proxy);

/* --- proxy_body.c --- */
/* After the first try was started: what is still to come of the body goes to the current one. */
void proxy_body_begin(struct proxy *proxy);
/* After another was. */
void proxy_body_resume(struct proxy *proxy);
