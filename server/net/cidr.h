/* Networks of IP addresses, as lists of who may do something are made of: "10.0.0.0/8",
 * "2001:db8::/32", or one address. Pure; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_cidr {
    uint8_t network[16]; /* IPv4 mapped into IPv6 (RFC 4291, section 2.5.5.2) */
    unsigned bits;       /* of `network` that count: 96 to 128 for IPv4 */
    bool is_v4;
};

/* Returns 0 or -EINVAL, also when bits behind the prefix are set ("10.0.0.1/8" may mean two
 * things). A network of mapped addresses ("::ffff:10.0.0.0/104") is the IPv4 one. */
GW_MUST_CHECK
int gw_cidr_parse(struct gw_str text, struct gw_cidr *out_cidr);

/* Whether the network has the address; a mapped one counts as IPv4, and IPv4 is in no network of
 * IPv6, not even in "::/0". False for other families. */
bool gw_cidr_has(const struct gw_cidr *cidr, const struct sockaddr *address);
bool gw_cidr_any_has(const struct gw_cidr *cidrs, size_t count, const struct sockaddr *address);
