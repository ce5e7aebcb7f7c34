#include "server/upstream/proxy.h"

#include <errno.h>

#include "server/core/clock.h"
#include "server/filter/chain.h"
#include "server/filter/worker.h"
#include "server/http/problem.h"
#include "server/upstream/proxy_fields.h"
#include "server/upstream/proxy_private.h"
#include "server/upstream/retry.h"
#include "server/upstream/tunnel.h"
#include "server/upstream/upstreams.h"

#define WHOLE_BODY_BYTES                                                     \
    (64 * 1024) /* an answer that is there already is copied up to this size \
                 */

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

/* With the end of the exchange: a read that nobody waits for ends, a write that was sent does not.
 */
static void leave(void *self)
{
    struct proxy *proxy = self;

    gw_credentials_waiter_stop(&proxy->waiter);
    if (!is_safe(proxy->ex->request.method)) {
        gw_http_call_leave(proxy->current->call);
        proxy->current->call = NULL;
    }
    proxy_try_cancel_all(proxy);
    gw_bulkhead_leave(&proxy->place);
    gw_mirror_give_up(proxy->mirror);
    proxy->mirror = NULL;
    gw_target_put(proxy->held_target);
    gw_backend_state_put(proxy->held_state);
}

/* Nothing more is wanted of the backend. */
static void depart(struct proxy *proxy, bool is_whole)
{
    gw_bulkhead_leave(&proxy->place);
    if (is_whole)
        gw_mirror_end(proxy->mirror, proxy->ex->record.upstream_status);
    else
        gw_mirror_give_up(proxy->mirror);
    proxy->mirror = NULL;
}

void proxy_refuse(struct proxy *proxy, const char *problem, const char *detail, uint64_t retry_ns)
{
    depart(proxy, false);
    gw_exchange_reject(proxy->ex, problem, detail, retry_ns);
    gw_chain_response_set(proxy->ex);
}

/* --- the answer's body --- */

/* The last byte of a known length is the end: nobody asks what comes behind it. */
static void mirror_answer(struct proxy *proxy, const char *bytes, size_t len)
{
    if (proxy->mirror == NULL)
        return;
    gw_mirror_feed(proxy->mirror, bytes, len);
    proxy->left_bytes -= (int64_t)len;
    if (proxy->left_bytes == 0) {
        gw_mirror_end(proxy->mirror, proxy->ex->record.upstream_status);
        proxy->mirror = NULL;
    }
}

static ssize_t read_answer(struct proxy *proxy, char *out, size_t capacity)
{
    if (proxy->has_failed)
        return -EPIPE;
    struct proxy_try *attempt = proxy->current;
    if (attempt->call == NULL)
        return 0;
    ssize_t count = gw_http_call_read(attempt->call, out, capacity);
    if (count == -EAGAIN)
        return count;
    if (count < 0) { /* the call would tell of its failure later: the exchange may be gone then */
        proxy_try_cancel(attempt);
        proxy->has_failed = true;
        depart(proxy, false);
    } else if (count == 0) {
        proxy_try_end(attempt);
        depart(proxy, true);
    } else {
        mirror_answer(proxy, out, (size_t)count);
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
    proxy_try_cancel(proxy->current);
    proxy->ex->record.detail = GW_STR("the backend refused our credentials");
    proxy_refuse(proxy, "bad-gateway", "The backend refused the gateway's credentials.", 0);
}

/* The call is the tunnel's from now on, and none of the proxy's limits holds any more. */
static void switch_protocols(struct proxy *proxy, const struct gw_http_answer_head *head)
{
    const struct gw_backend_config *config = proxy->backend->config;
    struct gw_tunnel_limits limits = {config->websocket_idle_ns, config->websocket_total_ns};
    int rc = gw_tunnel_open(proxy->ex, proxy->current->call, proxy->websocket_key, head, limits);

    if (rc != 0) {
        proxy_try_cancel(proxy->current);
        proxy_refuse(proxy, rc == -ENOMEM ? "overloaded" : "bad-gateway",
                     rc == -EBADMSG ? "The backend's handshake does not fit." : NULL, 0);
        return;
    }
    proxy_try_end(proxy->current);
    depart(proxy, true);
    gw_chain_response_set(proxy->ex);
}

/* Server-sent events (HTML standard, "text/event-stream"): its answer is not late, it lasts. */
static bool is_event_stream(const struct gw_http_answer_head *head)
{
    const struct gw_str *type =
        gw_field_find(head->fields, head->field_count, GW_STR("content-type"));

    return type != NULL &&
           gw_str_equal_nocase(gw_str_trim(gw_str_from(type->ptr, gw_str_find(*type, ';'))),
                               GW_STR("text/event-stream"));
}

/* From here on the exchange needs neither the backend's configuration nor the place where this
 * worker keeps it, only what counts it: a reload may take the others away. */
static void let_last(struct proxy *proxy)
{
    const struct gw_backend_config *config = proxy->backend->config;

    gw_http_call_prolong(proxy->current->call, config->event_stream_idle_ns,
                         config->event_stream_total_ns);
    gw_mirror_give_up(proxy->mirror); /* copies are compared at an end */
    proxy->mirror = NULL;
    proxy->kept.is_whole = false; /* no other try will need it */
    proxy->held_state = gw_backend_state_hold(proxy->backend->state);
    proxy->held_target = gw_target_hold(proxy->current->target);
    proxy->ex->response.lasts = true;
}

/* The answer that the caller gets. */
static void accept(struct proxy *proxy, const struct gw_http_answer_head *head)
{
    struct gw_exchange *ex = proxy->ex;

    ex->record.upstream_head_ns = gw_clock_monotonic_ns();
    ex->record.upstream_status = head->status;
    proxy->left_bytes = head->body_bytes;
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
        proxy_try_cancel(proxy->current);
        proxy_refuse(proxy, rc == -ENOMEM ? "overloaded" : "bad-gateway", NULL, 0);
        return;
    }
    if (!head->is_complete && is_event_stream(head))
        let_last(proxy);
    if (head->is_complete && head->body_bytes == 0)
        ex->response.body_bytes = head->declared_bytes; /* of HEAD and 304 */
    if (!take_whole(proxy, head)) {
        ex->response.source = &proxy_source;
        ex->response.source_self = proxy;
        ex->response.body_bytes = head->body_bytes;
    }
    gw_chain_response_set(ex);
}

static void note_throttling(struct proxy *proxy, const struct gw_http_answer_head *head)
{
    const struct gw_str *retry_after =
        gw_field_find(head->fields, head->field_count, GW_STR("retry-after"));

    if (retry_after != NULL)
        gw_throttle_note(proxy->backend->state, &proxy->backend->config->throttle, head->status,
                         *retry_after, gw_clock_realtime_ns() / GW_NS_PER_SECOND);
}

/* Whether the answer is not passed on, as another may be better. */
static bool is_passed_over(struct proxy_try *attempt, int status)
{
    struct proxy_try *other = proxy_try_other(attempt);

    if (status < 500)
        return false;
    if (other == NULL)
        return proxy_try_again(attempt->proxy, gw_retry_reason_of_status(status), true);
    attempt->proxy->current = other;
    return true;
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    struct proxy_try *attempt = self;
    struct proxy *proxy = attempt->proxy;

    proxy->ex->record.was_sent = true;
    proxy_try_report(attempt, head->status >= 500 ? GW_TARGET_FAILURE : GW_TARGET_SUCCESS);
    if (head->status == 429 || head->status == 503)
        note_throttling(proxy, head);
    if (is_passed_over(attempt, head->status)) {
        proxy_try_cancel(attempt);
        return;
    }
    gw_timer_stop(&proxy->timer);
    if (proxy_try_other(attempt) != NULL) {
        proxy->backend->state->stats.hedges_won += attempt == &proxy->tries[1];
        proxy_try_cancel(proxy_try_other(attempt));
    }
    proxy->current = attempt;
    proxy->ex->record.target = attempt->url;
    accept(proxy, head);
}

static void on_readable(void *self)
{
    struct proxy_try *attempt = self;

    gw_exchange_source_ready(attempt->proxy->ex);
}

static void on_writable(void *self)
{
    struct proxy_try *attempt = self;

    gw_exchange_sink_ready(attempt->proxy->ex);
}

static bool is_fault_of_target(enum gw_http_failure failure)
{
    return failure != GW_HTTP_OVERLOADED && failure != GW_HTTP_NO_MEMORY;
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct proxy_try *attempt = self;
    struct proxy *proxy = attempt->proxy;
    struct gw_exchange *ex = proxy->ex;
    bool was_sent = gw_http_call_was_sent(attempt->call);

    ex->record.was_sent |= was_sent;
    proxy_try_report(attempt, is_fault_of_target(failure) ? GW_TARGET_FAILURE : GW_TARGET_UNKNOWN);
    struct proxy_try *other = proxy_try_other(attempt);
    proxy_try_end(attempt);
    if (other != NULL) { /* a hedge: there is still one to wait for */
        proxy->current = other;
        return;
    }
    ex->record.detail = gw_arena_copy(&ex->arena, gw_str_of(detail));
    if (ex->state == GW_EXCHANGE_DECIDING && ex->record.upstream_status == 0) {
        if (!proxy_try_again(proxy, gw_retry_reason_of_failure(failure, was_sent), was_sent))
            proxy_refuse(proxy, failure_problems[failure].problem, failure_problems[failure].detail,
                         0);
        return;
    }
    proxy->has_failed = true;
    depart(proxy, false);
    ex->record.problem = failure_problems[failure].problem;
    gw_exchange_source_ready(ex);
}

const struct gw_http_call_events proxy_events = {
    .on_head = on_head,
    .on_readable = on_readable,
    .on_writable = on_writable,
    .on_failure = on_failure,
};

/* --- start --- */

/* What every try has in common. */
static int prepare(struct proxy *proxy)
{
    struct gw_exchange *ex = proxy->ex;
    const struct gw_backend_config *config = proxy->backend->config;
    struct gw_field *fields =
        gw_arena_alloc(&ex->arena, gw_proxy_fields_room(ex, config) * sizeof(*fields));

    if (fields == NULL)
        return -ENOMEM;
    proxy->fields = fields;
    proxy->request = (struct gw_http_request){
        .method = ex->request.method_name,
        .fields = fields,
        .body_bytes = ex->request.body_bytes,
        .is_replayable = is_safe(ex->request.method) && ex->request.body_bytes == 0 &&
                         ex->resend != GW_RESEND_NO,
        .first_byte_ns = config->first_byte_ns,
        .total_ns = config->total_ns,
        .idle_ns = config->idle_ns,
    };
    if (config->total_ns > 0)
        proxy->deadline_ns = gw_loop_now_ns(ex->worker->loop) + config->total_ns;
    if (ex->deadline_ns > 0 && (proxy->deadline_ns == 0 || ex->deadline_ns < proxy->deadline_ns))
        proxy->deadline_ns = ex->deadline_ns;
    int rc = gw_proxy_request_fields(ex, config, fields, &proxy->request.field_count);
    if (rc == 0 && ex->request.wants_websocket)
        rc = gw_tunnel_ask(ex, &proxy->request, fields, &proxy->websocket_key);
    return rc;
}

static bool may_resend(const struct gw_exchange *ex, const struct gw_backend_config *config)
{
    if (ex->resend != GW_RESEND_BY_METHOD)
        return ex->resend == GW_RESEND_YES;
    return gw_retry_is_idempotent(ex->request.method) ||
           (ex->is_keyed && gw_effect_is_repeatable(&config->effect));
}

void proxy_launch(struct proxy *proxy)
{
    struct gw_exchange *ex = proxy->ex;
    const struct gw_backend_config *config = proxy->backend->config;

    if (ex->is_body_over) { /* the limit was broken while the policies ran, or in the queue */
        proxy_refuse(proxy, "body-too-large", NULL, 0);
        return;
    }
    proxy->is_request_ended = ex->is_body_ended || ex->request.body_bytes == 0;
    proxy->kept = (struct proxy_kept){.bytes = (char *)(uintptr_t)ex->preread.ptr,
                                      .len = ex->preread.len,
                                      .capacity = ex->preread.len,
                                      .is_whole = true};
    proxy->is_repeatable = config->retry.attempts > 1 && may_resend(ex, config);
    if (config->route_count > 0)
        proxy->scope.pool = gw_route_choose(config->routes, config->route_count, ex,
                                            &proxy->backend->upstreams->random);
    proxy_try_first(proxy);
}

static void refuse_without_credentials(struct proxy *proxy, bool is_crowded)
{
    proxy->ex->record.detail = is_crowded ? GW_STR("too many wait for the backend's token")
                                          : GW_STR("there is no token for the backend");
    proxy_refuse(proxy, is_crowded ? "overloaded" : "unavailable",
                 "The gateway has no credentials for the backend now.",
                 gw_credentials_retry_ns(proxy->backend->credentials));
}

/* A try may come when the value is another one already: it is copied. */
static bool show_credentials(struct proxy *proxy, const struct gw_credentials_value *value)
{
    struct gw_str text = gw_arena_copy(&proxy->ex->arena, value->text);

    proxy->credentials_number = value->number;
    proxy->fields[proxy->request.field_count++] = (struct gw_field){GW_STR("Authorization"), text};
    return text.ptr != NULL;
}

/* With our credentials for the backend, now or when they are there. */
static void go_with_credentials(struct proxy *proxy)
{
    struct gw_credentials_value value = {.number = 0};

    if (proxy->backend->credentials == NULL) {
        proxy_gate_enter(proxy);
        return;
    }
    switch (gw_credentials_get(proxy->backend->credentials, &proxy->waiter, &value)) {
    case GW_CREDENTIALS_READY:
        if (show_credentials(proxy, &value))
            proxy_gate_enter(proxy);
        else
            proxy_refuse(proxy, "overloaded", NULL, 0);
        break;
    case GW_CREDENTIALS_WAIT:
        break;
    case GW_CREDENTIALS_ABSENT:
        refuse_without_credentials(proxy, false);
        break;
    case GW_CREDENTIALS_CROWDED:
        refuse_without_credentials(proxy, true);
        break;
    }
}

static void on_credentials(struct gw_credentials_waiter *waiter)
{
    go_with_credentials(GW_CONTAINER_OF(waiter, struct proxy, waiter));
}

void gw_proxy_start(struct gw_exchange *ex, const struct gw_backend *backend, struct gw_str target)
{
    struct proxy *proxy = gw_arena_calloc(&ex->arena, 1, sizeof(*proxy));
    int rc = proxy == NULL ? -ENOMEM : gw_arena_defer(&ex->arena, leave, proxy);

    ex->record.backend = backend->config->name;
    ex->record.upstream_start_ns = gw_clock_monotonic_ns();
    if (rc == 0) {
        proxy->ex = ex;
        proxy->backend = backend;
        proxy->path = target;
        proxy->current = &proxy->tries[0];
        rc = prepare(proxy);
    }
    if (rc != 0) {
        gw_problem_set(ex, "overloaded", NULL);
        gw_chain_response_set(ex);
        return;
    }
    proxy->waiter.on_news = on_credentials;
    if (proxy_gate_passes(proxy))
        go_with_credentials(proxy);
}
