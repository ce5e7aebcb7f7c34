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
};

/* `end` is called with every exchange whose token was accepted. */
GW_MUST_CHECK
int gw_admin_guard_init(struct gw_admin_guard *guard, struct gw_server *server,
                        void (*end)(struct gw_exchange *ex), struct gw_error *error);
/* Takes over a reloaded configuration. Only while no exchange is on the guard's way. */
void gw_admin_guard_refresh(struct gw_admin_guard *guard);
void gw_admin_guard_finish(struct gw_admin_guard *guard);

/* The rules that hold for every request: NULL, or the problem to refuse it with. */
const char *gw_admin_guard_check(const struct gw_admin_guard *guard, const struct gw_exchange *ex,
                                 const char **out_detail);

/* Whether it came over the unix socket, from this process's user or root. */
bool gw_admin_guard_is_local(const struct gw_exchange *ex);

/* Sends the exchange through the token's check: to `end`, or out with 401 or 403. */
void gw_admin_guard_authorise(struct gw_admin_guard *guard, struct gw_exchange *ex);
