#include "server/upstream/proxy.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/http/problem.h"
#include "server/upstream/proxy_fields.h"
#include "server/upstream/tunnel.h"

#define WHOLE_BODY_BYTES                                                     \
    (64 * 1024) /* an answer that is there already is copied up to this size \
                 */

struct proxy {
    struct gw_exchange *ex;
    const struct gw_backend *backend;
    struct gw_str target;
    struct gw_credentials_waiter waiter; /* before the call */
    uint64_t credentials_number;         /* of those that were shown; 0: none that change */
    struct gw_http_call *call;           /* NULL once it has ended */
    struct gw_str websocket_key;         /* of our handshake; empty: none is asked for */
    bool has_failed;                     /* after the head: the body is cut short */
};

/* What a caller is told when the backend gives no usable answer. */
static const struct {
    const char *problem;
    const char *detail;
} failure_problems[] = {
    [GW_HTTP_UNRESOLVED] = {"backend-unreachable", NULL},
    [GW_HTTP_UNREACHABLE] = {"backend-unreachable", NULL},
    [GW_HTTP_UNTRUSTED] = {"backend-unreachable", NULL},
    [GW_HTTP_OVERLOADED] = {"backend-overloaded", NULL},
    [GW_HTTP_TIMED_OUT] = {"backend-timeout", NULL},
    [GW_HTTP_DISCONNECTED] = {"bad-gateway", "The backend closed the connection."},
    [GW_HTTP_MALFORMED] = {"bad-gateway", "The backend's answer is not well-formed."},
    [GW_HTTP_HEAD_TOO_LARGE] = {"bad-gateway", "The backend's answer has too large a head."},
    [GW_HTTP_NO_MEMORY] = {"overloaded", NULL},
};

static bool is_safe(enum gw_method method)
{
    return method == GW_METHOD_GET || method == GW_METHOD_HEAD || method == GW_METHOD_OPTIONS;
}

static void cancel(void *self)
{
    struct proxy *proxy = self;

    gw_http_call_cancel(proxy->call);
    proxy->call = NULL;
}

/* With the end of the exchange: a read that nobody waits for ends, a write that was sent does not.
 */
static void leave(void *self)
{
    struct proxy *proxy = self;

    gw_credentials_waiter_stop(&proxy->waiter);
    if (is_safe(proxy->ex->request.method))
        gw_http_call_cancel(proxy->call);
    else
        gw_http_call_leave(proxy->call);
    proxy->call = NULL;
}

/* --- the answer's body --- */

static ssize_t read_answer(struct proxy *proxy, char *out, size_t capacity)
{
    if (proxy->has_failed)
        return -EPIPE;
    if (proxy->call == NULL)
        return 0;
    ssize_t count = gw_http_call_read(proxy->call, out, capacity);
    if (count == -EAGAIN)
        return count;
    if (count < 0) { /* the call would tell of its failure later: the exchange may be gone then */
        cancel(proxy);
        proxy->has_failed = true;
    } else if (count == 0) {
        proxy->call = NULL;
    }
    return count;
}

static ssize_t source_read(void *self, char *out, size_t capacity)
{
    struct proxy *proxy = self;
    ssize_t count = read_answer(proxy, out, capacity);

    if (count >= 0)
        gw_chain_tap_response(proxy->ex, gw_str_from(out, (size_t)count));
    return count;
}

static const struct gw_body_source proxy_source = {.read = source_read};

/* A small answer that is there already needs no streaming. False: it must be streamed. */
static bool take_whole(struct proxy *proxy, const struct gw_http_answer_head *head)
{
    struct gw_response *response = &proxy->ex->response;

    if (!head->is_complete || head->body_bytes < 0 || head->body_bytes > WHOLE_BODY_BYTES)
        return false;
    size_t len = (size_t)head->body_bytes;
    char *body = gw_arena_alloc(&proxy->ex->arena, len + 1);
    size_t at = 0;
    ssize_t count = body == NULL ? -ENOMEM : 1;
    while (count > 0) { /* one byte of room is left at the end, so that the end is read too */
        count = read_answer(proxy, body + at, len + 1 - at);
        if (count > 0)
            at += (size_t)count;
    }
    if (count < 0 || at != len)
        return false;
    response->body = gw_str_from(body, len);
    return true;
}

/* Not the caller's fault, and none that it could mend: the challenge would mislead it. */
static void refuse_unauthorised(struct proxy *proxy)
{
    gw_credentials_refused(proxy->backend->credentials, proxy->credentials_number);
    cancel(proxy);
    proxy->ex->record.detail = GW_STR("the backend refused our credentials");
    gw_problem_set(proxy->ex, "bad-gateway", "The backend refused the gateway's credentials.");
    gw_chain_response_set(proxy->ex);
}

/* The call is the tunnel's from now on. */
static void switch_protocols(struct proxy *proxy, const struct gw_http_answer_head *head)
{
    const struct gw_backend_config *config = proxy->backend->config;
    struct gw_tunnel_limits limits = {config->websocket_idle_ns, config->websocket_total_ns};
    int rc = gw_tunnel_open(proxy->ex, proxy->call, proxy->websocket_key, head, limits);

    if (rc == 0)
        proxy->call = NULL;
    else
        cancel(proxy);
    if (rc == -EBADMSG)
        gw_problem_set(proxy->ex, "bad-gateway", "The backend's handshake does not fit.");
    else if (rc != 0)
        gw_problem_set(proxy->ex, rc == -ENOMEM ? "overloaded" : "bad-gateway", NULL);
    gw_chain_response_set(proxy->ex);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct proxy *proxy = self;
    struct gw_exchange *ex = proxy->ex;

    ex->record.upstream_head_ns = gw_clock_monotonic_ns();
    ex->record.upstream_status = head->status;
    if (head->status == 401 && proxy->backend->credentials != NULL) {
        refuse_unauthorised(proxy);
        return;
    }
    if (head->status == 101) {
        switch_protocols(proxy, head);
        return;
    }
    ex->response.status = head->status;
    int rc = gw_proxy_response_fields(ex, head->fields, head->field_count);
    if (rc != 0) {
        cancel(proxy);
        gw_problem_set(ex, rc == -ENOMEM ? "overloaded" : "bad-gateway", NULL);
        gw_chain_response_set(ex);
        return;
    }
    if (head->is_complete && head->body_bytes == 0)
        ex->response.body_bytes = head->declared_bytes; /* of HEAD and 304 */
    if (!take_whole(proxy, head)) {
        ex->response.source = &proxy_source;
        ex->response.source_self = proxy;
        ex->response.body_bytes = head->body_bytes;
    }
    gw_chain_response_set(ex);
}

static void on_readable(void *self)
{
    struct proxy *proxy = self;
    gw_exchange_source_ready(proxy->ex);
}

static void on_writable(void *self)
{
    struct proxy *proxy = self;
    gw_exchange_sink_ready(proxy->ex);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct proxy *proxy = self;
    struct gw_exchange *ex = proxy->ex;

    proxy->call = NULL;
    ex->record.detail = gw_arena_copy(&ex->arena, gw_str_of(detail));
    if (ex->state == GW_EXCHANGE_DECIDING && ex->record.upstream_status == 0) {
        gw_problem_set(ex, failure_problems[failure].problem, failure_problems[failure].detail);
        gw_chain_response_set(ex);
        return;
    }
    proxy->has_failed = true;
    ex->record.problem = failure_problems[failure].problem;
    gw_exchange_source_ready(ex);
}

static const struct gw_http_call_events proxy_events = {
    .on_head = on_head,
    .on_readable = on_readable,
    .on_writable = on_writable,
    .on_failure = on_failure,
};

/* --- the request's body --- */

static size_t sink_write(void *self, const char *bytes, size_t len)
{
    struct proxy *proxy = self;
    ssize_t count = proxy->call == NULL ? 0 : gw_http_call_write(proxy->call, bytes, len);

    if (count <= 0)
        return 0;
    gw_chain_tap_request(proxy->ex, gw_str_from(bytes, (size_t)count));
    return (size_t)count;
}

static void sink_end(void *self)
{
    struct proxy *proxy = self;

    gw_chain_tap_request(proxy->ex, GW_STR(""));
    if (proxy->call != NULL)
        gw_http_call_end(proxy->call);
}

/* The backend has seen part of a body that will not be completed: its connection is closed. */
static void sink_overflow(void *self)
{
    struct proxy *proxy = self;

    cancel(proxy);
    proxy->has_failed = true;
    if (proxy->ex->state != GW_EXCHANGE_DECIDING || proxy->ex->record.upstream_status != 0)
        return; /* the answer came first, and filters may have it: its body is cut short */
    gw_problem_set(proxy->ex, "body-too-large", NULL);
    gw_chain_response_set(proxy->ex);
}

static const struct gw_body_sink proxy_sink = {
    .write = sink_write,
    .end = sink_end,
    .overflow = sink_overflow,
};

/* --- start --- */

/* Returns 0, or a negative errno; the problem is the caller's to set. */
static int start_call(struct proxy *proxy, struct gw_str authorization)
{
    struct gw_exchange *ex = proxy->ex;
    const struct gw_backend_config *config = proxy->backend->config;
    struct gw_field *fields = gw_arena_alloc(&ex->arena, GW_MAX_PROXY_FIELDS * sizeof(*fields));
    struct gw_http_request request = {
        .method = ex->request.method_name,
        .target = gw_arena_printf(&ex->arena, "%.*s%.*s", GW_STR_ARG(config->base_path),
                                  GW_STR_ARG(proxy->target)),
        .host = config->authority,
        .fields = fields,
        .body_bytes = ex->is_body_ended ? (int64_t)ex->preread.len : ex->request.body_bytes,
        .body = ex->preread,
        .is_replayable = is_safe(ex->request.method) && ex->request.body_bytes == 0,
        .first_byte_ns = config->first_byte_ns,
        .total_ns = config->total_ns,
        .idle_ns = config->idle_ns,
    };

    if (fields == NULL || request.target.ptr == NULL)
        return -ENOMEM;
    int rc = gw_proxy_request_fields(ex, config, fields, &request.field_count);
    if (rc == 0 && ex->request.wants_websocket)
        rc = gw_tunnel_ask(ex, &request, fields, &proxy->websocket_key);
    if (rc == 0 && authorization.len > 0)
        fields[request.field_count++] = (struct gw_field){GW_STR("Authorization"), authorization};
    if (rc == 0)
        rc = gw_http_call_start(proxy->backend->origin, &request, &proxy_events, proxy,
                                &proxy->call);
    return rc;
}

static void go(struct proxy *proxy, struct gw_str authorization)
{
    struct gw_exchange *ex = proxy->ex;
    int rc;

    if (ex->is_body_over) { /* the limit was broken while the policies ran */
        gw_problem_set(ex, "body-too-large", NULL);
        gw_chain_response_set(ex);
        return;
    }
    rc = start_call(proxy, authorization);
    if (rc != 0) {
        gw_problem_set(ex,
                       rc == -ENOMEM  ? "overloaded"
                       : rc == -EBUSY ? "backend-overloaded"
                                      : "malformed-request",
                       NULL);
        gw_chain_response_set(ex);
        return;
    }
    if (ex->preread.len > 0)
        gw_chain_tap_request(ex, ex->preread);
    if (ex->is_body_ended || ex->request.body_bytes == 0) { /* the body went with the head */
        gw_chain_tap_request(ex, GW_STR(""));
        return;
    }
    ex->preread = GW_STR("");
    ex->preread_capacity = 0;
    gw_exchange_set_sink(ex, &proxy_sink, proxy);
}

static void refuse_without_credentials(struct proxy *proxy, bool is_crowded)
{
    struct gw_exchange *ex = proxy->ex;

    ex->record.detail = is_crowded ? GW_STR("too many wait for the backend's token")
                                   : GW_STR("there is no token for the backend");
    (void)gw_exchange_reject(ex, is_crowded ? "overloaded" : "unavailable",
                             "The gateway has no credentials for the backend now.",
                             gw_credentials_retry_ns(proxy->backend->credentials));
    gw_chain_response_set(ex);
}

/* With our credentials for the backend, now or when they are there. */
static void go_with_credentials(struct proxy *proxy)
{
    struct gw_credentials_value value = {.number = 0};
    enum gw_credentials_state state = GW_CREDENTIALS_READY;

    if (proxy->backend->credentials != NULL)
        state = gw_credentials_get(proxy->backend->credentials, &proxy->waiter, &value);
    if (state == GW_CREDENTIALS_READY) {
        proxy->credentials_number = value.number;
        go(proxy, value.text);
    } else if (state != GW_CREDENTIALS_WAIT) {
        refuse_without_credentials(proxy, state == GW_CREDENTIALS_CROWDED);
    }
}

static void on_credentials(struct gw_credentials_waiter *waiter)
{
    go_with_credentials(GW_CONTAINER_OF(waiter, struct proxy, waiter));
}

void gw_proxy_start(struct gw_exchange *ex, const struct gw_backend *backend, struct gw_str target)
{
    struct proxy *proxy = gw_arena_calloc(&ex->arena, 1, sizeof(*proxy));

    ex->record.backend = backend->config->name;
    ex->record.upstream_start_ns = gw_clock_monotonic_ns();
    if (proxy != NULL) {
        proxy->ex = ex;
        proxy->backend = backend;
        proxy->target = target;
        proxy->waiter.on_news = on_credentials;
    }
    if (proxy == NULL || gw_arena_defer(&ex->arena, leave, proxy) != 0) {
        gw_problem_set(ex, "overloaded", NULL);
        gw_chain_response_set(ex);
        return;
    }
    go_with_credentials(proxy);
}
