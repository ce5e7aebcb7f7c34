#include "server/upstream/tunnel.h"

#include <errno.h>

#include "server/http/problem.h"
#include "server/http/websocket.h"
#include "server/upstream/proxy_fields.h"

struct tunnel {
    struct gw_tunnel base;
    struct gw_exchange *ex;
    struct gw_http_call *call; /* NULL once it has ended */
    bool has_failed;
};

/* --- the handshakes --- */

static void add_or_ignore(struct gw_exchange *ex, struct gw_str name, struct gw_str value)
{
    int rc = gw_response_add_field(ex, name, value);
    (void)rc; /* the status says it already */
}

static void require_upgrade(struct gw_exchange *ex, const char *detail)
{
    gw_problem_set(ex, "upgrade-required", detail);
    add_or_ignore(ex, GW_STR("Upgrade"), GW_STR("websocket"));
    add_or_ignore(ex, GW_STR("Connection"), GW_STR("Upgrade"));
    add_or_ignore(ex, GW_STR("Sec-WebSocket-Version"), GW_STR("13"));
}

bool gw_tunnel_is_asked_well(struct gw_exchange *ex)
{
    struct gw_str key;

    if (!ex->request.wants_websocket) {
        require_upgrade(ex, NULL);
        return false;
    }
    switch (gw_websocket_check(&ex->request, &key)) {
    case GW_WEBSOCKET_GOOD:
        return true;
    case GW_WEBSOCKET_BAD_VERSION:
        require_upgrade(ex, "The WebSocket version is not 13.");
        break;
    case GW_WEBSOCKET_BAD_KEY:
        gw_problem_set(ex, "malformed-request", "Sec-WebSocket-Key is not one key of 16 bytes.");
        break;
    }
    return false;
}

int gw_tunnel_ask(struct gw_exchange *ex, struct gw_http_request *request, struct gw_field *fields,
                  struct gw_str *out_key)
{
    char *key = gw_arena_alloc(&ex->arena, GW_WEBSOCKET_KEY_LEN + 1);
    size_t kept = 0;

    if (key == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < request->field_count; i++) {
        if (!gw_str_equal_nocase(fields[i].name, GW_STR("Sec-WebSocket-Key")) &&
            !gw_str_equal_nocase(fields[i].name, GW_STR("Sec-WebSocket-Version")))
            fields[kept++] = fields[i];
    }
    gw_websocket_make_key(key);
    *out_key = gw_str_from(key, GW_WEBSOCKET_KEY_LEN);
    fields[kept++] = (struct gw_field){GW_STR("Sec-WebSocket-Key"), *out_key};
    fields[kept++] = (struct gw_field){GW_STR("Sec-WebSocket-Version"), GW_STR("13")};
    request->field_count = kept;
    request->asks_websocket = true;
    return 0;
}

static bool fits_key(const struct gw_http_answer_head *head, struct gw_str key)
{
    const struct gw_str *given =
        gw_field_find(head->fields, head->field_count, GW_STR("Sec-WebSocket-Accept"));
    char expected[GW_WEBSOCKET_ACCEPT_LEN + 1];

    gw_websocket_accept(key, expected);
    return given != NULL && gw_str_equal(*given, gw_str_of(expected));
}

/* The backend's fields, but the proof is for the caller's own key. */
static int answer_caller(struct gw_exchange *ex, const struct gw_http_answer_head *head)
{
    char *accept = gw_arena_alloc(&ex->arena, GW_WEBSOCKET_ACCEPT_LEN + 1);
    struct gw_str key;

    if (accept == NULL)
        return -ENOMEM;
    if (gw_websocket_check(&ex->request, &key) != GW_WEBSOCKET_GOOD)
        return -EINVAL; /* a policy has changed it since */
    gw_websocket_accept(key, accept);
    ex->response.status = head->status;
    int rc = gw_proxy_response_fields(ex, head->fields, head->field_count);
    if (rc != 0)
        return rc;
    gw_response_remove_field(ex, GW_STR("Sec-WebSocket-Accept"));
    rc = gw_response_add_field(ex, GW_STR("Sec-WebSocket-Accept"),
                               gw_str_from(accept, GW_WEBSOCKET_ACCEPT_LEN));
    if (rc == 0)
        rc = gw_response_add_field(ex, GW_STR("Upgrade"), GW_STR("websocket"));
    return rc;
}

/* --- the bytes --- */

static ssize_t tunnel_read(struct gw_tunnel *base, char *out, size_t capacity)
{
    struct tunnel *tunnel = GW_CONTAINER_OF(base, struct tunnel, base);

    if (tunnel->call == NULL)
        return tunnel->has_failed ? -EPIPE : 0;
    ssize_t count = gw_http_call_read(tunnel->call, out, capacity);
    if (count == 0) {
        tunnel->call = NULL;
    } else if (count < 0 && count != -EAGAIN) {
        gw_http_call_cancel(tunnel->call); /* nobody may be here when it would tell */
        tunnel->call = NULL;
        tunnel->has_failed = true;
    }
    return count;
}

static ssize_t tunnel_write(struct gw_tunnel *base, const char *bytes, size_t len)
{
    struct tunnel *tunnel = GW_CONTAINER_OF(base, struct tunnel, base);

    return tunnel->call == NULL ? -EPIPE : gw_http_call_write(tunnel->call, bytes, len);
}

static void on_head(void *self, const struct gw_http_answer_head *head)
{
    (void)self; /* it was there already */
    (void)head;
}

static void on_readable(void *self)
{
    struct tunnel *tunnel = self;
    gw_exchange_source_ready(tunnel->ex);
}

static void on_writable(void *self)
{
    struct tunnel *tunnel = self;
    gw_exchange_sink_ready(tunnel->ex);
}

static void on_failure(void *self, enum gw_http_failure failure, const char *detail)
{
    struct tunnel *tunnel = self;

    (void)failure;
    tunnel->call = NULL;
    tunnel->has_failed = true;
    tunnel->ex->record.detail = gw_arena_copy(&tunnel->ex->arena, gw_str_of(detail));
    gw_exchange_source_ready(tunnel->ex);
}

static const struct gw_http_call_events tunnel_events = {
    .on_head = on_head,
    .on_readable = on_readable,
    .on_writable = on_writable,
    .on_failure = on_failure,
};

static void leave(void *self)
{
    struct tunnel *tunnel = self;

    gw_http_call_cancel(tunnel->call);
    tunnel->call = NULL;
}

int gw_tunnel_open(struct gw_exchange *ex, struct gw_http_call *call, struct gw_str key,
                   const struct gw_http_answer_head *head, struct gw_tunnel_limits limits)
{
    if (!fits_key(head, key))
        return -EBADMSG;
    struct tunnel *tunnel = gw_arena_calloc(&ex->arena, 1, sizeof(*tunnel));
    if (tunnel == NULL)
        return -ENOMEM;
    int rc = answer_caller(ex, head);
    if (rc == 0)
        rc = gw_arena_defer(&ex->arena, leave, tunnel);
    if (rc != 0)
        return rc;
    *tunnel = (struct tunnel){
        .base = {.read = tunnel_read,
                 .write = tunnel_write,
                 .idle_ns = limits.idle_ns,
                 .total_ns = limits.total_ns},
        .ex = ex,
        .call = call,
    };
    gw_http_call_hand_over(call, &tunnel_events, tunnel);
    ex->response.tunnel = &tunnel->base;
    return 0;
}
