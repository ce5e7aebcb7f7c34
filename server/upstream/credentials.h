/* Who we are to a backend: what stands in the Authorization of each request to it.
 *
 * Either a fixed value, or a token by the client credentials grant (RFC 6749, section 4.4), fetched
 * off the request path, kept until shortly before it expires and fetched again ahead of that while
 * it is in use. One fetch at a time; requests wait for the first. After a failure the next attempt
 * is in 1 s, doubling to 30 s; meanwhile a token that still holds serves on.
 *
 * One for each configuration on a worker: views with an equal one share it, so that a reload
 * fetches nothing. On the worker's thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/upstream/form_post.h"

#define GW_CREDENTIALS_MAX_WAITERS 256

struct gw_credentials;
struct gw_worker;

/* Of the snapshot's life. */
struct gw_credentials_config {
    struct gw_str fixed; /* the field's whole value; empty: none, or a token is fetched */
    bool is_fetched;
    struct gw_form_place place; /* the token endpoint */
    struct gw_str scope, audience, resource;
    uint64_t timeout_ns; /* of a fetch */
};

/* Takes a reference; `backend` is for the log; both are copied. 0, -ENOMEM, or -EINVAL for what TLS
 * towards the token endpoint cannot use; with *error. */
GW_MUST_CHECK
int gw_credentials_open(const struct gw_credentials_config *config, struct gw_str backend,
                        struct gw_worker *worker, struct gw_credentials **out_credentials,
                        struct gw_error *error);
/* None of the caller's may wait any more. NULL is safe. */
void gw_credentials_close(struct gw_credentials *credentials);

/* One who waits. Zero it, and set on_news: called when there is something new, at the latest when
 * the fetch's time is over. */
struct gw_credentials_waiter {
    void (*on_news)(struct gw_credentials_waiter *waiter);

    struct gw_list node;
    struct gw_credentials *credentials;
    bool has_waited;
};

enum gw_credentials_state {
    GW_CREDENTIALS_READY,
    GW_CREDENTIALS_WAIT,    /* on_news follows: ask again */
    GW_CREDENTIALS_ABSENT,  /* they cannot be had now */
    GW_CREDENTIALS_CROWDED, /* too many wait */
};

/* The value of Authorization, which holds until control goes back to the loop, and its number. */
struct gw_credentials_value {
    struct gw_str text;
    uint64_t number; /* of the fetch that brought it; 0: it is fixed */
};

enum gw_credentials_state gw_credentials_get(struct gw_credentials *credentials,
                                             struct gw_credentials_waiter *waiter,
                                             struct gw_credentials_value *out_value);

/* When they may be had again, for Retry-After; at least 1 s. */
uint64_t gw_credentials_retry_ns(const struct gw_credentials *credentials);

/* The backend answered 401 to that value. If it is the one in use, and not just fetched, the next
 * request has another fetched: at most one in 10 s, so that a backend which refuses them all does
 * not make us flood the token endpoint. */
void gw_credentials_refused(struct gw_credentials *credentials, uint64_t number);

/* It waits no longer, and on_news will not be called. Safe on one that does not wait. */
void gw_credentials_waiter_stop(struct gw_credentials_waiter *waiter);
