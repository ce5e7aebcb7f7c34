/* Who may use the admin listener, and from where. See admin.h. */
#pragma once

#include "server/contract/operation.h"
#include "server/filter/chain.h"

struct gw_server;

#define GW_ADMIN_GUARD_LINKS 2

struct gw_admin_guard {
    struct gw_server *server;
    struct gw_chain chain; /* jwt and authorise, instances of its own; empty: no tokens */
    json_t *options[GW_ADMIN_GUARD_LINKS]; /* those instances' */
    struct gw_operation operation;         /* what the policy is asked: the issuers and the scope */
    struct gw_arena arena;                 /* of what the operation points at */
    uint64_t generation;                   /* of the configuration that it was made from */
    size_t users;                          /* exchanges that it was asked about */
    bool is_retired;
};

/* From the server's present configuration; for another one, make another. `end` is called with
 * every exchange whose token was accepted. */
GW_MUST_CHECK
int gw_admin_guard_create(struct gw_server *server, void (*end)(struct gw_exchange *ex),
                          struct gw_admin_guard **out_guard, struct gw_error *error);
/* The same, but what cannot be made lets nobody in; NULL without memory. */
GW_MUST_CHECK
struct gw_admin_guard *gw_admin_guard_create_anyway(struct gw_server *server,
                                                    void (*end)(struct gw_exchange *ex));
/* It goes with the last exchange that it was asked about. NULL is safe. */
void gw_admin_guard_retire(struct gw_admin_guard *guard);

/* The rules that hold for every request: NULL, or the problem to refuse it with. */
const char *gw_admin_guard_check(const struct gw_admin_guard *guard, const struct gw_exchange *ex,
                                 const char **out_detail);

/* Whether it came over the unix socket, from this process's user or root. */
bool gw_admin_guard_is_local(const struct gw_exchange *ex);

/* Sends the exchange through the token's check: to `end`, or out with 401 or 403. */
void gw_admin_guard_authorise(struct gw_admin_guard *guard, struct gw_exchange *ex);
