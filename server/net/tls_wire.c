#include "server/net/tls_wire.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/core/str.h"
#include "server/net/address.h"

/* Output goes into memory first and from there to the socket. So SSL_write never stops in the
 * middle of a record (no WANT_WRITE: what it took is taken), a read that must write (a key update)
 * needs no state of its own, and a head and a small body leave in one record and one call. */
#define MAX_RECORD_BYTES 16384
#define MAX_OUTPUT_BYTES \
    (4 * MAX_RECORD_BYTES) /* of answers the peer makes us give without reading */

struct gw_tls_wire {
    SSL *ssl;
    BIO *out; /* owned by ssl */
    int fd;
    size_t sent; /* of the bytes in `out` */
    bool is_broken;
    char name[GW_RESOLVER_MAX_NAME_BYTES + 1];
};

static size_t pending_output(const struct gw_tls_wire *wire, const char **out_bytes)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(wire->out, &bytes);

    *out_bytes = bytes + wire->sent;
    return len > 0 ? (size_t)len - wire->sent : 0;
}

bool gw_tls_wire_has_output(const struct gw_tls_wire *wire)
{
    const char *bytes;

    return pending_output(wire, &bytes) > 0;
}

int gw_tls_wire_flush(struct gw_tls_wire *wire)
{
    const char *bytes;
    size_t len;

    while ((len = pending_output(wire, &bytes)) > 0) {
        ssize_t count = send(wire->fd, bytes, len, MSG_NOSIGNAL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        wire->sent += (size_t)count;
        if ((size_t)count == len) {
            (void)BIO_reset(wire->out);
            wire->sent = 0;
        }
    }
    return 0;
}

bool gw_tls_wire_has_input(const struct gw_tls_wire *wire)
{
    return SSL_has_pending(wire->ssl) == 1;
}

bool gw_tls_wire_is_resumed(const struct gw_tls_wire *wire)
{
    return SSL_session_reused(wire->ssl) == 1;
}

/* RFC 9525: an address is matched as an address only, a name as a name, SNI is for names only. */
static int set_name(struct gw_tls_wire *wire)
{
    struct gw_address address;
    X509_VERIFY_PARAM *verify = SSL_get0_param(wire->ssl);

    if (gw_address_parse(gw_str_of(wire->name), &address) == 0)
        return X509_VERIFY_PARAM_set1_ip_asc(verify, wire->name) == 1 ? 0 : -ENOMEM;
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (X509_VERIFY_PARAM_set1_host(verify, wire->name, 0) != 1)
        return -ENOMEM;
    return SSL_set_tlsext_host_name(wire->ssl, wire->name) == 1 ? 0 : -EINVAL;
}

static int set_up(struct gw_tls_wire *wire, struct gw_tls *tls)
{
    BIO *in = BIO_new_socket(wire->fd, BIO_NOCLOSE);

    wire->out = BIO_new(BIO_s_mem());
    if (in == NULL || wire->out == NULL) {
        BIO_free(in);
        BIO_free(wire->out);
        return -ENOMEM;
    }
    SSL_set_bio(wire->ssl, in, wire->out);
    SSL_set_connect_state(wire->ssl);
    SSL_set_app_data(wire->ssl, wire->name);
    if (tls->session != NULL && strcmp(tls->session_name, wire->name) == 0)
        SSL_set_session(wire->ssl, tls->session);
    return set_name(wire);
}

int gw_tls_wire_create(struct gw_tls *tls, int fd, struct gw_str server_name,
                       struct gw_tls_wire **out_wire)
{
    if (server_name.len == 0 || server_name.len > GW_RESOLVER_MAX_NAME_BYTES ||
        memchr(server_name.ptr, '\0', server_name.len) != NULL)
        return -EINVAL;
    struct gw_tls_wire *wire = calloc(1, sizeof(*wire));
    if (wire == NULL)
        return -ENOMEM;
    wire->fd = fd;
    memcpy(wire->name, server_name.ptr, server_name.len);
    ERR_clear_error();
    wire->ssl = SSL_new(tls->ssl);
    int status = wire->ssl != NULL ? set_up(wire, tls) : -ENOMEM;
    ERR_clear_error();
    if (status != 0) {
        SSL_free(wire->ssl);
        free(wire);
        return status;
    }
    *out_wire = wire;
    return 0;
}

void gw_tls_wire_destroy(struct gw_tls_wire *wire)
{
    if (wire == NULL)
        return;
    ERR_clear_error();
    if (!wire->is_broken && SSL_is_init_finished(wire->ssl)) {
        if (SSL_shutdown(wire->ssl) >= 0 && gw_tls_wire_flush(wire) != 0)
            wire->is_broken = true; /* the peer sees a cut; there is nobody left to tell */
    }
    SSL_free(wire->ssl);
    ERR_clear_error();
    free(wire);
}

/* --- handshake --- */

static int tell_failure(struct gw_tls_wire *wire, int code, int system_errno,
                        struct gw_error *error)
{
    long verdict = SSL_get_verify_result(wire->ssl);
    unsigned long reason = ERR_peek_last_error();

    if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return gw_error_set(error, -EPROTO, "the certificate is not for %s", wire->name);
    if (verdict != X509_V_OK)
        return gw_error_set(error, -EPROTO, "the certificate of %s is not trusted: %s", wire->name,
                            X509_verify_cert_error_string(verdict));
    if (code == SSL_ERROR_SYSCALL ||
        (code == SSL_ERROR_SSL && ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING))
        return gw_error_set(error, -ECONNRESET, "the TLS handshake with %s was cut off%s%s",
                            wire->name, system_errno != 0 ? ": " : "",
                            system_errno != 0 ? strerror(system_errno) : "");
    const char *text = ERR_reason_error_string(reason);
    return gw_error_set(error, -EPROTO, "the TLS handshake with %s failed: %s", wire->name,
                        text != NULL ? text : "no reason given");
}

int gw_tls_wire_handshake(struct gw_tls_wire *wire, struct gw_error *error)
{
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(wire->ssl);
    int system_errno = errno;
    int code = SSL_get_error(wire->ssl, result);
    int flushed = gw_tls_wire_flush(wire); /* also an alert that says why */

    if (result == 1 || code == SSL_ERROR_WANT_READ) {
        if (flushed != 0 && flushed != -EAGAIN) {
            wire->is_broken = true;
            return gw_error_set(error, flushed, "the TLS handshake with %s was cut off: %s",
                                wire->name, strerror(-flushed));
        }
        return result == 1 ? 0 : -EAGAIN;
    }
    wire->is_broken = true;
    int status = tell_failure(wire, code, system_errno, error);
    ERR_clear_error();
    return status;
}

/* --- bytes --- */

static ssize_t read_end(struct gw_tls_wire *wire, int result)
{
    switch (SSL_get_error(wire->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        wire->is_broken = true;
        return -ECONNRESET;
    }
}

ssize_t gw_tls_wire_read(struct gw_tls_wire *wire, char *out, size_t capacity)
{
    size_t filled = 0;
    ssize_t end = 0;

    if (wire->is_broken)
        return -ECONNRESET;
    do {
        size_t count = 0;

        ERR_clear_error();
        int result = SSL_read_ex(wire->ssl, out + filled, capacity - filled, &count);
        if (result != 1) {
            end = read_end(wire, result);
            break;
        }
        filled += count;
    } while (filled < capacity && SSL_has_pending(wire->ssl) == 1);
    ERR_clear_error();

    const char *bytes;
    if (pending_output(wire, &bytes) > 0 && gw_tls_wire_flush(wire) == -EAGAIN &&
        pending_output(wire, &bytes) > MAX_OUTPUT_BYTES)
        wire->is_broken = true;
    if (filled > 0)
        return (ssize_t)filled; /* an end or error comes with the next read */
    return end;
}

/* What the next record holds: straight from a piece that fills one, else copied together. */
static struct gw_str next_record(const struct iovec *pieces, int piece_count, size_t skip,
                                 char record[MAX_RECORD_BYTES])
{
    size_t filled = 0;

    for (int at = 0; at < piece_count && filled < MAX_RECORD_BYTES; at++) {
        size_t part = pieces[at].iov_len;

        if (skip >= part) {
            skip -= part;
            continue;
        }
        const char *bytes = (const char *)pieces[at].iov_base + skip;
        part -= skip;
        skip = 0;
        if (filled == 0 && (part >= MAX_RECORD_BYTES || at == piece_count - 1))
            return gw_str_from(bytes, part < MAX_RECORD_BYTES ? part : MAX_RECORD_BYTES);
        if (part > MAX_RECORD_BYTES - filled)
            part = MAX_RECORD_BYTES - filled;
        memcpy(record + filled, bytes, part);
        filled += part;
    }
    return gw_str_from(record, filled);
}

ssize_t gw_tls_wire_write(struct gw_tls_wire *wire, const struct iovec *pieces, int piece_count)
{
    char record[MAX_RECORD_BYTES];
    size_t taken = 0;

    if (wire->is_broken)
        return -EPIPE;
    for (;;) {
        int status = gw_tls_wire_flush(wire);
        struct gw_str next = next_record(pieces, piece_count, taken, record);
        size_t count = 0;

        if (status != 0 && status != -EAGAIN)
            return status;
        if (status == -EAGAIN || next.len == 0)
            return (ssize_t)taken;
        ERR_clear_error();
        if (SSL_write_ex(wire->ssl, next.ptr, next.len, &count) != 1) {
            ERR_clear_error();
            wire->is_broken = true;
            return -EPIPE;
        }
        taken += count;
    }
}
