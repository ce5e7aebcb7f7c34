/* HTTP/1.1 server over libmicrohttpd: one listener of one worker.
 *
 * Takes over a bound socket, turns requests into exchanges, gives them to a handler and sends what
 * comes back, streamed in both directions. Requests that break RFC 9112 are refused with 400 and
 * the connection is closed. Deadlines that the library lacks are kept here. All on the loop's
 * thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/http/client_address.h"
#include "server/http/exchange.h"

struct gw_cidr;
struct gw_listener;
struct gw_loop;
struct gw_metric;
struct gw_server_tls;
struct gw_worker;
struct gw_x509_trust;

/* Whom a listener believes what. A reload replaces it; see gw_listener_set_trust(). */
struct gw_listener_trust {
    struct gw_server_tls *tls;     /* NULL: plain HTTP */
    const struct gw_cidr *proxies; /* the balancers before us */
    size_t proxy_count;
    enum gw_client_address_field client_address;   /* whose request it is, as they say */
    bool takes_client_cert;                        /* Client-Cert (RFC 9440), from the proxies */
    const struct gw_x509_trust *client_cert_trust; /* verifies what it says; NULL: the proxy did */
};

struct gw_listener_config {
    int fd; /* listening, non-blocking; the listener's from now on */
    struct gw_worker *worker;
    struct gw_loop *loop;
    struct gw_exchange_pool *pool;
    const struct gw_exchange_handler *handler;
    void *handler_self;
    const struct gw_listener_trust *trust; /* NULL: plain HTTP, and no proxies; see set_trust */
    /* Connections are taken from the trusted proxies only, and begin with a header of the PROXY
     * protocol, version 1 or 2: the address it tells is the peer. */
    bool needs_proxy_header;
    size_t max_connections;
    size_t pool_bytes;         /* the library's memory per connection: request and response head */
    uint64_t head_timeout_ns;  /* from the first byte of a head to its end */
    uint64_t idle_timeout_ns;  /* between requests */
    uint64_t write_timeout_ns; /* for a peer that takes no bytes of its answer */
    uint64_t min_body_rate;    /* bytes a second that an upload must bring, over 5 s; 0: none */
    /* Counts an event; may be NULL. */
    void (*count)(struct gw_worker *worker, const struct gw_metric *metric);
};

GW_MUST_CHECK
int gw_listener_create(const struct gw_listener_config *config, struct gw_listener **out_listener,
                       struct gw_error *error);

/* For the handshakes and requests to come. `trust` has TLS if the listener has, and only then; what
 * it points at must stay valid until it is replaced or the listener destroyed, but for its TLS, of
 * which the listener holds a reference. NULL: it keeps its TLS, and believes no proxy. */
void gw_listener_set_trust(struct gw_listener *listener, const struct gw_listener_trust *trust);

bool gw_listener_has_tls(const struct gw_listener *listener);

/* Takes no new connection, closes idle ones, and lets responses end theirs. */
void gw_listener_drain(struct gw_listener *listener);

/* Whether no connection is left. */
bool gw_listener_is_empty(const struct gw_listener *listener);

struct gw_listener_stats {
    size_t connections, exchanges, waiting, suspended, tunnels;
};
void gw_listener_get_stats(const struct gw_listener *listener, struct gw_listener_stats *out_stats);

/* Cuts what is left. NULL is safe. */
void gw_listener_destroy(struct gw_listener *listener);
