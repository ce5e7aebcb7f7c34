/* HTTP/1.1 client (RFC 9110, RFC 9112): the one way out of the gateway.
 *
 * A client belongs to one loop and keeps a pool of connections per origin. A call is one request
 * and its answer. The body of a request is pushed (gw_http_call_write), the body of an answer is
 * pulled (gw_http_call_read), so back-pressure needs no buffer between two peers. Framing is the
 * client's: callers neither give nor get Content-Length as a field, Transfer-Encoding, Connection
 * and the other hop-by-hop fields (RFC 9110, section 7.6.1); trailers are dropped; interim answers
 * (1xx) are consumed. An answer that is malformed or ambiguous in its framing fails the call and
 * closes the connection. Redirects are not followed.
 *
 * No callback is called from within the functions of this header. A call is gone once a read has
 * returned 0, on_failure has been called, or it has been cancelled: whichever is first, and one of
 * them always comes if the body is read to its end. All on the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/net/http_field.h"
#include "server/net/loop.h"

struct gw_http_client;
struct gw_http_origin;
struct gw_http_call;
struct sockaddr;

GW_MUST_CHECK
int gw_http_client_create(struct gw_loop *loop, struct gw_http_client **out_client,
                          struct gw_error *error);
/* Cancels all calls, closes all connections and frees the origins. Not from within a callback. NULL
 * is safe. */
void gw_http_client_destroy(struct gw_http_client *client);

/* Never connects to `address`, whatever name leads there: for the process's own listeners. An
 * unspecified address (0.0.0.0, ::) stands for all of this machine's with that port. Link-local,
 * multicast, unspecified and metadata addresses are refused anyway. Returns 0, -EINVAL, or -ENOSPC
 * beyond 64. */
GW_MUST_CHECK
int gw_http_client_forbid(struct gw_http_client *client, const struct sockaddr *address);

/* Where calls go. Two configurations that are equal share one origin and its pool. */
struct gw_http_origin_config {
    struct gw_str unix_path; /* connects there when not empty; host is then only a name */
    struct gw_str host;      /* name or address, without brackets */
    uint16_t port;
    bool is_tls;          /* TLS 1.2 or later; certificate and name verified, SNI sent */
    struct gw_str ca_pem; /* trusted instead of the system's store when not empty */
    struct gw_str client_cert_pem, client_key_pem; /* both or none */
    struct gw_str server_name;                     /* for SNI and verification; empty: host */
    unsigned max_connections; /* in use and idle together, of this worker; 0: 1024 */
    unsigned max_waiting;     /* calls that wait for a connection; 0: 1024 */
    uint64_t idle_ns;         /* an idle connection is closed after; 0: 30 s */
    uint64_t connect_ns;      /* name look-up, connect and TLS together, and the longest wait
                                 for a connection; 0: 5 s */
    unsigned max_upgraded;    /* of max_connections: calls that ask to upgrade; 0: 256 */
};

/* Takes a reference; the strings are copied. Fails with a reason (a certificate that cannot be
 * read, say); no name is looked up here. */
GW_MUST_CHECK
int gw_http_origin_get(struct gw_http_client *client, const struct gw_http_origin_config *config,
                       struct gw_http_origin **out_origin, struct gw_error *error);
/* Gives a reference back. With the last one the idle connections close; calls under way go on. */
void gw_http_origin_put(struct gw_http_origin *origin);

/* What has happened at an origin since it was created; for readiness and metrics. */
struct gw_http_origin_stats {
    uint64_t connects, connect_failures, reused, calls, failures;
    unsigned connections, idle, waiting;
    uint64_t last_success_ns, last_failure_ns; /* on the loop's clock; 0: never */
};
void gw_http_origin_get_stats(const struct gw_http_origin *origin,
                              struct gw_http_origin_stats *out_stats);

#define GW_HTTP_CHUNKED INT64_C(-1)

struct gw_http_request {
    struct gw_str method;
    struct gw_str target;          /* origin-form or "*", sent as given */
    struct gw_str host;            /* the Host field; empty: the origin's authority */
    const struct gw_field *fields; /* end-to-end fields only; borrowed during the start call */
    size_t field_count;
    bool asks_websocket;    /* asks to switch to that protocol (RFC 6455); without a body */
    int64_t body_bytes;     /* what will be written in all, or GW_HTTP_CHUNKED */
    struct gw_str body;     /* what is at hand already: written with the head, copied if need be */
    bool expects_continue;  /* send Expect, hold the body up to 1 s for the 100 */
    bool is_replayable;     /* safe to send again by itself when a kept connection turns out dead
                               before any byte of an answer: a safe method without a body */
    uint64_t first_byte_ns; /* from the whole request sent to the answer's head; 0: 30 s */
    uint64_t total_ns;      /* from start to the end of the answer; 0: no limit */
    uint64_t idle_ns;       /* longest wait between two pieces of the answer's body, while the
                               caller is reading; 0: 30 s */
};

struct gw_http_answer_head {
    int status; /* 200 to 599; 101: the protocol asked for is spoken from now on */
    struct gw_str reason;
    const struct gw_field *fields; /* end-to-end ones; valid during on_head */
    size_t field_count;
    int64_t body_bytes;     /* GW_HTTP_CHUNKED: known at the end only */
    int64_t declared_bytes; /* Content-Length as given, also to HEAD and in a 304; -1: none */
    bool is_complete;       /* the whole body is there: reads will not say -EAGAIN */
};

enum gw_http_failure {
    GW_HTTP_UNRESOLVED,   /* the name does not resolve */
    GW_HTTP_UNREACHABLE,  /* connect failed or timed out */
    GW_HTTP_UNTRUSTED,    /* TLS failed: certificate, name or protocol */
    GW_HTTP_OVERLOADED,   /* max_waiting reached, or no connection came free in time */
    GW_HTTP_TIMED_OUT,    /* first byte, idle or total deadline */
    GW_HTTP_DISCONNECTED, /* closed or reset before the answer was whole */
    GW_HTTP_MALFORMED,    /* the answer breaks RFC 9112 or is ambiguous */
    GW_HTTP_HEAD_TOO_LARGE,
    GW_HTTP_NO_MEMORY,
};

/* "unreachable", ...: for logs and metrics. */
const char *gw_http_failure_name(enum gw_http_failure failure);

/* All but on_head and on_failure may be NULL. `self` is the caller's own. */
struct gw_http_call_events {
    /* The final head is here. The body may be read from now on, also from within. After 101 the
     * body is what the peer sends in the new protocol, and what is written goes to it as it is; no
     * deadline of the call holds any more. */
    void (*on_head)(void *self, const struct gw_http_answer_head *head);
    /* gw_http_call_read() has bytes, or the end, again after it said -EAGAIN. */
    void (*on_readable)(void *self);
    /* gw_http_call_write() takes bytes again after it took fewer than given. */
    void (*on_writable)(void *self);
    /* The call failed and is gone. `detail` is for the operator's log, never for a caller. After
     * on_head it means that the body is cut short. */
    void (*on_failure)(void *self, enum gw_http_failure failure, const char *detail);
};

/* Starts a call. Returns 0; -ENOMEM, -EBUSY (max_upgraded reached), or -EINVAL for a request that
 * cannot be written as one unambiguous message (control bytes, a method or name that is no token,
 * white space in target). */
GW_MUST_CHECK
int gw_http_call_start(struct gw_http_origin *origin, const struct gw_http_request *request,
                       const struct gw_http_call_events *events, void *self,
                       struct gw_http_call **out_call);

/* Takes up to `len` bytes of the request's body and returns how many; fewer means: wait for
 * on_writable. Bytes beyond body_bytes are -EINVAL. Once no more of the body is wanted (a final
 * answer of 300 or above came, or any to a body that was held for 100, or the connection broke),
 * bytes are taken and dropped; with a final answer below 300 both directions go on. */
GW_MUST_CHECK
ssize_t gw_http_call_write(struct gw_http_call *call, const char *bytes, size_t len);

/* The body is complete (needed for GW_HTTP_CHUNKED; otherwise implied by the last byte, and before
 * it a promise broken: nothing more is sent, and the connection will be closed). */
void gw_http_call_end(struct gw_http_call *call);

/* Reads decoded body into `out`: the number of bytes, 0 at the end, -EAGAIN (on_readable follows),
 * or -EPIPE once it failed (on_failure follows, from the loop). After 0 the call is gone and its
 * connection back in the pool; this last read is due also when there is no body. */
GW_MUST_CHECK
ssize_t gw_http_call_read(struct gw_http_call *call, char *out, size_t capacity);

/* Gives the call up without further callbacks; closes its connection unless it is clean. NULL is
 * safe. */
void gw_http_call_cancel(struct gw_http_call *call);

/* The caller has left. A request that is wholly sent goes on to its answer, of which a megabyte is
 * read and dropped within the call's deadlines: an effect that is under way is not broken off.
 * Otherwise the same as cancel. No callback comes. NULL is safe. */
void gw_http_call_leave(struct gw_http_call *call);

/* Once the head is there: other limits for the rest of the answer. `total_ns` counts from now; 0:
 * no limit. */
void gw_http_call_prolong(struct gw_http_call *call, uint64_t idle_ns, uint64_t total_ns);

/* From now on another is told of the call's events. */
void gw_http_call_hand_over(struct gw_http_call *call, const struct gw_http_call_events *events,
                            void *self);

/* Whether any byte of the request has been handed to the network. May also be asked within
 * on_failure, as the times may: whether a request can be repeated depends on it. */
bool gw_http_call_was_sent(const struct gw_http_call *call);

/* When the connection was ready, the request sent, the head received (loop's clock; 0: not yet). */
struct gw_http_call_times {
    uint64_t started_ns, connected_ns, sent_ns, head_ns;
    bool is_reused;
};
void gw_http_call_get_times(const struct gw_http_call *call, struct gw_http_call_times *out_times);
