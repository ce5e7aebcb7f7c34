/* What tls.c and tls_wire.c share. */
#pragma once

#include <openssl/ssl.h>

#include "server/net/resolver.h" /* GW_RESOLVER_MAX_NAME_BYTES */
#include "server/net/tls.h"

struct gw_tls {
    SSL_CTX *ssl;
    SSL_SESSION *session; /* the last one, for session_name; NULL: none */
    char session_name[GW_RESOLVER_MAX_NAME_BYTES + 1];
};
