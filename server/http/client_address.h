/* Whose request it is when it comes through balancers: what they say in Forwarded (RFC 7239) or
 * X-Forwarded-For.
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

/* Writes the address of the first who is no proxy, as text, or of the last proxy that is known when
 * the list ends or goes on with what is no address ("unknown", a name, nonsense). Returns false,
 * and writes nothing, where that is the peer itself. */
bool gw_client_address_find(const struct gw_request *request, enum gw_client_address_field field,
                            const struct gw_cidr *proxies, size_t proxy_count,
                            char out[GW_CLIENT_ADDRESS_BYTES]);
