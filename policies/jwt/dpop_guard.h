/* DPoP on an exchange (RFC 9449, section 7): the request's proof, and what is said of a bad one.
 *
 * One worker's; not thread-safe. */
#pragma once

#include <jansson.h>

#include "policies/jwt/dpop.h"
#include "policies/jwt/dpop_replay.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/filter/filter.h"
#include "server/json/option.h"

#define DPOP_MAX_ORIGINS 8

/* What may stand under the policy's `dpop`. */
extern const struct gw_option jwt_dpop_options[];

struct dpop_guard {
    struct dpop_rules rules;
    struct dpop_nonces nonces;
    struct gw_str origins[DPOP_MAX_ORIGINS]; /* without a slash at the end */
    size_t origin_count;
    uint32_t memory_entries; /* 0: strict */
    struct dpop_replay replay;
    struct gw_worker_share *memory; /* that replay uses, if it is local */
    char algorithms[128];           /* for challenges */
};

/* `config` must outlive the guard. 0, or -EINVAL with *error; finish is safe in any case. */
GW_MUST_CHECK
int dpop_guard_init(struct dpop_guard *guard, const json_t *config, struct gw_error *error);
void dpop_guard_finish(struct dpop_guard *guard);

/* It serves that worker from now on. 0 or -ENOMEM. */
GW_MUST_CHECK
int dpop_guard_settle(struct dpop_guard *guard, struct gw_worker *worker);

/* The request's one proof, for that token, which is bound as `confirmation` (its cnf) says. Whether
 * it was used before is not looked at: see guard->replay. */
GW_MUST_CHECK
enum dpop_verdict dpop_guard_judge(const struct dpop_guard *guard, struct gw_exchange *ex,
                                   struct gw_str token, struct gw_str confirmation,
                                   struct dpop_proof *out_proof);

/* 401 with a challenge, and a nonce where one is asked for; 503 for DPOP_NO_MEMORY. Returns
 * GW_STOP.
 */
enum gw_verdict dpop_guard_refuse(const struct dpop_guard *guard, struct gw_exchange *ex,
                                  struct gw_str realm, enum dpop_verdict verdict);

/* The same to a token that was shown without a proof though it needs one. */
enum gw_verdict dpop_guard_refuse_bearer(const struct dpop_guard *guard, struct gw_exchange *ex,
                                         struct gw_str realm);

/* The challenge alone, beside others. */
void dpop_guard_challenge(const struct dpop_guard *guard, struct gw_exchange *ex,
                          struct gw_str realm);
