#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server/core/clock.h"
#include "server/net/http_client_parts.h"
#include "server/net/stream.h"

#define CONTINUE_NS (1 * GW_NS_PER_SECOND)
#define DEFAULT_FIRST_BYTE_NS (30 * GW_NS_PER_SECOND)
#define DEFAULT_IDLE_NS (30 * GW_NS_PER_SECOND)
#define MAX_HEAD_BYTES 65536
#define MAX_CHUNK_BYTES 32768
#define CHUNK_FRAME_BYTES 24

/* --- the end of a call --- */

/* Takes the call out of everything but its memory. Its connection is gone already. */
static void detach(struct gw_http_call *call)
{
    http_pool_leave(call);
    gw_timer_stop(&call->wait_timer);
    gw_timer_stop(&call->total_timer);
    http_input_give(call->origin->client, call->input);
    call->input = NULL;
}

static void drop_call(struct gw_http_call *call)
{
    struct gw_http_origin *origin = call->origin;

    gw_list_remove(&call->live);
    origin->upgrade_count -= call->asks_websocket;
    http_call_give(origin->client, call);
    origin->call_count--;
    http_origin_reap(origin);
}

static void count_failure(struct gw_http_call *call)
{
    call->origin->stats.failures++;
    call->origin->stats.last_failure_ns = gw_loop_now_ns(call->origin->client->loop);
}

void http_call_fail(struct gw_http_call *call, enum gw_http_failure failure, const char *detail)
{
    count_failure(call);
    detach(call);
    if (call->connection != NULL)
        http_pool_put(call, false);
    call->events.on_failure(call->self, failure, detail);
    drop_call(call);
}

void http_call_fail_soon(struct gw_http_call *call, enum gw_http_failure failure,
                         const char *detail)
{
    detach(call);
    if (call->connection != NULL)
        http_pool_put(call, false);
    call->failure = failure;
    call->failure_detail = detail;
    call->wait = HTTP_WAIT_REPORT;
    http_call_watch(call, true);
}

void http_call_finish(struct gw_http_call *call)
{
    bool is_reusable = call->is_sent && call->is_persistent && call->framing != GW_HTTP_BY_CLOSE &&
                       !call->is_body_dropped && http_answer_was_last(call);

    call->origin->stats.last_success_ns = gw_loop_now_ns(call->origin->client->loop);
    detach(call);
    http_pool_put(call, is_reusable);
    drop_call(call);
}

void gw_http_call_cancel(struct gw_http_call *call)
{
    if (call == NULL)
        return;
    bool is_clean = call->has_head && call->connection != NULL && http_answer_is_whole(call);

    if (is_clean) {
        call->input->begin = call->input->end;
        http_call_finish(call);
        return;
    }
    detach(call);
    if (call->connection != NULL)
        http_pool_put(call, false);
    drop_call(call);
}

/* --- deadlines --- */

static const struct {
    enum gw_http_failure failure;
    const char *detail;
} expiries[] = {
    [HTTP_WAIT_CONNECTION] = {GW_HTTP_OVERLOADED, "no connection came free in time"},
    [HTTP_WAIT_WRITE] = {GW_HTTP_TIMED_OUT, "the peer stopped taking the request"},
    [HTTP_WAIT_HEAD] = {GW_HTTP_TIMED_OUT, "no answer came in time"},
    [HTTP_WAIT_BODY] = {GW_HTTP_TIMED_OUT, "the answer's body stalled"},
};

static void on_wait_timer(struct gw_timer *timer)
{
    struct gw_http_call *call = GW_CONTAINER_OF(timer, struct gw_http_call, wait_timer);

    switch (call->wait) {
    case HTTP_WAIT_REPORT:
        http_call_fail(call, call->failure, call->failure_detail);
        break;
    case HTTP_WAIT_CONTINUE: /* RFC 9110 section 10.1.1: do not wait for ever */
        http_call_release_body(call);
        break;
    case HTTP_WAIT_CONNECTION:
        if (call->origin->connection_count == call->origin->opening_count) {
            http_call_fail(call, GW_HTTP_UNREACHABLE, "no connection was established in time");
            break;
        }
        /* fall through */
    default:
        http_call_fail(call, expiries[call->wait].failure, expiries[call->wait].detail);
        break;
    }
}

static void on_total_timer(struct gw_timer *timer)
{
    struct gw_http_call *call = GW_CONTAINER_OF(timer, struct gw_http_call, total_timer);

    if (call->wait == HTTP_WAIT_REPORT)
        http_call_fail(call, call->failure, call->failure_detail);
    else
        http_call_fail(call, GW_HTTP_TIMED_OUT, "the call took longer than it may in all");
}

static enum http_wait wanted_wait(const struct gw_http_call *call, uint64_t *out_ns)
{
    *out_ns = 0;
    if (call->wait == HTTP_WAIT_REPORT)
        return HTTP_WAIT_REPORT;
    if (call->connection == NULL) {
        *out_ns = call->origin->config.connect_ns;
        return HTTP_WAIT_CONNECTION;
    }
    if (call->is_held) {
        *out_ns = CONTINUE_NS;
        return HTTP_WAIT_CONTINUE;
    }
    if (call->is_upgraded) /* who asked for it keeps the time */
        return HTTP_WAIT_NONE;
    *out_ns = call->idle_ns;
    if (call->has_head)
        return call->wants_readable ? HTTP_WAIT_BODY : HTTP_WAIT_NONE;
    if (!call->is_sent && !call->is_body_dropped)
        return call->wants_writable || call->out_sent < call->out.len ? HTTP_WAIT_WRITE
                                                                      : HTTP_WAIT_NONE;
    *out_ns = call->first_byte_ns;
    return HTTP_WAIT_HEAD;
}

void http_call_watch(struct gw_http_call *call, bool has_progressed)
{
    uint64_t after_ns;
    enum http_wait wait = wanted_wait(call, &after_ns);

    if (wait == call->wait && !has_progressed)
        return;
    call->wait = wait;
    if (wait == HTTP_WAIT_NONE)
        gw_timer_stop(&call->wait_timer);
    else
        gw_timer_start(call->origin->client->loop, &call->wait_timer, after_ns, on_wait_timer);
}

/* --- sending --- */

static void check_sent(struct gw_http_call *call)
{
    if (call->is_sent || !call->is_given || call->is_held || call->connection == NULL ||
        call->out_sent < call->out.len)
        return;
    call->is_sent = true;
    call->times.sent_ns = gw_loop_now_ns(call->origin->client->loop);
}

/* What is left of the request is not sent; the connection cannot be used again. */
void http_call_drop_body(struct gw_http_call *call)
{
    if (call->is_sent)
        return;
    call->is_body_dropped = true;
    call->is_held = false;
    call->out_sent = call->out.len;
}

/* Keeps the part of `pieces` behind the first `taken` bytes. */
static void keep_rest(struct gw_http_call *call, const struct iovec *pieces, int piece_count,
                      size_t taken)
{
    if (piece_count > 0 && call->out_sent == call->out.len) {
        gw_buf_clear(&call->out);
        call->out_sent = call->head_len = 0;
    }
    for (int at = 0; at < piece_count; at++) {
        size_t skip = taken < pieces[at].iov_len ? taken : pieces[at].iov_len;

        taken -= skip;
        gw_buf_append(&call->out, (const char *)pieces[at].iov_base + skip,
                      pieces[at].iov_len - skip);
    }
}

static size_t unsent(const struct gw_http_call *call)
{
    return (call->is_held ? call->head_len : call->out.len) - call->out_sent;
}

/* A broken connection is not reported by who writes: what the peer said before it broke is still to
 * be read. But the kernel tells of a reset once, here, and then lets reads end as if the peer had
 * closed in order, though bytes were lost. Where it had closed before, the write says EPIPE. */
static void note_breach(struct gw_http_call *call, int status)
{
    call->is_reset |= status != -EPIPE;
    http_call_drop_body(call);
}

/* Sends `pieces` behind what is still unsent, as far as the socket takes them; the rest is kept. */
static void send_pieces(struct gw_http_call *call, const struct iovec *pieces, int piece_count)
{
    struct iovec all[4] = {{call->out.ptr + call->out_sent, unsent(call)}};
    size_t backlog = all[0].iov_len, taken = 0;

    assert(piece_count < (int)GW_COUNT_OF(all));
    if (call->connection != NULL) {
        int sent_count = call->is_held ? 0 : piece_count;

        if (sent_count > 0)
            memcpy(&all[1], pieces, (size_t)sent_count * sizeof(*pieces));
        int skip = backlog == 0 && sent_count > 0 ? 1 : 0;
        ssize_t status =
            gw_stream_write(call->connection->stream, all + skip, sent_count + 1 - skip);
        if (status < 0) {
            note_breach(call, (int)status);
            return;
        }
        taken = (size_t)status;
    }
    call->was_sent |= taken > 0;
    call->out_sent += taken < backlog ? taken : backlog;
    keep_rest(call, pieces, piece_count, taken < backlog ? 0 : taken - backlog);
    if (call->out.has_failed)
        http_call_fail_soon(call, GW_HTTP_NO_MEMORY, "no memory for the request");
    else
        http_call_watch(call, taken > 0);
}

static void frame_chunk(const char *bytes, size_t len, char frame[CHUNK_FRAME_BYTES],
                        struct iovec out_pieces[3])
{
    int frame_len = snprintf(frame, CHUNK_FRAME_BYTES, "%zx\r\n", len);

    out_pieces[0] = (struct iovec){frame, (size_t)frame_len};
    out_pieces[1] = (struct iovec){(char *)(uintptr_t)bytes, len};
    out_pieces[2] = (struct iovec){(char *)(uintptr_t) "\r\n", 2};
}

static void give(struct gw_http_call *call, const char *bytes, size_t len)
{
    char frame[CHUNK_FRAME_BYTES];
    struct iovec pieces[3] = {{(char *)(uintptr_t)bytes, len}};

    if (len == 0) {
        send_pieces(call, NULL, 0);
    } else if (call->is_chunked) {
        frame_chunk(bytes, len, frame, pieces);
        send_pieces(call, pieces, 3);
    } else {
        send_pieces(call, pieces, 1);
    }
}

/* Straight from the caller's bytes into the socket; what it does not take stays the caller's. */
static ssize_t give_uncopied(struct gw_http_call *call, const char *bytes, size_t len)
{
    struct iovec piece = {(char *)(uintptr_t)bytes, len};
    ssize_t taken = gw_stream_write(call->connection->stream, &piece, 1);

    if (taken < 0) {
        note_breach(call, (int)taken);
        return (ssize_t)len;
    }
    call->was_sent |= taken > 0;
    return taken;
}

ssize_t gw_http_call_write(struct gw_http_call *call, const char *bytes, size_t len)
{
    ssize_t taken;

    if (call->is_given && len > 0 && !call->is_body_dropped)
        return -EINVAL;
    if (!call->is_chunked && len > call->body_left)
        return -EINVAL;
    if (len == 0)
        return 0;
    if (call->is_body_dropped) {
        taken = (ssize_t)len;
    } else if (call->connection == NULL || call->is_held || call->out_sent < call->out.len) {
        taken = 0;
    } else if (call->is_chunked) {
        taken = (ssize_t)(len < MAX_CHUNK_BYTES ? len : MAX_CHUNK_BYTES);
        give(call, bytes, (size_t)taken);
    } else {
        taken = give_uncopied(call, bytes, len);
    }
    if (!call->is_chunked) {
        call->body_left -= (size_t)taken;
        call->is_given = call->body_left == 0;
    }
    if (call->wait == HTTP_WAIT_REPORT)
        return taken;
    call->wants_writable = (size_t)taken < len;
    if (call->wants_writable && call->connection != NULL && !call->is_held)
        gw_stream_ask_writable(call->connection->stream);
    check_sent(call);
    http_call_watch(call, taken > 0);
    return taken;
}

void gw_http_call_end(struct gw_http_call *call)
{
    static const struct iovec last_chunk = {(char *)(uintptr_t) "0\r\n\r\n", 5};

    if (call->is_given)
        return;
    call->is_given = true;
    if (!call->is_chunked) { /* cut short by the caller: the peer must not take it for whole */
        http_call_drop_body(call);
        return;
    }
    if (!call->is_body_dropped && call->wait != HTTP_WAIT_REPORT)
        send_pieces(call, &last_chunk, 1);
    check_sent(call);
    http_call_watch(call, true);
}

void http_call_on_writable(struct gw_http_call *call)
{
    if (unsent(call) > 0)
        send_pieces(call, NULL, 0);
    if (call->connection == NULL || unsent(call) > 0)
        return;
    check_sent(call);
    bool has_waiter = call->wants_writable && !call->is_held;

    if (has_waiter)
        call->wants_writable = false;
    http_call_watch(call, true);
    if (has_waiter && call->events.on_writable != NULL)
        call->events.on_writable(call->self);
}

void http_call_release_body(struct gw_http_call *call)
{
    if (!call->is_held)
        return;
    call->is_held = false;
    send_pieces(call, NULL, 0);
    check_sent(call);
    http_call_watch(call, true);
    if (call->wants_writable && call->connection != NULL)
        gw_stream_ask_writable(call->connection->stream);
}

void http_call_attach(struct gw_http_call *call, struct http_connection *connection)
{
    call->connection = connection;
    call->times.connected_ns = gw_loop_now_ns(call->origin->client->loop);
    call->times.is_reused = connection->is_used;
    call->origin->stats.reused += connection->is_used;
    if (gw_list_is_empty(&call->live)) /* still in gw_http_call_start(), which sends */
        return;
    send_pieces(call, NULL, 0);
    check_sent(call);
    http_call_watch(call, true);
    if (call->wants_writable && call->connection != NULL)
        gw_stream_ask_writable(call->connection->stream);
}

/* --- starting --- */

static void read_request(struct gw_http_call *call, const struct gw_http_request *request)
{
    call->is_to_head = gw_str_equal(request->method, GW_STR("HEAD"));
    call->is_chunked = request->body_bytes == GW_HTTP_CHUNKED;
    call->is_replayable = request->is_replayable && request->body_bytes == 0;
    call->is_held = request->expects_continue && request->body_bytes != 0;
    call->first_byte_ns =
        request->first_byte_ns != 0 ? request->first_byte_ns : DEFAULT_FIRST_BYTE_NS;
    call->idle_ns = request->idle_ns != 0 ? request->idle_ns : DEFAULT_IDLE_NS;
    if (!call->is_chunked) {
        call->body_left = (uint64_t)request->body_bytes - request->body.len;
        call->is_given = call->body_left == 0;
    }
}

static void send_first(struct gw_http_call *call, struct gw_str body)
{
    call->head_len = call->out.len;
    if (call->wait == HTTP_WAIT_REPORT)
        return;
    if (body.len > 0 || call->connection != NULL)
        give(call, body.ptr, body.len);
    check_sent(call);
    http_call_watch(call, true);
}

int gw_http_call_start(struct gw_http_origin *origin, const struct gw_http_request *request,
                       const struct gw_http_call_events *events, void *self,
                       struct gw_http_call **out_call)
{
    struct gw_http_client *client = origin->client;
    if (request->asks_websocket && origin->upgrade_count >= origin->config.max_upgraded)
        return -EBUSY;
    struct gw_http_call *call = http_call_take(client);
    if (call == NULL)
        return -ENOMEM;
    call->out.max_bytes = MAX_HEAD_BYTES + MAX_CHUNK_BYTES + CHUNK_FRAME_BYTES + request->body.len;
    int status = http_head_write(&call->out, request, origin->authority);
    if (status != 0) {
        http_call_give(client, call);
        return status;
    }
    call->origin = origin;
    call->events = *events;
    call->self = self;
    call->times.started_ns = gw_loop_now_ns(client->loop);
    read_request(call, request);
    call->asks_websocket = request->asks_websocket;
    origin->upgrade_count += call->asks_websocket;
    origin->call_count++;
    origin->stats.calls++;
    if (request->total_ns != 0)
        gw_timer_start(client->loop, &call->total_timer, request->total_ns, on_total_timer);
    if (http_pool_get(call) != 0)
        http_call_fail_soon(call, GW_HTTP_OVERLOADED, "too many calls wait for a connection");
    gw_list_append(&client->calls, &call->live);
    send_first(call, request->body);
    *out_call = call;
    return 0;
}

void gw_http_call_prolong(struct gw_http_call *call, uint64_t idle_ns, uint64_t total_ns)
{
    call->idle_ns = idle_ns;
    if (total_ns != 0)
        gw_timer_start(call->origin->client->loop, &call->total_timer, total_ns, on_total_timer);
    else
        gw_timer_stop(&call->total_timer);
    http_call_watch(call, true);
}

bool gw_http_call_was_sent(const struct gw_http_call *call)
{
    return call->was_sent;
}

void gw_http_call_get_times(const struct gw_http_call *call, struct gw_http_call_times *out_times)
{
    *out_times = call->times;
}
