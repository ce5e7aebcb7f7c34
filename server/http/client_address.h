/* Whose request it is when it comes through balancers, and whether it came to them by HTTPS: what
 * they say in Forwarded (RFC 7239), or in X-Forwarded-For and X-Forwarded-Proto.
 *
 * Each balancer adds at the right what it has seen, so the list is walked from there for as long as
 * those who speak are trusted; what stands further left is anybody's invention. Pure. */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/http/exchange.h"

struct gw_cidr;

enum gw_client_address_field {
    GW_CLIENT_ADDRESS_PEER, /* none: the connection's */
    GW_CLIENT_ADDRESS_FORWARDED,
    GW_CLIENT_ADDRESS_X_FORWARDED_FOR,
};

#define GW_CLIENT_ADDRESS_BYTES 46

enum gw_client_scheme { GW_CLIENT_SCHEME_UNTOLD, GW_CLIENT_SCHEME_HTTP, GW_CLIENT_SCHEME_HTTPS };

/* What trusted proxies have told of their client. */
struct gw_client_told {
    char address[GW_CLIENT_ADDRESS_BYTES]; /* as text; "": it is the peer itself */
    enum gw_client_scheme scheme;          /* of the request that it sent to them */
};

/* The address of the first who is no proxy, or of the last proxy that is known when the list ends
 * or goes on with what is no address ("unknown", a name, nonsense). The scheme is told by the same
 * one who told that: by `proto` of Forwarded, or by X-Forwarded-Proto at the same distance from the
 * end as the address in X-Forwarded-For; if fewer stand there, the first, for most proxies write
 * that field anew. */
void gw_client_address_find(const struct gw_request *request, enum gw_client_address_field field,
                            const struct gw_cidr *proxies, size_t proxy_count,
                            struct gw_client_told *out);
