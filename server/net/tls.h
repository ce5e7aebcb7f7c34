/* TLS, client side: 1.2 or later, certificate and name verified (RFC 9525), SNI sent, sessions
 * resumed. OpenSSL is behind it.
 *
 * A gw_tls holds what many connections share: trust, own certificate, the last session. A
 * gw_tls_wire is one connection over a non-blocking socket that stays the caller's; it never blocks
 * and never raises SIGPIPE. All of one gw_tls on one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_tls;
struct gw_tls_wire;

struct gw_tls_config {
    struct gw_str ca_pem;                          /* trusted instead of the system's store */
    struct gw_str client_cert_pem, client_key_pem; /* both or none; the chain may follow */
};

GW_MUST_CHECK
int gw_tls_create(const struct gw_tls_config *config, struct gw_tls **out_tls,
                  struct gw_error *error);
/* Wires may outlive it, and so may streams once they are open. NULL is safe. */
void gw_tls_destroy(struct gw_tls *tls);

/* `server_name` is a DNS name or an address in text. Returns 0, -ENOMEM or -EINVAL. */
GW_MUST_CHECK
int gw_tls_wire_create(struct gw_tls *tls, int fd, struct gw_str server_name,
                       struct gw_tls_wire **out_wire);
/* Sends close_notify if that is possible at once. NULL is safe. */
void gw_tls_wire_destroy(struct gw_tls_wire *wire);

/* Goes on with the handshake: 0 once done, -EAGAIN (wait for reading, and for writing if
 * gw_tls_wire_has_output()), or -EPROTO, -ECONNRESET, -ENOMEM with the reason. */
GW_MUST_CHECK
int gw_tls_wire_handshake(struct gw_tls_wire *wire, struct gw_error *error);

/* As gw_stream_read() and gw_stream_write(). */
GW_MUST_CHECK
ssize_t gw_tls_wire_read(struct gw_tls_wire *wire, char *out, size_t capacity);
GW_MUST_CHECK
ssize_t gw_tls_wire_write(struct gw_tls_wire *wire, const struct iovec *pieces, int piece_count);

/* Whether records wait for the socket to take them: poll for writing, then flush. */
bool gw_tls_wire_has_output(const struct gw_tls_wire *wire);
/* Returns 0 when all is out, -EAGAIN, or another negative errno. */
GW_MUST_CHECK
int gw_tls_wire_flush(struct gw_tls_wire *wire);

/* Whether decrypted or undecrypted bytes are held that no poll will tell of. */
bool gw_tls_wire_has_input(const struct gw_tls_wire *wire);

/* Whether this connection resumed an earlier session. */
bool gw_tls_wire_is_resumed(const struct gw_tls_wire *wire);
