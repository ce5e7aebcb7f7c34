/* DPoP proofs (RFC 9449, section 4.3): whether this request was made by who holds the key that a
 * token is bound to.
 *
 * Pure but for the arena: no clock, and no memory of proofs seen before (dpop_replay.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policies/jwt/dpop_nonce.h"
#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"

#define DPOP_MAX_PROOF_BYTES 8192
#define DPOP_MAX_JTI_BYTES 512

enum dpop_verdict {
    DPOP_OK,
    DPOP_MALFORMED, /* no compact JWS of JSON objects, or a member of a wrong type */
    DPOP_TYPE,
    DPOP_ALGORITHM,
    DPOP_KEY, /* none, private, or not to be used */
    DPOP_SIGNATURE,
    DPOP_METHOD,
    DPOP_URI,
    DPOP_TIME,
    DPOP_TOKEN,   /* it is for another token */
    DPOP_NONCE,   /* none of ours, or too old: the caller gets one */
    DPOP_BINDING, /* the token is bound to another key, or to none */
    DPOP_REPLAYED,
    DPOP_NO_MEMORY,
    DPOP_VERDICT_COUNT,
};

/* A sentence for the caller: plain ASCII without quotes, no inner detail. */
const char *dpop_verdict_text(enum dpop_verdict verdict);

/* How proofs are judged. */
struct dpop_rules {
    uint32_t algorithms; /* allowed: 1 << enum gw_signature_alg; never those with secrets */
    unsigned min_rsa_bits;
    int64_t max_age_s;
    int64_t leeway_s;                 /* how far ahead of ours the caller's clock may be */
    const struct dpop_nonces *nonces; /* NULL: none are asked for */
};

/* The request that it came with. */
struct dpop_request {
    struct gw_str method;
    const struct gw_str *uris; /* in normal form, see htu.h: one of them is meant */
    size_t uri_count;
    struct gw_str token;
    int64_t now_s; /* since 1970 */
};

/* What was proved. */
struct dpop_proof {
    uint8_t thumbprint[GW_SHA256_BYTES]; /* of the key (RFC 7638) */
    uint8_t id[GW_SHA256_BYTES];         /* SHA-256 of jti */
    int64_t valid_until_s;               /* when its age alone has it refused */
};

/* DPOP_OK, or why not: then *out_proof is untouched. What is cheap is judged first, the signature
 * last. */
GW_MUST_CHECK
enum dpop_verdict dpop_judge(struct gw_arena *arena, struct gw_str proof,
                             const struct dpop_rules *rules, const struct dpop_request *request,
                             struct dpop_proof *out_proof);

/* Whether a token may only be used with a proof: its cnf (JSON text, or empty) has a jkt. */
bool dpop_is_bound(struct gw_arena *arena, struct gw_str confirmation);

/* DPOP_OK if cnf's jkt is that thumbprint. */
GW_MUST_CHECK
enum dpop_verdict dpop_check_binding(struct gw_arena *arena, struct gw_str confirmation,
                                     const uint8_t thumbprint[GW_SHA256_BYTES]);
