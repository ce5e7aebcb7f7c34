/* A listener's own accepting, where balancers speak before the client: takes connections from
 * proxies that it trusts, reads their PROXY header (proxy_header.h), and not a byte of what is
 * behind it, and only then gives the socket to the library. Inside http/ only; loop thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/list.h"

struct gw_cidr;
struct gw_listener;
struct gw_poll;
struct sockaddr;

struct gw_acceptor {
    struct gw_poll *poll;    /* on the listening socket; NULL: the library accepts, or nobody */
    struct gw_list arrivals; /* that have not told yet for whom they come */
    size_t arrival_count;
    struct gw_cidr *proxies; /* who is let in; a copy */
    size_t proxy_count;
    bool is_paused;              /* until there is room again */
    const struct sockaddr *told; /* while a connection is given to the library: by its header */
};

/* Watches the listening socket, which it closes in the end. Returns 0 or -ENOMEM. */
GW_MUST_CHECK
int gw_acceptor_init(struct gw_listener *listener);

/* Lets in those whom the listener trusts now. Who has none (a configuration without this listener,
 * or without the option, which waits for a restart) leaves those of before in place. Returns 0, or
 * -ENOMEM: nothing has changed. */
GW_MUST_CHECK
int gw_acceptor_follow_trust(struct gw_listener *listener);

/* After a connection has gone, or a while: accepts again if that was paused. */
void gw_acceptor_mind(struct gw_listener *listener);

/* Takes what the kernel has completed, then closes the socket; each arrival has so long to come. */
void gw_acceptor_drain(struct gw_listener *listener, uint64_t grace_ns);

/* Closes all. Safe on one that was not initialised. */
void gw_acceptor_finish(struct gw_listener *listener);
