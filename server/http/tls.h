/* What a listener shows and asks for over TLS: its certificates, chosen by the name that a client
 * asks for (SNI, RFC 6066), the versions it speaks, and whose client certificates it accepts.
 *
 * Made and checked when a configuration is loaded, immutable then, and shared by all workers; each
 * connection holds a reference, so that a renewal hurts none that is open. Neither session tickets,
 * early data nor renegotiation are offered. GnuTLS is seen by tls.c alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_server_tls;

enum gw_tls_version { GW_TLS_1_2, GW_TLS_1_3 };

enum gw_client_certificates {
    GW_CLIENT_CERTIFICATES_NONE,     /* not asked for */
    GW_CLIENT_CERTIFICATES_OPTIONAL, /* asked for; one that is shown must be good */
    GW_CLIENT_CERTIFICATES_REQUIRED,
};

struct gw_server_tls_pair {
    struct gw_str certificate_pem; /* and its chain */
    struct gw_str key_pem;
};

struct gw_server_tls_config {
    const struct gw_server_tls_pair *pairs; /* the first is the default */
    size_t pair_count;                      /* at least 1 */
    enum gw_tls_version min_version;
    enum gw_client_certificates client_certificates;
    struct gw_str client_ca_pem;  /* needed unless NONE */
    struct gw_str client_crl_pem; /* may be empty */
};

/* The texts are needed during the call only. -EINVAL with *error: what is wrong with which of them,
 * and error->where is "/certificates/1/key", "/certificates/1/certificate", "/client_ca" or
 * "/client_crl". -ENOMEM. */
GW_MUST_CHECK
int gw_server_tls_create(const struct gw_server_tls_config *config, struct gw_server_tls **out_tls,
                         struct gw_error *error);

/* Any thread. NULL is safe for both. */
struct gw_server_tls *gw_server_tls_retain(struct gw_server_tls *tls);
void gw_server_tls_release(struct gw_server_tls *tls);

/* One of its certificates, in the order of the pairs. Borrowed. */
struct gw_server_certificate {
    struct gw_str names;               /* it is for, separated by ", "; for people */
    int64_t not_before_s, not_after_s; /* since 1970 */
};
size_t gw_server_tls_count(const struct gw_server_tls *tls);
const struct gw_server_certificate *gw_server_tls_certificate(const struct gw_server_tls *tls,
                                                              size_t index);

/* Why a handshake was ended: the client's certificate. */
enum gw_tls_refusal {
    GW_TLS_NOT_REFUSED,
    GW_TLS_REFUSED_ABSENT,    /* it is required, and there was none */
    GW_TLS_REFUSED_UNTRUSTED, /* no chain to one of our authorities */
    GW_TLS_REFUSED_EXPIRED,   /* or not valid yet */
    GW_TLS_REFUSED_REVOKED,
    GW_TLS_REFUSED_UNFIT, /* not for clients, or too weak */
    GW_TLS_REFUSAL_COUNT,
};

/* One connection's part; zeroed before begin, inside the connection. */
struct gw_tls_connection {
    struct gw_server_tls *tls; /* what the handshake began with; NULL: plain, or not begun */
    enum gw_tls_refusal refusal;
};

/* Prepares a fresh server session (gnutls_session_t) before its handshake. 0, or -ENOMEM: then the
 * session must not be used. `connection` must stay where it is until end. */
GW_MUST_CHECK
int gw_tls_connection_begin(struct gw_tls_connection *connection, struct gw_server_tls *tls,
                            void *session);
/* After the session's own end. Safe on a zeroed one. */
void gw_tls_connection_end(struct gw_tls_connection *connection);

/* The client's certificate (DER), verified, when the handshake is over; empty if it showed none.
 * Valid as long as the session. */
struct gw_str gw_tls_connection_peer(const struct gw_tls_connection *connection, void *session);

/* For the library that makes the sessions: the strictest defaults, so that a session that was not
 * begun here cannot serve. A gnutls_certificate_retrieve_function3 that has no certificate. */
extern const char gw_tls_closed_priorities[];
void *gw_tls_no_certificate(void);
