#include "server/http/tls_stream.h"

#include <errno.h>
#include <gnutls/gnutls.h>

#define MAX_ATTEMPTS 4 /* over alerts that are warnings, and the like */

ssize_t gw_tls_stream_read(void *session, char *out, size_t capacity)
{
    for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
        ssize_t count = gnutls_record_recv(session, out, capacity);
        if (count >= 0)
            return count;
        if (count == GNUTLS_E_AGAIN)
            return -EAGAIN;
        if (gnutls_error_is_fatal((int)count) != 0)
            return -ECONNRESET;
    }
    return -ECONNRESET;
}

ssize_t gw_tls_stream_write(void *session, const char *bytes, size_t len)
{
    for (unsigned i = 0; i < MAX_ATTEMPTS; i++) {
        ssize_t count = gnutls_record_send(session, bytes, len);
        if (count >= 0)
            return count;
        if (count == GNUTLS_E_AGAIN)
            return -EAGAIN;
        if (gnutls_error_is_fatal((int)count) != 0)
            return -EPIPE;
    }
    return -EAGAIN;
}

void gw_tls_stream_end(void *session)
{
    (void)gnutls_bye(session, GNUTLS_SHUT_WR);
}
