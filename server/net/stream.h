/* A byte stream to a peer: TCP or unix-domain, plain or TLS, behind one interface.
 *
 * Outgoing connections only. A stream belongs to its loop's thread. Nothing is called back from
 * within gw_stream_open(), gw_stream_read(), gw_stream_write() or gw_stream_close(); any function,
 * also gw_stream_close(), may be called from within a callback. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_loop;
struct gw_resolver;
struct gw_stream;
struct gw_tls;
struct sockaddr;

enum gw_stream_failure {
    GW_STREAM_UNRESOLVED,  /* the name does not resolve */
    GW_STREAM_UNREACHABLE, /* no address could be connected to in time, or all are forbidden */
    GW_STREAM_UNTRUSTED,   /* TLS failed: certificate, name or protocol */
};

struct gw_stream_events {
    /* Connected, and TLS is agreed upon: the stream may be written and read. */
    void (*on_open)(void *self);
    /* There are bytes, or the end, or an error: gw_stream_read() tells. Follows every read that
     * filled less than its room (or none yet), as soon as there is more. */
    void (*on_readable)(void *self);
    /* Bytes are taken again, after a write that took fewer than given. */
    void (*on_writable)(void *self);
    /* It could not be opened; `detail` is for the operator. Close it. Not called once it is open:
     * from then on read and write tell of errors. */
    void (*on_closed)(void *self, enum gw_stream_failure reason, const char *detail);
};

/* Borrowed during the open call. */
struct gw_stream_config {
    struct gw_str unix_path; /* connects there when not empty; else to host and port */
    struct gw_str host;      /* name or address, without brackets */
    uint16_t port;
    struct gw_resolver *resolver; /* for names; must outlive the stream. NULL: addresses only */
    struct gw_tls *tls;           /* NULL: plain */
    struct gw_str server_name;    /* for TLS: SNI and verification; empty: host */
    uint64_t connect_ns;          /* name look-up, connect and TLS together; 0: 5 s */
    /* Refuses an address after resolution; NULL: none is refused (own services on loopback, say).
     */
    bool (*is_forbidden)(void *self, const struct sockaddr *address);
};

/* Begins to open a stream; on_open or on_closed follows. Returns 0, -ENOMEM, or -EINVAL (a path or
 * name too long). `events` is borrowed until close. */
GW_MUST_CHECK
int gw_stream_open(struct gw_loop *loop, const struct gw_stream_config *config,
                   const struct gw_stream_events *events, void *self,
                   struct gw_stream **out_stream);

/* Closes at once, what has not been taken by the kernel is lost. No callback comes after. NULL is
 * safe. */
void gw_stream_close(struct gw_stream *stream);

/* Reads what there is, up to `capacity`: the number of bytes; 0 at the peer's end; -EAGAIN if there
 * is nothing yet; another negative errno once it is broken (with TLS also -ECONNRESET for an end
 * without close_notify, which may be a truncation). */
GW_MUST_CHECK
ssize_t gw_stream_read(struct gw_stream *stream, char *out, size_t capacity);

/* Writes at once what is taken: the number of bytes, or a negative errno once it is broken (never
 * -EAGAIN: that is 0). Fewer than given means: on_writable follows. At most 16 pieces. */
GW_MUST_CHECK
ssize_t gw_stream_write(struct gw_stream *stream, const struct iovec *pieces, int piece_count);

/* Has on_writable called as soon as bytes are taken, also when no write has been cut short. */
void gw_stream_ask_writable(struct gw_stream *stream);

/* Whether on_readable is called; at first it is. To hold a peer back, not for every pause. */
void gw_stream_set_reading(struct gw_stream *stream, bool is_reading);

bool gw_stream_is_open(const struct gw_stream *stream);
