/* What the files of the HTTP client share: http_client.c (the client and its recycled memory),
 * http_origin.c (configuration), http_pool.c (connections and who waits for them), http_call.c (the
 * request), http_handover.c (calls that are passed on), http_answer.c (the answer), http_guard.c
 * (forbidden addresses), http_head.c (the writer).
 *
 *     call --waits in--> origin --opens--> connection --carries--> call
 */
#pragma once

#include "server/core/buf.h"
#include "server/net/address.h"
#include "server/net/http_client.h"
#include "server/net/http_parser.h"

struct gw_resolver;
struct gw_stream;
struct gw_tls;

/* What is read from a connection; attached while an answer is under way. */
struct http_input {
    struct http_input *next; /* in the free list */
    size_t begin, end;       /* the unread part of bytes */
    struct gw_http_head_parser parser;
    char bytes[GW_HTTP_MAX_HEAD_BYTES];
};

struct http_forbidden {
    struct gw_address address;
    bool is_any_loopback; /* with the address's port */
};

enum { HTTP_MAX_FORBIDDEN = 64, HTTP_MAX_SPARE_INPUTS = 256, HTTP_MAX_SPARE_CALLS = 1024 };

struct gw_http_client {
    struct gw_loop *loop;
    struct gw_resolver *resolver;
    struct gw_list origins;
    struct gw_list calls;
    struct http_input *spare_inputs;
    struct gw_http_call *spare_calls;
    unsigned spare_input_count, spare_call_count;
    unsigned forbidden_count;
    struct http_forbidden forbidden[HTTP_MAX_FORBIDDEN];
};

struct gw_http_origin {
    struct gw_list node;
    struct gw_http_client *client;
    struct gw_http_origin_config config; /* with defaults filled in; strings owned */
    struct gw_tls *tls;
    struct gw_str authority; /* the Host field; owned */
    unsigned references, call_count;
    unsigned upgrade_count; /* of the calls: those that ask to upgrade, or have */

    struct gw_list idle;    /* connections, the last used first */
    struct gw_list busy;    /* connections that open or carry a call */
    struct gw_list waiting; /* calls */
    unsigned connection_count, opening_count, idle_count, waiting_count;
    struct gw_timer idle_timer; /* for the connection idle longest */
    struct gw_http_origin_stats stats;
};

struct http_connection {
    struct gw_list node;
    struct gw_http_origin *origin;
    struct gw_stream *stream;
    struct gw_http_call *call; /* NULL: opening or idle */
    uint64_t idle_since_ns;    /* on the loop's clock */
    uint64_t idle_from_ns;     /* the same moment, exactly */
    bool is_open, is_used;     /* used: has carried a whole exchange */
};

/* What the call's deadline is for. */
enum http_wait {
    HTTP_WAIT_NONE,
    HTTP_WAIT_CONNECTION,
    HTTP_WAIT_CONTINUE,
    HTTP_WAIT_WRITE,
    HTTP_WAIT_HEAD,
    HTTP_WAIT_BODY,
    HTTP_WAIT_REPORT, /* the call has failed; on_failure is due */
};

struct gw_http_call {
    struct gw_list node; /* in origin->waiting */
    struct gw_list live; /* in client->calls */
    struct gw_http_call *next_spare;
    struct gw_http_origin *origin;
    struct http_connection *connection; /* NULL: waiting, or failed */
    struct gw_http_call_events events;
    void *self;
    struct gw_timer wait_timer, total_timer;
    enum http_wait wait;
    uint64_t first_byte_ns, idle_ns;

    /* the request */
    struct gw_buf out; /* head, and body that was taken but not sent */
    size_t out_sent;
    size_t head_len;    /* the part of `out` that is head: all that is sent while is_held */
    uint64_t body_left; /* to come from the caller; not when chunked */
    bool is_chunked, is_to_head, is_replayable, is_retried;
    bool is_given;        /* the caller has given the whole body */
    bool is_sent;         /* and all of it is out */
    bool is_held;         /* until 100 (Continue) */
    bool is_body_dropped; /* the peer does not want the rest */
    bool wants_writable, was_sent;
    bool is_reset; /* a write told so, and no read will: the end that it sees is none */

    /* the answer */
    struct http_input *input;
    bool has_head, is_persistent, is_over, wants_readable;
    bool asks_websocket, is_upgraded;
    bool may_have_more; /* the last read took as much as it had room for */
    unsigned interim_count;
    enum gw_http_framing framing;
    uint64_t left; /* by length */
    struct gw_http_chunks chunks;
    size_t dropped_bytes; /* of the answer, since the caller has left */

    struct gw_http_call_times times;
    enum gw_http_failure failure; /* when wait is HTTP_WAIT_REPORT */
    const char *failure_detail;   /* static */
};

/* --- http_client.c --- */
struct http_input *http_input_take(struct gw_http_client *client); /* NULL without memory */
void http_input_give(struct gw_http_client *client, struct http_input *input);
struct gw_http_call *http_call_take(struct gw_http_client *client); /* cleared; NULL as above */
void http_call_give(struct gw_http_client *client, struct gw_http_call *call);

/* --- http_origin.c --- */
/* Frees an origin that nobody needs any more. */
void http_origin_reap(struct gw_http_origin *origin);

/* --- http_guard.c --- */
bool http_guard_forbids(const struct gw_http_client *client, const struct sockaddr *address);

/* --- http_pool.c --- */
/* Gives the call a connection that is open, or queues it and opens one. -ENOBUFS: too many wait. */
GW_MUST_CHECK
int http_pool_get(struct gw_http_call *call);
/* For a call that found its connection dead: not an idle one again, and before all others. */
void http_pool_get_fresh(struct gw_http_call *call);
/* Takes the call out of the queue. */
void http_pool_leave(struct gw_http_call *call);
/* The call's connection goes back, or is closed. */
void http_pool_put(struct gw_http_call *call, bool is_reusable);
void http_pool_close_idle(struct gw_http_origin *origin);
void http_pool_close_all(struct gw_http_origin *origin);

/* --- http_call.c --- */
/* The call has got its connection: sends what is at hand. Calls nothing back. */
void http_call_attach(struct gw_http_call *call, struct http_connection *connection);
void http_call_on_writable(struct gw_http_call *call);
/* The body may be sent now; or is not wanted any more. */
void http_call_release_body(struct gw_http_call *call);
void http_call_drop_body(struct gw_http_call *call);
/* Sets the deadline that the state asks for; one that runs already starts anew only on progress. */
void http_call_watch(struct gw_http_call *call, bool has_progressed);
/* Ends the call with on_failure: at once (from the loop only), or from the loop soon. */
void http_call_fail(struct gw_http_call *call, enum gw_http_failure failure, const char *detail);
void http_call_fail_soon(struct gw_http_call *call, enum gw_http_failure failure,
                         const char *detail);
/* Ends the call in peace and frees it. */
void http_call_finish(struct gw_http_call *call);

/* --- http_answer.c --- */
void http_answer_on_readable(struct gw_http_call *call);
/* Whether all of the answer has been read from the network, and nothing beyond it. */
bool http_answer_is_whole(struct gw_http_call *call);
/* Whether nothing has come behind the answer: a reply to nothing must not become that of the next
 * call. To be asked once the answer is read. */
bool http_answer_was_last(struct gw_http_call *call);

/* --- http_head.c --- */
/* Appends the request's head to `out`. Returns 0, -EINVAL or -ENOMEM. */
GW_MUST_CHECK
int http_head_write(struct gw_buf *out, const struct gw_http_request *request,
                    struct gw_str authority);
