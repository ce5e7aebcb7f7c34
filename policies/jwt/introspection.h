/* Asking an issuer about tokens that say nothing by themselves (RFC 7662), and what it said.
 *
 * One question at a time for each token, whoever shows it; answers are kept: of an active token for
 * the time that the configuration says, of another for 10 s. Each kind has a bounded place of its
 * own, so that a flood of invented tokens drives out no good one. Questions are bounded, too: 4 at
 * once for a client's address, 256 for the issuer. While the provider fails it is asked once a
 * second.
 *
 * One for each configuration of an issuer on a worker, over reloads; see worker_share.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policies/jwt/claims.h"
#include "policies/jwt/introspect_config.h"
#include "policies/jwt/token_cache.h"
#include "server/core/attr.h"
#include "server/core/list.h"
#include "server/core/str.h"

#define INTROSPECTION_MAX_WAITERS 256
#define INTROSPECTION_MAX_QUESTIONS_PER_PEER 4
#define INTROSPECTION_INACTIVE_S 10

struct gw_worker;
struct introspection;
struct introspection_question;

/* NULL without memory. */
GW_MUST_CHECK
struct introspection *introspection_open(const struct introspect_config *config,
                                         struct gw_worker *worker);
/* Nobody of the caller's may wait any more. NULL is safe. */
void introspection_close(struct introspection *introspection);

enum introspection_state {
    INTROSPECTION_UNKNOWN, /* it has to be asked, or could not be: what is not set is never a yes */
    INTROSPECTION_INACTIVE,
    INTROSPECTION_ACTIVE,
};

/* What is known of a token; of an active one what was said, in the arena. `key` is as of
 * token_key_of(), its generation does not count. */
enum introspection_state introspection_find(struct introspection *introspection,
                                            const struct token_key *key, struct gw_arena *arena,
                                            const struct claims **out_claims);

/* One who waits. Zero it, and set the first three. */
struct introspection_waiter {
    struct gw_str peer;  /* the client's address */
    struct gw_str token; /* which introspect_is_token() */
    /* It no longer waits. `claims` (of an active one) lie elsewhere, and for the call only. */
    void (*on_answer)(struct introspection_waiter *waiter, enum introspection_state state,
                      const struct claims *claims);

    struct gw_list node;
    struct introspection *introspection;
};

enum introspection_wish {
    INTROSPECTION_WAIT,    /* on_answer follows, within the configured time */
    INTROSPECTION_DENIED,  /* the provider fails: not now */
    INTROSPECTION_CROWDED, /* too much is asked, for this peer or at all */
};

enum introspection_wish introspection_ask(struct introspection *introspection,
                                          const struct token_key *key,
                                          struct introspection_waiter *waiter);

/* It waits no longer, and on_answer will not be called. Safe on one that does not wait. */
void introspection_waiter_stop(struct introspection_waiter *waiter);
