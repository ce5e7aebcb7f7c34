/* Names to addresses: getaddrinfo() on a thread, with a small cache in front.
 *
 * Answers are kept 30 s, failures 1 s, 256 names at most; many askers of one name share one
 * look-up. Addresses in text are answered at once. One loop's thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/list.h"
#include "server/core/str.h"
#include "server/net/address.h"

struct gw_loop;
struct gw_resolver;

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
