/* Names to addresses: getaddrinfo() on a thread, with a small cache in front.
 *
 * Answers are kept 30 s, failures 1 s, 256 names at most; many askers of one name share one
 * look-up. Addresses in text are answered at once. One loop's thread. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/list.h"
#include "server/core/str.h"

struct gw_loop;
struct gw_resolver;

struct gw_address {
    socklen_t len;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

enum { GW_RESOLVER_MAX_ADDRESSES = 8, GW_RESOLVER_MAX_NAME_BYTES = 253 };

struct gw_address_list {
    unsigned count;
    struct gw_address items[GW_RESOLVER_MAX_ADDRESSES]; /* in order of preference */
};

/* One question; embedded by the asker. */
struct gw_lookup {
    struct gw_list node;
    /* Called once. `addresses` is borrowed and NULL on failure; `why` says why then. */
    void (*fn)(struct gw_lookup *lookup, const struct gw_address_list *addresses, const char *why);
};

GW_MUST_CHECK
int gw_resolver_create(struct gw_loop *loop, struct gw_resolver **out_resolver);
/* Nothing is answered any more. NULL is safe. */
void gw_resolver_destroy(struct gw_resolver *resolver);

/* Addresses of `host`, with port 0. Returns 0 and sets *out_addresses if they are known;
 * -EINPROGRESS if lookup->fn will be called later; -ENOENT with the reason if the name does not
 * resolve; -EINVAL or -ENOMEM with the reason. Zero `lookup` first and set its fn. */
GW_MUST_CHECK
int gw_resolver_lookup(struct gw_resolver *resolver, struct gw_str host, struct gw_lookup *lookup,
                       struct gw_address_list *out_addresses, struct gw_error *error);
void gw_lookup_cancel(struct gw_lookup *lookup); /* safe on one that is not under way */

/* An address in text (no brackets, no zone): returns 0 or -EINVAL. Pure. */
GW_MUST_CHECK
int gw_address_parse(struct gw_str text, struct gw_address *out_address);

/* Where an outgoing call must never go, wherever its name leads: unspecified, link-local (with it
 * the clouds' metadata services), multicast and broadcast addresses, also when mapped into IPv6;
 * families other than IPv4 and IPv6. Loopback is not among them. Pure. */
bool gw_address_is_forbidden(const struct sockaddr *address);
/* Same family, address and port. Pure. */
bool gw_address_equal(const struct sockaddr *a, const struct sockaddr *b);

/* "192.0.2.1:80", "[2001:db8::1]:80". */
#define GW_ADDRESS_TEXT_BYTES 64
void gw_address_format(const struct sockaddr *address, char out[GW_ADDRESS_TEXT_BYTES]);
