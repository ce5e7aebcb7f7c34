/* One request and its response.
 *
 * Everything that handles a request sees this and nothing of the listener: policies, the proxy and
 * the tests, which drive an exchange in memory. It lives from the complete request head to the last
 * byte of the response, or until the client leaves. All on its worker's thread.
 *
 * Strings point into the arena, which goes with the exchange. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/net/http_field.h"

struct gw_api;
struct gw_backend_config;
struct gw_chain_run;
struct gw_effect;
struct gw_exchange;
struct gw_keyed_claim;
struct gw_operation;
struct gw_service;
struct gw_view;
struct gw_worker;

#define GW_MAX_RECEIVED_FIELDS 100 /* of a client */
#define GW_MAX_REQUEST_FIELDS 132  /* with what policies add */
#define GW_MAX_RESPONSE_FIELDS 100
#define GW_MAX_PATH_PARAMETERS 16
#define GW_MAX_CREDENTIALS 4 /* that one request can prove */

enum gw_method {
    GW_METHOD_GET,
    GW_METHOD_HEAD,
    GW_METHOD_POST,
    GW_METHOD_PUT,
    GW_METHOD_PATCH,
    GW_METHOD_DELETE,
    GW_METHOD_OPTIONS,
    GW_METHOD_COUNT,
    GW_METHOD_OTHER = GW_METHOD_COUNT,
};

/* GW_METHOD_OTHER for what is not in the list; methods are case-sensitive (RFC 9110, 9.1). */
enum gw_method gw_method_parse(struct gw_str name);
struct gw_str gw_method_name(enum gw_method method); /* "GET"; empty for OTHER */

struct gw_request {
    enum gw_method method;
    struct gw_str method_name;
    struct gw_str target; /* origin-form, as received */
    struct gw_str path;   /* the target's path, still percent-encoded */
    struct gw_str query;  /* without the question mark; empty if none */
    struct gw_field *fields;
    size_t field_count;
    int64_t body_bytes; /* Content-Length; 0: no body; -1: chunked */
    struct gw_str body; /* the whole body, once it was asked for and is there */
    struct gw_str host;
    struct gw_str peer;               /* the client's address, without port */
    struct gw_str client_certificate; /* DER, its possession proved in the handshake; else empty */
    bool is_tls;          /* the client speaks HTTPS, to us or to a trusted proxy that says so */
    bool wants_websocket; /* asks to switch to that protocol (RFC 6455) */
};

/* Where a streamed response body comes from. */
struct gw_body_source {
    /* Bytes written to `out`; 0 at the end; -EAGAIN: gw_exchange_source_ready() follows; another
     * negative errno: the body is cut short. */
    ssize_t (*read)(void *self, char *out, size_t capacity);
};

/* The far end of a connection that has switched protocols: both directions are bytes. What is
 * ready again is told by gw_exchange_source_ready() and gw_exchange_sink_ready(). */
struct gw_tunnel {
    /* As a body source's. */
    ssize_t (*read)(struct gw_tunnel *self, char *out, size_t capacity);
    /* How many bytes were taken; a negative errno: there is nobody any more. */
    ssize_t (*write)(struct gw_tunnel *self, const char *bytes, size_t len);
    uint64_t idle_ns;  /* the longest silence of both sides */
    uint64_t total_ns; /* the longest life; 0: any */
};

/* Where a streamed request body goes to. */
struct gw_body_sink {
    /* How many bytes were taken; fewer than `len`: gw_exchange_sink_ready() follows. */
    size_t (*write)(void *self, const char *bytes, size_t len);
    void (*end)(void *self);
    /* The body breaks the exchange's limit: it will not be complete. The sink's owner answers. */
    void (*overflow)(void *self);
};

struct gw_response {
    int status; /* 0: none yet */
    struct gw_field *fields;
    size_t field_count;
    struct gw_str body;                  /* the whole body, when source is NULL */
    const struct gw_body_source *source; /* a streamed one */
    void *source_self;
    int64_t body_bytes;       /* of a streamed one; -1: not known */
    bool lasts;               /* a streamed one that may go on for days: an event stream */
    struct gw_tunnel *tunnel; /* with status 101 */
};

/* What rules call a claim, where the issuer calls it otherwise. */
struct gw_claim_name {
    struct gw_str name;  /* "plant" */
    struct gw_str place; /* a claim's name, or with a leading "/" a JSON Pointer into the claims */
};

/* Who is calling, as one security scheme has it. Empty strings before it is proved. */
struct gw_identity {
    struct gw_str consumer; /* the name that limits and logs use: issuer's name and subject */
    struct gw_str subject;
    struct gw_str issuer;                    /* the scheme: its name in the configuration */
    struct gw_str scopes;                    /* separated by single spaces */
    struct gw_str claims;                    /* the verified payload, JSON text */
    const struct gw_claim_name *claim_names; /* lives as long as the request's policies run */
    size_t claim_name_count;
    struct gw_str plan;    /* the consumer's own, before the operation's; empty: none */
    uint64_t expires_at_s; /* since 1970; 0: never. Streams end then. */
};

/* For the access log and metrics; filled as the exchange goes. */
struct gw_exchange_record {
    struct gw_str request_id;  /* ours; also the answer's X-Request-Id */
    struct gw_str cause_id;    /* that of the exchange which this one serves, or empty */
    struct gw_str trace_id;    /* 32 hex digits (W3C Trace Context) */
    struct gw_str parent_span; /* 16 hex digits, or empty */
    struct gw_str span_id;     /* 16 hex digits: this exchange's */
    struct gw_str tracestate;
    bool is_sampled;
    struct gw_str route;  /* "/system/erp/v1/orders/{id}"; empty: none matched */
    size_t route_number;  /* for metrics, see gw_metrics_route(); 0: none matched */
    const char *problem;  /* the problem's type, or NULL */
    struct gw_str detail; /* for the operator's eyes only */
    struct gw_str flow;   /* its name, where one fulfils the operation */
    struct gw_str backend;
    struct gw_str idempotency_key; /* as the client gave it; printable */
    struct gw_str target;          /* of the backend: the last that was asked */
    uint32_t attempts;             /* requests that were made of this one */
    uint64_t policies_ns;          /* when the request filters were through; 0: they were not */
    uint64_t upstream_start_ns;    /* 0: nothing was sent */
    uint64_t upstream_head_ns;
    int upstream_status;     /* 0: none came */
    bool was_sent;           /* a byte of it has left to the backend */
    uint64_t request_bytes;  /* of the body */
    uint64_t response_bytes; /* of the body */
};

/* What the transport does for an exchange. */
struct gw_exchange_io {
    /* Something has changed: a response is set, or its source or sink has become ready. */
    void (*wake)(struct gw_exchange *ex);
    /* It goes on to its end whether or not the client leaves. May be NULL. */
    void (*must_finish)(struct gw_exchange *ex);
};

/* What a whole program does with exchanges; see gateway/. */
struct gw_exchange_handler {
    void (*begin)(void *self, struct gw_exchange *ex);  /* the head is there */
    void (*finish)(void *self, struct gw_exchange *ex); /* all is sent, or the client left */
    /* The protocol is switched, or the head of a response that lasts is on its way: what is shared
     * should be let go. May be NULL. */
    void (*detach)(void *self, struct gw_exchange *ex);
};

/* Whether the request may be sent to its backend once more when a byte of it has left already. */
enum gw_resend {
    GW_RESEND_BY_METHOD, /* an idempotent method, or a key that the backend knows */
    GW_RESEND_YES,
    GW_RESEND_NO,
};

enum gw_exchange_state {
    GW_EXCHANGE_DECIDING,   /* policies run, or the upstream's head is awaited */
    GW_EXCHANGE_RESPONDING, /* the response's head is final */
    GW_EXCHANGE_GONE,       /* the client has left; nothing is sent any more */
};

/* Bytes of a request body that are kept while nobody has said where they go. */
#define GW_PREREAD_BYTES (64 * 1024)

typedef void gw_exchange_tap_fn(void *self, struct gw_exchange *ex, struct gw_str bytes);

struct gw_exchange {
    struct gw_arena arena;
    struct gw_worker *worker;
    uint64_t now_ns;  /* CLOCK_MONOTONIC when the head was complete */
    uint64_t wall_ns; /* CLOCK_REALTIME at the same moment */
    struct gw_request request;
    struct gw_response response;
    struct gw_identity credentials[GW_MAX_CREDENTIALS]; /* what policies proved, one by one */
    size_t credential_count;
    struct gw_identity identity; /* what counts of them: set when all is proved that must be */
    struct gw_exchange_record record;
    const struct gw_api *api;                /* NULL until routed */
    const struct gw_operation *operation;    /* NULL until routed */
    const struct gw_service *service;        /* how it is fulfilled; NULL until routed */
    const struct gw_backend_config *backend; /* that fulfils it; NULL until routed */
    const struct gw_effect *effect;          /* what a write does there; NULL: nothing is known */
    struct gw_str
        path_parameters[GW_MAX_PATH_PARAMETERS]; /* as received, in the template's order */
    size_t path_parameter_count;
    uint64_t body_limit_bytes; /* on the request's body, streamed or collected; 0: none */

    bool is_preflight; /* OPTIONS of a browser that asks for `operation` (Fetch: CORS preflight) */
    struct gw_str preflight_allow; /* then: the methods of its path */

    enum gw_exchange_state state;
    enum gw_resend resend;
    uint64_t deadline_ns; /* CLOCK_MONOTONIC: nobody waits for longer; 0: it is not known */
    /* We began it ourselves: its identity is proved already (see http/inner.h). */
    bool is_inner;
    bool sends_own_fields; /* they are the gateway's own, Authorization too: not a caller's */
    uint32_t depth;        /* 0: it came over the network; 1: it serves such a one; ... */
    bool is_keyed;       /* its effect has a key: a backend that deduplicates may be asked again */
    uint64_t key_ttl_ns; /* for how long the caller's key is remembered; 0: there is none */
    struct gw_keyed_claim *claim; /* on that key (store/keyed_record.h); NULL: there is none */
    bool must_finish;             /* see gw_exchange_must_finish() */
    bool must_close;              /* the connection must not be used again after the response */

    /* --- the engine's part: read and written by exchange.c, filter/chain.c and the transport ---
     */
    const struct gw_exchange_io *io;
    void *io_self;
    void *handler_state;            /* the handler's own */
    struct gw_view *view;           /* the snapshot as this worker sees it; held until the end */
    bool is_detached;               /* it needs no snapshot any more: see gw_exchange_handler */
    struct gw_chain_run *chain_run; /* the filters' progress */
    void (*cancel)(void *self, struct gw_exchange *ex); /* of the waiting filter, or NULL */
    void *cancel_self;
    const struct gw_body_sink *sink;
    void *sink_self;
    struct gw_str preread; /* body bytes that came before there was a sink */
    size_t preread_capacity;
    size_t body_max_bytes;                           /* while the whole body is collected; else 0 */
    void (*on_body)(struct gw_exchange *ex);         /* called once when the whole body is there */
    void (*on_source_ready)(struct gw_exchange *ex); /* while a response is collected, or NULL */
    bool is_body_ended;                              /* the last byte of the request has come */
    bool is_body_over;                               /* more came than body_max_bytes */
    bool is_sink_ended;                              /* the sink has been told of the end */
};

/* --- for policies and handlers -------------------------------------------------------------- */

/* The value of the request's first field of that name, or NULL. */
const struct gw_str *gw_request_field(const struct gw_exchange *ex, struct gw_str name);

/* Removes all request fields of that name, also those written with "_" for "-": to many a backend
 * they are the same. */
void gw_request_remove_field(struct gw_exchange *ex, struct gw_str name);

/* Adds one; the strings must live in the arena or be static. 0, -ENOSPC or -ENOMEM. */
GW_MUST_CHECK
int gw_request_add_field(struct gw_exchange *ex, struct gw_str name, struct gw_str value);

/* The same for the response. Both strings must be followed by a NUL, as literals and what the arena
 * copies are. -EINVAL for bytes that cannot stand in a field. */
GW_MUST_CHECK
int gw_response_add_field(struct gw_exchange *ex, struct gw_str name, struct gw_str value);
void gw_response_remove_field(struct gw_exchange *ex, struct gw_str name);
const struct gw_str *gw_response_field(const struct gw_exchange *ex, struct gw_str name);

/* The next free credential, zeroed, for a policy that has proved one; NULL if there are too many.
 */
GW_MUST_CHECK
struct gw_identity *gw_exchange_add_credential(struct gw_exchange *ex);

/* From now on the client's leaving does not end the exchange before its response is set: a write
 * that was sent, say, whose answer is to be recorded. The whole body must be there. */
void gw_exchange_must_finish(struct gw_exchange *ex);

/* Forgets status, fields and body, to set another response instead. */
void gw_response_clear(struct gw_exchange *ex);

/* --- for the handler (proxy, admin) and the transport ---------------------------------------- */

/* The response's head is final: the transport may send it. */
void gw_exchange_respond(struct gw_exchange *ex);

/* The response's source has bytes, its end or a failure to give. */
void gw_exchange_source_ready(struct gw_exchange *ex);

/* From now on the request's body goes to `sink`; what came before is offered first. */
void gw_exchange_set_sink(struct gw_exchange *ex, const struct gw_body_sink *sink, void *self);

/* The sink takes bytes again. */
void gw_exchange_sink_ready(struct gw_exchange *ex);

/* Collects the whole body, at most `max_bytes`, and calls `on_body` when it is there (perhaps at
 * once) or is_body_over is set. The body then stands in request.body. */
void gw_exchange_collect_body(struct gw_exchange *ex, size_t max_bytes,
                              void (*on_body)(struct gw_exchange *ex));

/* The transport: offers body bytes; returns how many were taken. */
size_t gw_exchange_feed(struct gw_exchange *ex, const char *bytes, size_t len);
void gw_exchange_feed_end(struct gw_exchange *ex);

/* The transport: the client is gone. Runs the cancel function of what waits. */
void gw_exchange_abandon(struct gw_exchange *ex);

/* --- recycling -------------------------------------------------------------------------------- */

struct gw_exchange_pool {
    struct gw_exchange *free[64];
    size_t free_count;
    size_t live_count;
    size_t max_count;
    size_t arena_max_bytes;
    struct gw_list inner; /* those that we began ourselves: see http/inner.h */
};

void gw_exchange_pool_init(struct gw_exchange_pool *pool, size_t max_count, size_t arena_max_bytes);
void gw_exchange_pool_finish(struct gw_exchange_pool *pool); /* none may be live */

/* A zeroed exchange with an empty arena; NULL at max_count or without memory. */
GW_MUST_CHECK
struct gw_exchange *gw_exchange_take(struct gw_exchange_pool *pool);
void gw_exchange_give_back(struct gw_exchange_pool *pool, struct gw_exchange *ex);
