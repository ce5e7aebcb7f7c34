/* Choosing among an issuer's keys, and verifying with them (RFC 7515, section 6; RFC 8725).
 *
 * A token's kid selects by name. Without one, each key that fits the algorithm is tried, up to a
 * bound. The key always has the last word on the algorithm. One owner, as the keys. */
#pragma once

#include <stdbool.h>

#include "policies/jwt/jose.h"
#include "server/core/attr.h"
#include "server/crypto/jwk.h"

#define KEY_SET_MAX_TRIES 8

/* JOSE_OK and the key that verifies; JOSE_KEY_UNKNOWN, JOSE_BAD_SIGNATURE or JOSE_NO_MEMORY. The
 * key lives as long as the set. *out_tries (NULL: not asked) is
 * how many keys were tried, in any case. */
GW_MUST_CHECK
enum jose_verdict key_set_verify(const struct gw_jwk_set *set, const struct jose_token *token,
                                 const struct gw_jwk **out_key, unsigned *out_tries);

/* Whether a key of that thumbprint is (still) in the set. */
bool key_set_has(const struct gw_jwk_set *set, const uint8_t thumbprint[GW_SHA256_BYTES]);
