/* Proving a token: by which of the trusted issuers, and what it claims.
 *
 * The core of the policy: knows nothing of requests and answers. One worker's; not thread-safe. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "policies/jwt/claims.h"
#include "policies/jwt/issuer.h"
#include "policies/jwt/token_memory.h"
#include "server/contract/operation.h"
#include "server/core/map.h"

#define PROVE_MAX_ISSUERS 64

struct prover {
    struct jwt_issuer *issuers;
    size_t issuer_count;
    struct gw_map by_name;
    size_t max_token_bytes; /* of all issuers */
    struct token_memory_config memory_config;
    struct token_memory *memory; /* NULL until settled */
    struct denied_rules denied_rules;
    const struct gw_record_set *records; /* with what was revoked; NULL: none are kept */
};

/* `config` is the policy's; it must outlive the prover. 0, -EINVAL with *error, or -ENOMEM; finish
 * is safe in any case. */
GW_MUST_CHECK
int prover_init(struct prover *prover, const json_t *config, struct gw_error *error);
void prover_finish(struct prover *prover);

/* The prover serves that worker from now on: keys from the network are fetched there, and what it
 * knows of tokens is kept there. NULL: no worker; then there are only keys from files. To be called
 * before the first proof. 0 or -ENOMEM. */
GW_MUST_CHECK
int prover_settle(struct prover *prover, struct gw_worker *worker);

/* One token on its way to a verdict. The first seven are given. */
struct proof {
    const struct gw_operation *operation; /* its security says which issuers are accepted */
    struct gw_str token;
    struct gw_str peer; /* the address that it comes from */
    uint64_t now_ns;    /* CLOCK_MONOTONIC */
    int64_t now_s;      /* since 1970 */
    struct gw_arena *arena;
    struct gw_str client_certificate; /* DER, possession proved; empty: none */

    const struct jwt_issuer *issuer; /* who vouches for the token; lives as long as the prover */
    const struct claims *claims;     /* in the arena */
    bool was_cached;                 /* verified before */
    bool was_denied;                 /* found bad before */
    bool has_failed;                 /* found bad now: the price was paid */
    uint64_t wait_ns;                /* for JOSE_TOO_MANY_FAILURES: until one may be verified */
    /* Whose keys, from the network, are not there or have none that fits; NULL: nobody's. What the
     * verdict is then may change with them. */
    const struct jwt_issuer *lacking;
    /* Whose provider has to be asked about the token; NULL: nobody's. Likewise. */
    const struct jwt_issuer *asking;
    bool is_untold;                      /* one that was asked did not say: it may know the token */
    uint64_t asked;                      /* given, too: whose providers were, a bit each */
    struct {                             /* and what one said just now */
        const struct jwt_issuer *issuer; /* NULL: none did */
        enum introspection_state state;
        const struct claims *claims;
    } told;
};

/* Is one of the issuers accepted there? If not, there is nothing to prove. */
bool prover_is_asked(const struct prover *prover, const struct gw_operation *operation);

/* Does one of them take tokens with a proof of possession? */
bool prover_accepts_dpop(const struct prover *prover, const struct gw_operation *operation);

/* Under which an issuer's provider is asked about a token. */
struct token_key prover_key(const struct prover *prover, struct gw_str token);

/* The token was refused: how long the answer should be held back; see denied.h. */
uint64_t prover_delay_ns(const struct prover *prover, const struct proof *proof);

/* JOSE_OK, and the proof is filled in; or why not. Scopes are not looked at. */
GW_MUST_CHECK
enum jose_verdict prover_prove(struct prover *prover, struct proof *proof);
