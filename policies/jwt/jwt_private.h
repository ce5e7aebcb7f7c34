/* What the files of the policy jwt share. Private to jwt.c, possession.c and refusal.c. */
#pragma once

#include "policies/jwt/dpop_guard.h"
#include "policies/jwt/prove.h"
#include "server/filter/filter.h"
#include "server/filter/worker.h"
#include "server/net/loop.h"
#include "server/observe/metrics.h"

struct jwt { /* one per worker */
    struct prover prover;
    struct dpop_guard guard;
    struct gw_str realm;
    unsigned held_back; /* refusals, now */
    bool is_settled;    /* the worker is known */
};

/* What came in Authorization. */
struct jwt_shown {
    struct gw_str token;
    bool has_dpop; /* the scheme */
};

/* A request that waits: for keys, for a provider's word, to hear that its proof is a new one, or
 * for its refusal. In its arena. */
struct jwt_pending {
    struct jwt *jwt;
    struct gw_exchange *ex;
    struct jwt_shown shown;
    struct key_waiter key_waiter;
    struct introspection_waiter asker;
    struct dpop_replay_question question;
    struct gw_timer timer; /* of a refusal that is held back */
    bool is_held_back;
    struct proof proof; /* what was asked so far; of a good token, all */
};

/* The exchange's, made when it is first asked for; NULL without memory. */
struct jwt_pending *jwt_pending_of(struct jwt *jwt, struct gw_exchange *ex,
                                   const struct jwt_shown *shown);

static inline void jwt_count(const struct gw_exchange *ex, const struct gw_metric *metric)
{
    if (ex->worker != NULL)
        gw_metrics_add(ex->worker->metrics, metric, 1);
}

/* --- possession.c: the token is good; is it shown by who it is bound to? -----------------------
 */

GW_MUST_CHECK
enum gw_verdict jwt_check_possession(struct jwt *jwt, struct gw_exchange *ex,
                                     const struct jwt_shown *shown, const struct proof *proof);
/* What Redis says of the proof of possession. */
GW_MUST_CHECK
enum gw_verdict jwt_judge_replay(struct jwt *jwt, struct gw_exchange *ex, const struct proof *proof,
                                 enum dpop_replay_verdict verdict);

/* --- refusal.c: what a bad token is answered, and when ------------------------------------------
 */

extern const struct gw_metric jwt_refused_token;

/* `proof` is what prover_prove() left, which said `verdict`. */
GW_MUST_CHECK
enum gw_verdict jwt_refuse(struct jwt *jwt, struct gw_exchange *ex, const struct jwt_shown *shown,
                           const struct proof *proof, enum jose_verdict verdict);
/* Its provider did not say; or too many would have to be asked about. */
GW_MUST_CHECK
enum gw_verdict jwt_refuse_unasked(struct gw_exchange *ex, bool is_crowded);
GW_MUST_CHECK
enum gw_verdict jwt_refuse_crowded(struct gw_exchange *ex);
/* There is something in Authorization that is no token. */
GW_MUST_CHECK
enum gw_verdict jwt_refuse_malformed(const struct jwt *jwt, struct gw_exchange *ex);
/* The answer need not be held back any more: the client has left. */
void jwt_release(struct jwt_pending *pending);
