/* The certificates of a connection: ours in the handshake, the client's with its requests. */
#include <errno.h>
#include <stdlib.h>

#include "server/core/clock.h"
#include "server/core/log.h"
#include "server/crypto/x509_trust.h"
#include "server/http/client_cert_field.h"
#include "server/http/connection.h"
#include "server/http/http_metrics.h"
#include "server/net/cidr.h"

const char gw_connection_bad_certificate[] = "the certificate in Client-Cert is not accepted";

static const struct gw_metric *const refusals[GW_TLS_REFUSAL_COUNT] = {
    [GW_TLS_REFUSED_ABSENT] = &gw_http_certificate_absent,
    [GW_TLS_REFUSED_UNTRUSTED] = &gw_http_certificate_untrusted,
    [GW_TLS_REFUSED_EXPIRED] = &gw_http_certificate_expired,
    [GW_TLS_REFUSED_REVOKED] = &gw_http_certificate_revoked,
    [GW_TLS_REFUSED_UNFIT] = &gw_http_certificate_unfit,
};

void gw_connection_open_tls(struct gw_connection *connection)
{
    struct gw_server_tls *tls = connection->listener->trust.tls;

    if (tls == NULL)
        return;
    connection->tls_session =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session;
    /* Without memory the session keeps the library's settings, which have no certificate. */
    if (gw_tls_connection_begin(&connection->tls, tls, connection->tls_session) != 0)
        gw_log_warn("a TLS session could not be prepared: its handshake will fail");
}

void gw_connection_close_tls(struct gw_connection *connection)
{
    if (connection->tls.refusal != GW_TLS_NOT_REFUSED)
        gw_connection_count(connection, refusals[connection->tls.refusal]);
    gw_tls_connection_end(&connection->tls);
    free((char *)(uintptr_t)connection->certificate.ptr);
}

/* Verified in the handshake; copied once, since an exchange may see the session's end. */
static int keep_certificate(struct gw_connection *connection)
{
    struct gw_str der = gw_tls_connection_peer(&connection->tls, connection->tls_session);

    connection->has_certificate = true;
    if (der.len == 0)
        return 0;
    char *copy = malloc(der.len);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, der.ptr, der.len);
    connection->certificate = gw_str_from(copy, der.len);
    return 0;
}

static const char *read_field(struct gw_connection *connection)
{
    const struct gw_listener_trust *trust = &connection->listener->trust;
    struct gw_exchange *ex = connection->ex;
    const struct gw_str *given = NULL;
    struct gw_error why;
    struct gw_str der;

    for (size_t i = 0; i < ex->request.field_count; i++) {
        const struct gw_field *field = &ex->request.fields[i];
        if (!gw_str_equal_nocase(field->name, GW_STR("client-cert")))
            continue;
        if (given != NULL)
            return "two Client-Cert fields";
        given = &field->value;
    }
    if (given == NULL)
        return NULL;
    int rc = gw_client_cert_field_read(&ex->arena, *given, &der);
    if (rc != 0)
        return rc == -ENOMEM ? gw_connection_head_too_large : "Client-Cert is no byte sequence";
    if (trust->client_cert_trust != NULL &&
        gw_x509_trust_verify(trust->client_cert_trust, der,
                             (int64_t)(ex->wall_ns / GW_NS_PER_SECOND), &why) != 0) {
        gw_connection_count(connection, &gw_http_certificate_field_refused);
        return gw_connection_bad_certificate;
    }
    ex->request.client_certificate = der;
    return NULL;
}

bool gw_connection_is_from_proxy(const struct gw_connection *connection)
{
    const struct gw_listener_trust *trust = &connection->listener->trust;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    return gw_cidr_any_has(trust->proxies, trust->proxy_count, info->client_addr);
}

const char *gw_connection_read_certificate(struct gw_connection *connection)
{
    if (connection->tls.tls != NULL && !connection->has_certificate &&
        keep_certificate(connection) != 0)
        return gw_connection_head_too_large;
    connection->ex->request.client_certificate = connection->certificate;
    if (connection->certificate.len > 0 || !connection->listener->trust.takes_client_cert ||
        !gw_connection_is_from_proxy(connection))
        return NULL;
    return read_field(connection);
}
