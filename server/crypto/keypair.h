/* Key pairs of our own: made, stored as PEM, their public half as a JWK, and signing with them.
 *
 * For development tokens and for what the gateway signs towards others. One owner; its calls are
 * not thread-safe. */
#pragma once

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/crypto/signature.h"

struct gw_keypair;

/* A new one for `alg` (not an HS): RSA has 2048 bits. -EINVAL, -ENOMEM. */
GW_MUST_CHECK
int gw_keypair_generate(enum gw_signature_alg alg, struct gw_keypair **out_pair);

/* From PKCS#8 (or traditional) PEM, without a pass phrase. -EINVAL if `pem` is none, or the key
 * does not fit `alg`; -ENOMEM. */
GW_MUST_CHECK
int gw_keypair_from_pem(struct gw_str pem, enum gw_signature_alg alg, struct gw_keypair **out_pair);
void gw_keypair_destroy(struct gw_keypair *pair);

/* Appends PKCS#8 PEM: a secret. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_keypair_to_pem(const struct gw_keypair *pair, struct gw_buf *out);

/* Appends the public half as a JWK whose kid is its thumbprint (RFC 7638). 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_keypair_to_jwk(const struct gw_keypair *pair, struct gw_buf *out);

#define GW_KID_LEN 43 /* base64url of a SHA-256 */

/* That kid, with a NUL. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_keypair_kid(const struct gw_keypair *pair, char out[GW_KID_LEN + 1]);

/* Appends the signature's bytes, in the form that gw_signature_verify() takes. 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_keypair_sign(struct gw_keypair *pair, struct gw_str message, struct gw_buf *out);
