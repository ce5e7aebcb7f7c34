/* Tokens whose issuer has to be asked (RFC 7662): those that say nothing by themselves, and where
 * the issuer wants it so, all.
 *
 * The proof goes on as far as it comes without asking; whose provider is to be asked stands in
 * proof->asking, and what it said comes back in proof->told. */
#pragma once

#include "policies/jwt/jose.h"
#include "policies/jwt/prove.h"
#include "server/core/attr.h"

/* Whether that verdict of jose_read() leaves room for a token that is no JWT to us. */
static inline bool opaque_may_be(enum jose_verdict verdict)
{
    return verdict == JOSE_MALFORMED || verdict == JOSE_ENCRYPTED;
}

/* What the issuer says of the token, in the arena or as proof->told. JOSE_OK; JOSE_INACTIVE;
 * JOSE_NOT_ASKED, and it is proof->asking, or has not said; JOSE_ISSUER if it is not asked about
 * such a token. */
GW_MUST_CHECK
enum jose_verdict opaque_look_up(struct proof *proof, const struct token_key *key,
                                 const struct jwt_issuer *issuer, const struct claims **out_claims);

/* How that is judged. What the answer left out is not held against the token (RFC 7662, section
 * 2.2): the provider said that it is active. Our audience is, unless the operator waives it. */
struct claims_rules opaque_rules(const struct jwt_issuer *issuer, const struct claims *claims);

/* JOSE_OK if a token that verifies need not be asked about, or is said to be active. */
GW_MUST_CHECK
enum jose_verdict opaque_confirm(struct proof *proof, const struct token_key *key,
                                 const struct jwt_issuer *issuer);
