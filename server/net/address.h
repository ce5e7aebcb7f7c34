/* Socket addresses: read, printed, compared, and judged. Pure; any thread. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

/* An address in text (no brackets, no zone): returns 0 or -EINVAL. */
GW_MUST_CHECK
int gw_address_parse(struct gw_str text, struct gw_address *out_address);

/* Where an outgoing call must never go, wherever its name leads: unspecified, link-local, multicast
 * and broadcast addresses and those of the clouds' metadata services, also when mapped or embedded
 * into IPv6 (RFC 4291, RFC 6052, RFC 3056); families other than IPv4 and IPv6. Loopback and private
 * networks are not among them: backends live there. */
bool gw_address_is_forbidden(const struct sockaddr *address);
/* Same family, address and port. */
bool gw_address_equal(const struct sockaddr *a, const struct sockaddr *b);

/* "192.0.2.1:80", "[2001:db8::1]:80". */
#define GW_ADDRESS_TEXT_BYTES 64
void gw_address_format(const struct sockaddr *address, char out[GW_ADDRESS_TEXT_BYTES]);
