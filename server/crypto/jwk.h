/* JSON Web Keys for verification (RFC 7517; RFC 7518, section 6; RFC 8037; RFC 7638).
 *
 * A set is read from text that may come from outside: every key is checked before it is kept. A key
 * that we have no use for (another kty, curve, use or algorithm) or must not use (too short, off
 * its curve, an algorithm of another kind, malformed) is skipped, as RFC 7517, section 5 asks; the
 * reason of the first one is kept. The set as a whole is refused when it is ambiguous. Members with
 * private parts are never read. One owner; see signature.h about threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"
#include "server/crypto/signature.h"

#define GW_JWK_SET_MAX_BYTES (1024 * 1024)
#define GW_JWK_SET_MAX_KEYS 256

struct gw_jwk {
    struct gw_verify_key *key;
    struct gw_str kid; /* ends in NUL; ptr NULL: it has none */
    bool has_alg;
    enum gw_signature_alg alg;           /* if has_alg: the only one that the key is for */
    uint8_t thumbprint[GW_SHA256_BYTES]; /* RFC 7638, SHA-256 */
};

struct gw_jwk_set {
    struct gw_jwk *keys;
    size_t count; /* at least 1 */
    size_t skipped;
    struct gw_error first_skipped; /* why, and where; empty when skipped is 0 */
};

struct gw_jwk_rules {
    unsigned min_rsa_bits; /* 0: 2048 */
    bool accepts_secrets;  /* kty oct; otherwise skipped */
};

/* Reads a JWK Set, or one JWK, which is then a set of one. Duplicate member names are refused, and
 * so are two usable keys with one kid, secrets beside public keys (an algorithm confusion waiting
 * to happen), and a set without a usable key. -EINVAL with *error; -ENOMEM. */
GW_MUST_CHECK
int gw_jwk_set_create(struct gw_str text, const struct gw_jwk_rules *rules,
                      struct gw_jwk_set **out_set, struct gw_error *error);
void gw_jwk_set_destroy(struct gw_jwk_set *set);

/* Whether the key may be used with `alg`: it fits, and is not reserved for another. */
bool gw_jwk_allows(const struct gw_jwk *jwk, enum gw_signature_alg alg);
