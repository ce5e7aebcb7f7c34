/* A client's connection that has switched protocols: bytes to and fro between its socket and the
 * exchange's tunnel, with back-pressure both ways. Each direction has one buffer and reads no more
 * before it is empty.
 *
 * The library's own way of upgrading is not used: over TLS it forwards through a socket pair, and
 * with epoll it forgets bytes there (0.9.75). For it the request is suspended, and its answer never
 * comes. What a client sends before it has the 101 (RFC 6455, section 4.1: it must not) is lost in
 * the library's buffer. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "server/core/buf.h"
#include "server/core/clock.h"
#include "server/http/connection.h"
#include "server/http/http_metrics.h"
#include "server/http/tls_stream.h"
#include "server/http/websocket.h"

#define BUFFER_BYTES (16 * 1024)
#define MAX_ROUNDS 16                           /* in a row, before others have their turn */
#define CLOSE_NS (2 * GW_NS_PER_SECOND)         /* for the client to answer our Close */
#define LONGEST_TICK_NS (60 * GW_NS_PER_SECOND) /* how late a change of the wall clock is seen */

/* Status codes of Close (RFC 6455, section 7.4.1). */
#define CLOSE_GOING_AWAY 1001
#define CLOSE_POLICY 1008

struct flow {
    size_t begin, end;
    bool is_over; /* nothing comes behind what is in it */
    char bytes[BUFFER_BYTES];
};

struct gw_connection_tunnel {
    struct gw_poll *poll;
    uint16_t close_code; /* to be sent at the end of a frame; 0: none */
    bool is_closing;     /* it is in the flow: what the backend says is not passed on any more */
    uint64_t started_ns, moved_ns, closing_ns;
    struct gw_websocket_frames frames; /* to the client */
    struct flow down, up;              /* to the client, to the backend */
};

static struct gw_tunnel *far_end(const struct gw_connection *connection)
{
    return connection->ex->response.tunnel;
}

static uint64_t now_of(const struct gw_connection *connection)
{
    return gw_loop_now_ns(connection->listener->config.loop);
}

/* --- to the client --- */

/* Our Close goes where a frame of the backend has ended; what it says from there on is dropped. */
static void put_close(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    struct flow *down = &tunnel->down;
    uint8_t frame[GW_WEBSOCKET_CLOSE_BYTES];

    if (BUFFER_BYTES - down->end < sizeof(frame))
        return; /* it is full, so it will be empty and this be asked again */
    gw_websocket_write_close(tunnel->close_code, frame);
    memcpy(down->bytes + down->end, frame, sizeof(frame));
    down->end += sizeof(frame);
    tunnel->is_closing = true;
    tunnel->closing_ns = now_of(connection);
    gw_connection_start_deadline(connection, CLOSE_NS);
}

/* Follows the frames in what has just been read; it ends where our Close is to stand. */
static void follow(struct gw_connection_tunnel *tunnel)
{
    struct flow *down = &tunnel->down;
    size_t at = down->begin;

    while (at < down->end) {
        at += gw_websocket_frames_follow(&tunnel->frames,
                                         gw_str_from(down->bytes + at, down->end - at));
        if (tunnel->close_code != 0 && gw_websocket_frames_is_between(&tunnel->frames))
            down->end = at;
    }
}

static bool read_backend(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    struct flow *down = &tunnel->down;

    if (down->begin < down->end || down->is_over)
        return false;
    if (tunnel->close_code != 0 && !tunnel->is_closing &&
        gw_websocket_frames_is_between(&tunnel->frames)) {
        down->begin = down->end = 0;
        put_close(connection);
        return true;
    }
    ssize_t count = far_end(connection)->read(far_end(connection), down->bytes, BUFFER_BYTES);
    if (count == -EAGAIN)
        return false;
    down->begin = down->end = 0;
    if (count <= 0) {
        down->is_over = true;
        return true;
    }
    if (!tunnel->is_closing) {
        down->end = (size_t)count;
        follow(tunnel);
    }
    return true;
}

static ssize_t put(const struct gw_connection *connection, const char *bytes, size_t len)
{
    if (connection->tls_session != NULL)
        return gw_tls_stream_write(connection->tls_session, bytes, len);
    ssize_t count = send(connection->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count < 0 ? -errno : count;
}

static bool write_client(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    struct flow *down = &tunnel->down;

    if (down->begin == down->end)
        return false;
    ssize_t count = put(connection, down->bytes + down->begin, down->end - down->begin);
    if (count == -EAGAIN || count == -EINTR)
        return false;
    if (count < 0) { /* nobody reads it */
        down->begin = down->end;
        down->is_over = tunnel->up.is_over = true;
        return false;
    }
    down->begin += (size_t)count;
    connection->ex->record.response_bytes += (uint64_t)count;
    return count > 0;
}

/* --- to the backend --- */

static ssize_t get(const struct gw_connection *connection, char *out, size_t capacity)
{
    if (connection->tls_session != NULL)
        return gw_tls_stream_read(connection->tls_session, out, capacity);
    ssize_t count = recv(connection->fd, out, capacity, MSG_DONTWAIT);
    return count < 0 ? -errno : count;
}

static bool read_client(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    struct flow *up = &tunnel->up;

    if (up->begin < up->end || up->is_over)
        return false;
    ssize_t count = get(connection, up->bytes, BUFFER_BYTES);
    if (count == -EAGAIN || count == -EINTR)
        return false;
    up->begin = up->end = 0;
    if (count <= 0)
        up->is_over = true;
    else
        up->end = (size_t)count;
    return true;
}

static bool write_backend(struct gw_connection *connection)
{
    struct flow *up = &connection->tunnel->up;

    if (up->begin == up->end)
        return false;
    ssize_t count =
        far_end(connection)->write(far_end(connection), up->bytes + up->begin, up->end - up->begin);
    if (count < 0) {
        up->begin = up->end; /* reading from there tells of the end */
        return true;
    }
    up->begin += (size_t)count;
    connection->ex->record.request_bytes += (uint64_t)count;
    return count > 0;
}

/* --- both --- */

/* Either side has ended, and what it had said is passed on. Half a tunnel is of no use: WebSocket
 * says farewell in its own frames. */
static bool is_over(const struct gw_connection_tunnel *tunnel)
{
    return (tunnel->down.is_over && tunnel->down.begin == tunnel->down.end) ||
           (tunnel->up.is_over && tunnel->up.begin == tunnel->up.end);
}

void gw_connection_end_tunnel(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;

    if (tunnel == NULL)
        return;
    connection->tunnel = NULL;
    connection->listener->tunnel_count--;
    gw_timer_stop(&connection->deadline);
    gw_poll_destroy(tunnel->poll);
    if (connection->tls_session != NULL && !connection->is_shut)
        gw_tls_stream_end(connection->tls_session);
    free(tunnel);
    /* What the client sends now must not reset what it has not read yet. */
    connection->has_unread = true;
    connection->phase = GW_PHASE_WAIT;
    gw_connection_resume(connection); /* the library is told to close */
    gw_async_send(connection->listener->again);
}

static void watch(struct gw_connection *connection, bool has_more)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    bool is_reading = tunnel->up.begin == tunnel->up.end && !tunnel->up.is_over;
    bool is_writing = tunnel->down.begin < tunnel->down.end;

    /* A socket that takes bytes brings the next turn for what is left to do. */
    gw_poll_set(tunnel->poll,
                (is_reading ? GW_POLL_READ : 0) | (is_writing || has_more ? GW_POLL_WRITE : 0));
}

void gw_connection_pump(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    bool has_moved = true;

    for (unsigned round = 0; has_moved && round < MAX_ROUNDS; round++) {
        has_moved = read_backend(connection);
        has_moved |= write_client(connection);
        has_moved |= read_client(connection);
        has_moved |= write_backend(connection);
        if (has_moved)
            tunnel->moved_ns = now_of(connection);
        if (is_over(tunnel)) {
            gw_connection_end_tunnel(connection);
            return;
        }
    }
    watch(connection, has_moved);
}

static void on_events(void *self, int events)
{
    (void)events;
    gw_connection_pump(self);
}

/* --- deadlines --- */

static uint64_t token_left_ns(const struct gw_connection *connection)
{
    uint64_t end_s = connection->ex->identity.expires_at_s;
    uint64_t now_s = gw_clock_realtime_ns() / GW_NS_PER_SECOND;

    if (end_s == 0)
        return UINT64_MAX;
    return end_s <= now_s ? 0 : (end_s - now_s) * GW_NS_PER_SECOND;
}

static uint64_t left_of(uint64_t limit_ns, uint64_t since_ns, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - since_ns;

    return limit_ns == 0 ? UINT64_MAX : passed_ns >= limit_ns ? 0 : limit_ns - passed_ns;
}

void gw_connection_close_tunnel(struct gw_connection *connection, uint16_t code)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;

    if (tunnel->close_code != 0)
        return;
    tunnel->close_code = code;
    tunnel->closing_ns = now_of(connection);
    gw_connection_start_deadline(connection, CLOSE_NS);
    gw_connection_pump(connection);
}

void gw_connection_drain_tunnel(struct gw_connection *connection)
{
    gw_connection_close_tunnel(connection, CLOSE_GOING_AWAY);
}

void gw_connection_tick_tunnel(struct gw_connection *connection)
{
    struct gw_connection_tunnel *tunnel = connection->tunnel;
    uint64_t now_ns = now_of(connection);
    uint64_t token_ns = token_left_ns(connection);
    uint64_t idle_ns = left_of(far_end(connection)->idle_ns, tunnel->moved_ns, now_ns);
    uint64_t total_ns = left_of(far_end(connection)->total_ns, tunnel->started_ns, now_ns);

    if (tunnel->close_code != 0) { /* it has had its time */
        gw_connection_end_tunnel(connection);
        return;
    }
    if (token_ns == 0 || idle_ns == 0 || total_ns == 0) {
        gw_connection_count(connection, token_ns == 0  ? &gw_http_expired_streams
                                        : idle_ns == 0 ? &gw_http_idle_tunnels
                                                       : &gw_http_old_tunnels);
        gw_connection_close_tunnel(connection, token_ns == 0 ? CLOSE_POLICY : CLOSE_GOING_AWAY);
        return;
    }
    uint64_t next_ns = token_ns < idle_ns ? token_ns : idle_ns;
    if (total_ns < next_ns)
        next_ns = total_ns;
    gw_connection_start_deadline(connection, next_ns < LONGEST_TICK_NS ? next_ns : LONGEST_TICK_NS);
}

/* --- the beginning --- */

/* The answer's head goes ahead of what the backend says. False: there is no room for it. */
static bool write_head(const struct gw_connection *connection, struct flow *down)
{
    const struct gw_exchange *ex = connection->ex;
    struct gw_buf text;

    gw_buf_init(&text, BUFFER_BYTES);
    gw_buf_append_text(&text, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n");
    gw_buf_printf(&text, "X-Request-Id: %.*s\r\n", GW_STR_ARG(ex->record.request_id));
    for (size_t i = 0; i < ex->response.field_count; i++) {
        const struct gw_field *field = &ex->response.fields[i];
        gw_buf_printf(&text, "%.*s: %.*s\r\n", GW_STR_ARG(field->name), GW_STR_ARG(field->value));
    }
    gw_buf_append_text(&text, "\r\n");
    bool is_whole = !text.has_failed;
    if (is_whole) {
        memcpy(down->bytes, text.ptr, text.len);
        down->end = text.len;
    }
    gw_buf_finish(&text);
    return is_whole;
}

bool gw_connection_begin_tunnel(struct gw_connection *connection)
{
    const struct gw_listener_config *config = &connection->listener->config;
    struct gw_connection_tunnel *tunnel = calloc(1, sizeof(*tunnel));

    if (tunnel == NULL || !write_head(connection, &tunnel->down) ||
        gw_poll_create(config->loop, connection->fd, on_events, connection, &tunnel->poll) != 0) {
        free(tunnel);
        return false;
    }
    tunnel->started_ns = tunnel->moved_ns = now_of(connection);
    connection->tunnel = tunnel;
    connection->phase = GW_PHASE_TUNNEL;
    connection->is_answered_raw = true; /* the library will not be told of the answer */
    connection->listener->tunnel_count++;
    gw_connection_suspend(connection);
    if (config->handler->detach != NULL)
        config->handler->detach(config->handler_self, connection->ex);
    gw_poll_set(tunnel->poll, GW_POLL_WRITE); /* the first turn */
    if (connection->listener->is_draining)
        gw_connection_drain_tunnel(connection);
    else
        gw_connection_tick_tunnel(connection);
    return true;
}
