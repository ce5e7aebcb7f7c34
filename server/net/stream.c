#include "server/net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/core/clock.h"
#include "server/core/error.h"
#include "server/net/connector.h"
#include "server/net/loop.h"
#include "server/net/resolver.h"
#include "server/net/tls.h"

#define DEFAULT_CONNECT_NS (5 * GW_NS_PER_SECOND)
#define MAX_PIECES 16

enum state { CONNECTING, HANDSHAKING, OPEN, BROKEN };

struct gw_stream {
    struct gw_loop *loop;
    const struct gw_stream_events *events;
    void *self;
    enum state state;
    bool is_reading;
    bool wants_write; /* the writer waits for on_writable */
    bool is_calling;  /* in an event: close leaves the freeing to it */
    bool is_closed;
    int fd; /* -1 while connecting */
    struct gw_poll *poll;
    struct gw_tls_wire *wire; /* NULL: plain */

    struct gw_connector *connector; /* while connecting */
    bool (*is_forbidden)(void *self, const struct sockaddr *address);
    struct gw_tls *tls;
    struct gw_timer deadline;    /* while opening */
    struct gw_timer input_timer; /* for bytes that TLS holds: no poll tells of them */
    char server_name[GW_RESOLVER_MAX_NAME_BYTES + 1];
};

bool gw_stream_is_open(const struct gw_stream *stream)
{
    return stream->state == OPEN;
}

static void stop(struct gw_stream *stream)
{
    gw_timer_stop(&stream->deadline);
    gw_timer_stop(&stream->input_timer);
    gw_connector_destroy(stream->connector);
    stream->connector = NULL;
    gw_poll_destroy(stream->poll);
    stream->poll = NULL;
    gw_tls_wire_destroy(stream->wire);
    stream->wire = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

void gw_stream_close(struct gw_stream *stream)
{
    if (stream == NULL)
        return;
    stop(stream);
    stream->is_closed = true;
    if (!stream->is_calling)
        free(stream);
}

/* Around each event out of the loop: the receiver may close the stream in any callback. */
static void leave(struct gw_stream *stream)
{
    stream->is_calling = false;
    if (stream->is_closed)
        free(stream);
}

static void set_poll(struct gw_stream *stream)
{
    int events = 0;

    if (stream->is_reading || stream->state == HANDSHAKING)
        events |= GW_POLL_READ;
    if (stream->wants_write || (stream->wire != NULL && gw_tls_wire_has_output(stream->wire)))
        events |= GW_POLL_WRITE;
    gw_poll_set(stream->poll, events);
}

static void fail(struct gw_stream *stream, enum gw_stream_failure reason, const char *detail)
{
    stop(stream);
    stream->state = BROKEN;
    stream->events->on_closed(stream->self, reason, detail);
}

static void become_open(struct gw_stream *stream)
{
    gw_timer_stop(&stream->deadline);
    stream->state = OPEN;
    set_poll(stream);
    stream->events->on_open(stream->self);
}

static void on_input_timer(struct gw_timer *timer)
{
    struct gw_stream *stream = GW_CONTAINER_OF(timer, struct gw_stream, input_timer);

    stream->is_calling = true;
    if (stream->is_reading)
        stream->events->on_readable(stream->self);
    leave(stream);
}

static void handshake(struct gw_stream *stream)
{
    struct gw_error error;
    int status = gw_tls_wire_handshake(stream->wire, &error);

    if (status == -EAGAIN) {
        set_poll(stream);
        return;
    }
    if (status != 0) {
        fail(stream, GW_STREAM_UNTRUSTED, error.text);
        return;
    }
    if (gw_tls_wire_has_input(stream->wire))
        gw_timer_start(stream->loop, &stream->input_timer, 0, on_input_timer);
    become_open(stream);
}

static void on_open_events(struct gw_stream *stream, int events)
{
    if ((events & GW_POLL_READ) != 0 && stream->is_reading) {
        stream->events->on_readable(stream->self);
        if (stream->is_closed)
            return;
    }
    if ((events & GW_POLL_WRITE) == 0)
        return;
    if (stream->wire != NULL && gw_tls_wire_flush(stream->wire) == -EAGAIN)
        return;
    bool has_waiter = stream->wants_write;

    stream->wants_write = false;
    set_poll(stream);
    if (has_waiter)
        stream->events->on_writable(stream->self);
}

static void on_poll(void *self, int events)
{
    struct gw_stream *stream = self;

    stream->is_calling = true;
    if (stream->state == HANDSHAKING)
        handshake(stream);
    else if (stream->state == OPEN)
        on_open_events(stream, events);
    leave(stream);
}

static int take_socket(struct gw_stream *stream, int fd)
{
    stream->fd = fd;
    int status = gw_poll_create(stream->loop, fd, on_poll, stream, &stream->poll);

    if (status == 0 && stream->tls != NULL)
        status = gw_tls_wire_create(stream->tls, fd, gw_str_of(stream->server_name), &stream->wire);
    return status;
}

static void on_connected(void *self, int fd)
{
    struct gw_stream *stream = self;

    stream->is_calling = true;
    gw_connector_destroy(stream->connector);
    stream->connector = NULL;
    int status = take_socket(stream, fd);
    if (status != 0) {
        fail(stream, stream->poll == NULL ? GW_STREAM_UNREACHABLE : GW_STREAM_UNTRUSTED,
             strerror(-status));
    } else if (stream->wire != NULL) {
        stream->state = HANDSHAKING;
        handshake(stream);
    } else {
        become_open(stream);
    }
    leave(stream);
}

static void on_connect_failed(void *self, enum gw_stream_failure reason, const char *detail)
{
    struct gw_stream *stream = self;
    struct gw_error copy; /* the text is the connector's, which goes first */

    gw_error_set(&copy, 0, "%s", detail);
    stream->is_calling = true;
    fail(stream, reason, copy.text);
    leave(stream);
}

static const struct gw_connector_events connector_events = {on_connected, on_connect_failed};

static void on_deadline(struct gw_timer *timer)
{
    struct gw_stream *stream = GW_CONTAINER_OF(timer, struct gw_stream, deadline);
    const char *step = stream->connector != NULL ? gw_connector_step(stream->connector)
                                                 : "TLS was not agreed upon in time";

    stream->is_calling = true;
    fail(stream, GW_STREAM_UNREACHABLE, step);
    leave(stream);
}

static bool is_forbidden(void *self, const struct sockaddr *address)
{
    struct gw_stream *stream = self;

    return stream->is_forbidden != NULL && stream->is_forbidden(stream->self, address);
}

int gw_stream_open(struct gw_loop *loop, const struct gw_stream_config *config,
                   const struct gw_stream_events *events, void *self, struct gw_stream **out_stream)
{
    struct gw_str name = config->server_name.len > 0 ? config->server_name : config->host;
    struct gw_stream_config guarded = *config;

    if (name.len > GW_RESOLVER_MAX_NAME_BYTES)
        return -EINVAL;
    struct gw_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return -ENOMEM;
    stream->loop = loop;
    stream->events = events;
    stream->self = self;
    stream->fd = -1;
    stream->is_reading = true;
    stream->tls = config->tls;
    stream->is_forbidden = config->is_forbidden;
    if (name.len > 0)
        memcpy(stream->server_name, name.ptr, name.len);

    guarded.is_forbidden = is_forbidden;
    int status = gw_connector_start(loop, &guarded, &connector_events, stream, &stream->connector);
    if (status != 0) {
        free(stream);
        return status;
    }
    gw_timer_start(loop, &stream->deadline,
                   config->connect_ns != 0 ? config->connect_ns : DEFAULT_CONNECT_NS, on_deadline);
    *out_stream = stream;
    return 0;
}

ssize_t gw_stream_read(struct gw_stream *stream, char *out, size_t capacity)
{
    if (GW_UNLIKELY(stream->state != OPEN))
        return -ENOTCONN;
    if (stream->wire != NULL) {
        ssize_t count = gw_tls_wire_read(stream->wire, out, capacity);

        if (count == (ssize_t)capacity && gw_tls_wire_has_input(stream->wire) && stream->is_reading)
            gw_timer_start(stream->loop, &stream->input_timer, 0, on_input_timer);
        if (gw_tls_wire_has_output(stream->wire)) /* an answer to a key update */
            set_poll(stream);
        return count;
    }
    for (;;) {
        ssize_t count = recv(stream->fd, out, capacity, 0);

        if (GW_LIKELY(count >= 0))
            return count;
        if (errno != EINTR)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
}

static ssize_t write_plain(struct gw_stream *stream, const struct iovec *pieces, int piece_count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                             .msg_iovlen = (size_t)piece_count};

    for (;;) {
        ssize_t count = piece_count == 1 /* the usual case, and the cheaper call */
                            ? send(stream->fd, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                            : sendmsg(stream->fd, &message, MSG_NOSIGNAL);

        if (GW_LIKELY(count >= 0))
            return count;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

ssize_t gw_stream_write(struct gw_stream *stream, const struct iovec *pieces, int piece_count)
{
    size_t given = 0;

    if (GW_UNLIKELY(stream->state != OPEN))
        return -ENOTCONN;
    if (piece_count < 0 || piece_count > MAX_PIECES)
        return -EINVAL;
    for (int at = 0; at < piece_count; at++)
        given += pieces[at].iov_len;
    ssize_t taken = stream->wire != NULL ? gw_tls_wire_write(stream->wire, pieces, piece_count)
                                         : write_plain(stream, pieces, piece_count);
    bool wants_write = taken >= 0 && (size_t)taken < given;

    if (wants_write != stream->wants_write || stream->wire != NULL) {
        stream->wants_write = wants_write;
        set_poll(stream);
    }
    return taken;
}

void gw_stream_ask_writable(struct gw_stream *stream)
{
    if (stream->state != OPEN)
        return;
    stream->wants_write = true;
    set_poll(stream);
}

void gw_stream_set_reading(struct gw_stream *stream, bool is_reading)
{
    if (stream->is_reading == is_reading)
        return;
    stream->is_reading = is_reading;
    if (stream->state != OPEN)
        return;
    set_poll(stream);
    if (is_reading && stream->wire != NULL && gw_tls_wire_has_input(stream->wire))
        gw_timer_start(stream->loop, &stream->input_timer, 0, on_input_timer);
}
