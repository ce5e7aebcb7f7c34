/* Whether a certificate was issued by somebody we trust (RFC 5280, section 6).
 *
 * For certificates that come without a handshake of our own. Made once; verifying is safe from any
 * thread. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

struct gw_x509_trust;

/* `ca_pem`: certificates that are trusted, each by itself: an intermediate authority needs no root
 * beside it. `crl_pem`: revocation lists, or empty; with them, each authority of a chain needs one.
 * -EINVAL with *error, or -ENOMEM. */
GW_MUST_CHECK
int gw_x509_trust_create(struct gw_str ca_pem, struct gw_str crl_pem,
                         struct gw_x509_trust **out_trust, struct gw_error *error);
void gw_x509_trust_destroy(struct gw_x509_trust *trust); /* NULL is safe */

/* Whether `der` is a client's certificate, issued by one of them and valid at that time. 0; -EINVAL
 * (no certificate, or not good) with *error; -ENOMEM. */
GW_MUST_CHECK
int gw_x509_trust_verify(const struct gw_x509_trust *trust, struct gw_str der, int64_t now_s,
                         struct gw_error *error);
