/* Verifying signatures by the algorithms of JOSE (RFC 7518, section 3; RFC 8037).
 *
 * A key is parsed once. It keeps what OpenSSL can reuse between calls, so one key belongs to one
 * worker: its calls are not thread-safe. What a key may be used for is checked here every time: an
 * algorithm that is not of the key's kind never verifies. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

enum gw_signature_alg {
    GW_RS256, /* RSASSA-PKCS1-v1_5 */
    GW_RS384,
    GW_RS512,
    GW_PS256, /* RSASSA-PSS, salt as long as the digest */
    GW_PS384,
    GW_PS512,
    GW_ES256, /* ECDSA on P-256, signature as r || s */
    GW_ES384, /* P-384 */
    GW_ES512, /* P-521 */
    GW_EDDSA, /* Ed25519 */
    GW_HS256, /* HMAC: whoever verifies can sign */
    GW_HS384,
    GW_HS512,
    GW_SIGNATURE_ALG_COUNT,
};

/* "RS256" ..., exactly: 0, or -EINVAL. */
GW_MUST_CHECK
int gw_signature_alg_parse(struct gw_str name, enum gw_signature_alg *out_alg);
const char *gw_signature_alg_name(enum gw_signature_alg alg);

enum gw_key_kind {
    GW_KEY_RSA,
    GW_KEY_P256,
    GW_KEY_P384,
    GW_KEY_P521,
    GW_KEY_ED25519,
    GW_KEY_SECRET, /* for HMAC */
    GW_KEY_KIND_COUNT,
};

#define GW_RSA_MAX_BITS 8192 /* a longer modulus only buys CPU time from us */

struct gw_verify_key;

/* `modulus` and `exponent` are big-endian. -EINVAL: even, too long, or an exponent below 3;
 * -ERANGE: fewer than `min_bits`; -EPERM: made by a generator whose keys can be factored (ROCA,
 * CVE-2017-15361); -ENOMEM. */
GW_MUST_CHECK
int gw_verify_key_from_rsa(struct gw_str modulus, struct gw_str exponent, unsigned min_bits,
                           struct gw_verify_key **out_key);

/* `kind` is one of the curves; the coordinates are as long as the field. -EINVAL: not a point of
 * the curve; -ENOMEM. */
GW_MUST_CHECK
int gw_verify_key_from_ec(enum gw_key_kind kind, struct gw_str x, struct gw_str y,
                          struct gw_verify_key **out_key);

/* 32 bytes (RFC 8032). -EINVAL, -ENOMEM. */
GW_MUST_CHECK
int gw_verify_key_from_ed25519(struct gw_str bytes, struct gw_verify_key **out_key);

/* A copy of the secret is kept, and wiped by destroy. -EINVAL: shorter than the shortest algorithm
 * asks for (32 bytes; RFC 7518, section 3.2); -ENOMEM. */
GW_MUST_CHECK
int gw_verify_key_from_secret(struct gw_str secret, struct gw_verify_key **out_key);

void gw_verify_key_destroy(struct gw_verify_key *key);

enum gw_key_kind gw_verify_key_kind(const struct gw_verify_key *key);

/* Whether the key is of the kind that the algorithm takes, and long enough for it. */
bool gw_verify_key_fits(const struct gw_verify_key *key, enum gw_signature_alg alg);

/* Returns 0 if `signature` is the key's over `message`; -EBADMSG if not; -EINVAL if the key does
 * not fit the algorithm; -ENOMEM. */
GW_MUST_CHECK
int gw_signature_verify(struct gw_verify_key *key, enum gw_signature_alg alg, struct gw_str message,
                        struct gw_str signature);
