/* A client's connection, between libmicrohttpd and the exchanges. Inside http/ only. */
#pragma once

#include <microhttpd.h>

#include "server/core/list.h"
#include "server/http/acceptor.h"
#include "server/http/exchange.h"
#include "server/http/linger.h"
#include "server/http/listener.h"
#include "server/http/tls.h"
#include "server/net/loop.h"

enum gw_phase {
    GW_PHASE_IDLE,   /* between requests */
    GW_PHASE_HEAD,   /* the request line is there, the head is not complete */
    GW_PHASE_HELD,   /* head complete, upload not yet started: what decides has not decided */
    GW_PHASE_BODY,   /* the upload is fed to the exchange */
    GW_PHASE_DRAIN,  /* answered already: the rest of the upload is thrown away */
    GW_PHASE_WAIT,   /* the request is complete, the response is awaited */
    GW_PHASE_ANSWER, /* the response is with libmicrohttpd */
    GW_PHASE_TUNNEL, /* the protocol is switched: bytes pass both ways */
};

struct gw_connection_tunnel;
struct gw_metric;

struct gw_connection {
    struct gw_listener *listener;
    struct MHD_Connection *mhd;
    struct gw_exchange *ex; /* NULL between requests */
    struct gw_list all_node;
    struct gw_list wait_node; /* in listener->waiting while asked on every run */
    struct gw_timer deadline; /* meaning depends on the phase */
    enum gw_phase phase;
    int fd;
    bool is_suspended;
    bool was_suspended;   /* at any time since the last tick: then it owes no progress */
    bool is_in_callback;  /* wake() needs no run: the library's code is on the stack */
    bool is_half;         /* idle, but part of a head has come */
    bool is_begun;        /* the handler has seen ex */
    bool has_served;      /* a request has ended on it */
    bool has_left;        /* the client, and what it asked for goes on */
    bool is_shut;         /* its fd was shut down by us */
    bool is_cut;          /* and its exchange was abandoned */
    bool is_answered_raw; /* the answer went past the library, see gw_connection_answer_raw() */
    bool has_unread;      /* answered before its request was read: it lingers when it is closed */
    bool is_http_1_0;
    bool ends_by_close; /* the answer's end is the connection's: breaking off must not look so */
    uint64_t wait_since_ns;
    uint64_t mark_bytes; /* of the body, received or sent, at the last tick */
    uint64_t drained_bytes;
    size_t head_bytes; /* of the library's pool, taken by the request's head */
    uint64_t idle_since_ns;
    struct gw_tls_connection tls;
    void *tls_session;                   /* the library's */
    struct gw_str certificate;           /* the client's, DER, verified; ours to free */
    bool has_certificate;                /* it has been looked for */
    const char *target;                  /* where the target lay in the library's buffer */
    struct gw_connection_tunnel *tunnel; /* in that phase; else NULL */
    char peer[46];
};

struct gw_listener {
    struct gw_listener_config config;
    struct gw_listener_trust trust; /* holds a reference to its TLS */
    struct MHD_Daemon *daemon;
    struct gw_poll *poll;
    struct gw_check *check;
    struct gw_async *again;   /* asks for another turn at once */
    struct gw_timer sweep;    /* looks after suspended connections */
    struct gw_timer patience; /* suspends those that have waited long */
    struct gw_list connections;
    struct gw_list waiting;
    struct gw_linger linger;
    struct gw_acceptor acceptor; /* zeroed where the library accepts */
    size_t connection_count;
    size_t waiting_count;
    size_t suspended_count;
    size_t exchange_count;
    size_t tunnel_count;
    bool must_run;
    bool has_progress; /* a callback of the last run moved something */
    bool is_draining;
};

/* libmicrohttpd's callbacks (see its manual). */
enum MHD_Result gw_connection_on_request(void *self, struct MHD_Connection *mhd, const char *url,
                                         const char *method, const char *version,
                                         const char *upload, size_t *upload_len,
                                         void **request_self);
void *gw_connection_on_target(void *self, const char *target, struct MHD_Connection *mhd);
void gw_connection_on_completed(void *self, struct MHD_Connection *mhd, void **request_self,
                                enum MHD_RequestTerminationCode reason);
void gw_connection_on_change(void *self, struct MHD_Connection *mhd, void **connection_self,
                             enum MHD_ConnectionNotificationCode change);

/* Its exchange goes on to its end though the client has left: what the request's strings point into
 * is the connection's, so that stays until then. */
bool gw_connection_must_stay(const struct gw_connection *connection);

void gw_connection_suspend(struct gw_connection *connection);
void gw_connection_resume(struct gw_connection *connection);

/* Shuts the socket down: nothing more goes out, and the library will notice. */
void gw_connection_shut(struct gw_connection *connection);

/* Shuts the socket down, so that the library gives the connection up; an exchange is abandoned. */
void gw_connection_cut(struct gw_connection *connection, const struct gw_metric *reason);

void gw_connection_count(struct gw_connection *connection, const struct gw_metric *metric);

/* What a draining listener gives a first request to come. */
#define GW_DRAIN_GRACE_NS GW_NS_PER_SECOND
/* How often an upload is looked at. */
#define GW_BODY_TICK_NS (5 * GW_NS_PER_SECOND)
/* (Re)starts the connection's one deadline. */
void gw_connection_start_deadline(struct gw_connection *connection, uint64_t after_ns);
/* Between requests, and before the first: starts the ticks of an idle connection. */
void gw_connection_start_idle(struct gw_connection *connection);
/* What the connection's deadline means in its phase. */
void gw_connection_on_deadline(struct gw_timer *timer);

/* While a response is sent: starts the tick that looks after a peer that takes nothing, and after
 * the end of the caller's token. */
void gw_connection_watch_answer(struct gw_connection *connection);

/* Reads the whole head into the exchange; NULL, or what is wrong with it. */
const char *gw_connection_read_head(struct gw_connection *connection, const char *method,
                                    const char *version);
/* What that returns for a head that leaves no room for the answer's. */
extern const char gw_connection_head_too_large[];

/* The library's TLS session, before its handshake, and after it has gone; nothing on plain HTTP. */
void gw_connection_open_tls(struct gw_connection *connection);
void gw_connection_close_tls(struct gw_connection *connection);
/* Sets the request's client certificate: that of the handshake, or else what a proxy that we trust
 * says of it (RFC 9440). NULL, or what is wrong with that. */
bool gw_connection_is_from_proxy(const struct gw_connection *connection);
const char *gw_connection_read_certificate(struct gw_connection *connection);
extern const char gw_connection_bad_certificate[];

/* Gives the exchange's response to libmicrohttpd; one whose head does not fit beside the request's
 * becomes a 502, and where not even that fits, the answer goes out raw. MHD_NO: the connection is
 * to be closed. */
enum MHD_Result gw_connection_answer(struct gw_connection *connection);

/* Writes the exchange's (whole) response to the socket, past the library, which can answer before
 * an upload or behind it but not within; then shuts the sending side. Plain HTTP only, and only
 * what the socket takes at once. Returns whether it went out. */
bool gw_connection_answer_raw(struct gw_connection *connection);

/* The upload behind a refusal has had its time or bytes: answers raw and lingers for another
 * second, or cuts the connection (false). */
bool gw_connection_end_drain(struct gw_connection *connection);

/* --- a connection whose protocol is switched: connection_tunnel.c --- */

/* Switches it, for an exchange whose response has a tunnel. False: there is no memory, or the head
 * is too large. */
GW_MUST_CHECK
bool gw_connection_begin_tunnel(struct gw_connection *connection);

/* Moves what there is to move; the tunnel may be gone then. */
void gw_connection_pump(struct gw_connection *connection);

/* Says Close to the client with that status code (RFC 6455, section 7.4) as soon as no frame is cut
 * by it, and ends the tunnel when the client has answered or has not in time. */
void gw_connection_close_tunnel(struct gw_connection *connection, uint16_t code);
void gw_connection_drain_tunnel(struct gw_connection *connection); /* the same: going away */

/* Its deadlines: the token's end, silence, its whole life. */
void gw_connection_tick_tunnel(struct gw_connection *connection);

/* At once; the exchange ends with the library's next run. Safe without a tunnel. */
void gw_connection_end_tunnel(struct gw_connection *connection);

extern const struct gw_exchange_io gw_connection_io;
