/* Bytes over a TLS session of the library's, for a connection that the library is not to touch: one
 * whose protocol is switched. `session` is GnuTLS' own. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "server/core/attr.h"

/* The number of bytes; 0 at the peer's end; -EAGAIN; another negative errno once it is broken. What
 * is not asked for stays in the session, where no poll sees it: read until -EAGAIN. */
GW_MUST_CHECK
ssize_t gw_tls_stream_read(void *session, char *out, size_t capacity);

/* The number of bytes taken, -EAGAIN (then the same bytes are to be given again), or another
 * negative errno. */
GW_MUST_CHECK
ssize_t gw_tls_stream_write(void *session, const char *bytes, size_t len);

/* Tells the peer that nothing more comes, if the socket takes it at once. */
void gw_tls_stream_end(void *session);
