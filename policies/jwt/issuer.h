/* An issuer of tokens that the operator trusts: its configuration and its keys, from a file or from
 * the network.
 *
 * Made per worker; the keys belong to it alone. What the strings borrow from is the configuration.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "policies/jwt/claims.h"
#include "policies/jwt/introspection.h"
#include "policies/jwt/jose.h"
#include "policies/jwt/key_source.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/crypto/jwk.h"
#include "server/filter/worker.h"
#include "server/http/exchange.h"
#include "server/json/option.h"

/* What may stand under `issuers: <name>:`. */
extern const struct gw_option jwt_issuer_options[];

enum jwt_dpop_mode { JWT_DPOP_OFF, JWT_DPOP_ACCEPTED, JWT_DPOP_REQUIRED };

struct jwt_issuer {
    struct gw_str name;
    uint64_t bit; /* its own among those of the policy */
    enum jwt_dpop_mode dpop;
    bool has_keys;          /* of its own: its JWTs are verified here */
    bool has_introspection; /* what follows counts */
    struct introspect_config introspect;
    struct introspection *introspection; /* NULL until the worker is known */
    struct claims_rules rules;
    struct claims_form form;
    uint32_t algorithms; /* allowed: 1 << enum gw_signature_alg */
    size_t max_token_bytes;
    bool needs_certificate;          /* every token must be bound to one (RFC 8705) */
    struct gw_jwk_set *file_keys;    /* NULL: they come from the network */
    uint64_t file_set_id;            /* if not: tells one file from another */
    unsigned file_flushes;           /* likewise */
    struct gw_worker_tenant tenant;  /* likewise: how they are seen by the administrator */
    struct key_source_config remote; /* if so */
    struct key_source *source;       /* likewise; NULL until the worker is known */
    uint64_t generation; /* changes with what a cached verdict depends on, but for the keys */
    struct gw_claim_name *claim_names; /* for rules */
    size_t claim_name_count;
    struct gw_str *strings; /* the audiences and required claims */
};

/* `config` has all options; it must outlive the issuer. 0, -EINVAL with *error, or -ENOMEM; on
 * failure, finish is safe. */
GW_MUST_CHECK
int jwt_issuer_init(struct jwt_issuer *issuer, struct gw_str name, const json_t *config,
                    struct gw_error *error);
void jwt_issuer_finish(struct jwt_issuer *issuer);

/* It serves that worker from now on: keys from the network have a place to be fetched, and all can
 * be seen there. 0 or -ENOMEM. */
GW_MUST_CHECK
int jwt_issuer_settle(struct jwt_issuer *issuer, struct gw_worker *worker);

/* The keys that count now; NULL: there are none yet, or none any more. */
static inline const struct gw_jwk_set *jwt_issuer_keys(const struct jwt_issuer *issuer)
{
    return issuer->source != NULL ? key_source_get(issuer->source) : issuer->file_keys;
}

/* Tells one set of its keys from another; meaningless without one. */
static inline uint64_t jwt_issuer_set_id(const struct jwt_issuer *issuer)
{
    return issuer->source != NULL ? key_source_set_id(issuer->source) : issuer->file_set_id;
}

/* Under which verdicts on its tokens are kept: another one after a flush. */
static inline uint64_t jwt_issuer_verdicts(const struct jwt_issuer *issuer)
{
    unsigned flushes =
        issuer->source != NULL ? key_source_flushes(issuer->source) : issuer->file_flushes;

    return issuer->generation + flushes * UINT64_C(0x9e3779b97f4a7c15);
}

static inline bool jwt_issuer_allows(const struct jwt_issuer *issuer, enum gw_signature_alg alg)
{
    return (issuer->algorithms >> alg & 1) != 0;
}

/* Of issuers whose keys are in a file. */
extern const struct gw_worker_exhibit jwt_issuer_file_exhibit;
