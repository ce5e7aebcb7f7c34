/* The request's body: it goes to the current try as it comes, and a bounded part of it is kept
 * where another try may need it. */
#include <string.h>

#include "server/filter/chain.h"
#include "server/http/problem.h"
#include "server/upstream/proxy_private.h"

/* What the request's body may grow to in memory, as far as it is known. */
static size_t room_for(const struct proxy *proxy)
{
    size_t most = proxy->backend->config->retry.max_body_bytes;
    int64_t declared = proxy->ex->request.body_bytes;

    return declared >= 0 && (uint64_t)declared < most ? (size_t)declared : most;
}

/* Given away are `len` bytes more. */
static void keep(struct proxy *proxy, const char *bytes, size_t len)
{
    struct proxy_kept *kept = &proxy->kept;

    if (!kept->is_whole || len == 0)
        return;
    kept->is_whole = false;
    if (!proxy->is_repeatable)
        return;
    if (kept->len + len > kept->capacity) {
        size_t room = room_for(proxy);
        char *moved = kept->len + len > room ? NULL : gw_arena_alloc(&proxy->ex->arena, room);
        if (moved == NULL)
            return;
        if (kept->len > 0)
            memcpy(moved, kept->bytes, kept->len);
        kept->bytes = moved;
        kept->capacity = room;
    }
    memcpy(kept->bytes + kept->len, bytes, len);
    kept->len += len;
    kept->is_whole = true;
}

static size_t sink_write(void *self, const char *bytes, size_t len)
{
    struct proxy *proxy = self;
    struct gw_http_call *call = proxy->current->call;
    ssize_t count = call == NULL ? 0 : gw_http_call_write(call, bytes, len);

    if (count <= 0)
        return 0;
    keep(proxy, bytes, (size_t)count);
    gw_chain_tap_request(proxy->ex, gw_str_from(bytes, (size_t)count));
    return (size_t)count;
}

static void sink_end(void *self)
{
    struct proxy *proxy = self;

    proxy->is_request_ended = true;
    gw_chain_tap_request(proxy->ex, GW_STR(""));
    if (proxy->current->call != NULL)
        gw_http_call_end(proxy->current->call);
}

/* The backend has seen part of a body that will not be completed: its connection is closed. */
static void sink_overflow(void *self)
{
    struct proxy *proxy = self;

    proxy_try_cancel_all(proxy);
    proxy->has_failed = true;
    if (proxy->ex->state != GW_EXCHANGE_DECIDING || proxy->ex->record.upstream_status != 0)
        return; /* the answer came first, and filters may have it: its body is cut short */
    proxy_refuse(proxy, "body-too-large", NULL, 0);
}

static const struct gw_body_sink proxy_sink = {
    .write = sink_write,
    .end = sink_end,
    .overflow = sink_overflow,
};

void proxy_body_begin(struct proxy *proxy)
{
    struct gw_exchange *ex = proxy->ex;

    if (ex->preread.len > 0)
        gw_chain_tap_request(ex, ex->preread);
    if (proxy->is_request_ended) { /* the body went with the head */
        gw_chain_tap_request(ex, GW_STR(""));
        return;
    }
    ex->preread = GW_STR("");
    ex->preread_capacity = 0;
    gw_exchange_set_sink(ex, &proxy_sink, proxy);
}

void proxy_body_resume(struct proxy *proxy)
{
    if (proxy->is_request_ended)
        gw_http_call_end(proxy->current->call);
    else
        gw_exchange_sink_ready(proxy->ex);
}
