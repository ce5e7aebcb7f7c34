/* What a certificate (X.509, RFC 5280) says: names, validity, thumbprint.
 *
 * Nothing here says that a certificate is genuine: see x509_trust.h, and http/tls. One that has
 * names which could be read in two ways (with a NUL or a control in them) is refused as a whole.
 * Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"

#define GW_X509_MAX_BYTES (64 * 1024)
#define GW_X509_MAX_NAMES 64 /* of one kind */

struct gw_x509_names {
    const struct gw_str *items;
    size_t count;
};

struct gw_x509 {
    struct gw_str subject;     /* as RFC 4514 writes it: "CN=line-7,O=Acme"; may be empty */
    struct gw_str common_name; /* empty if there is none, or more than one */
    struct gw_x509_names dns;  /* subject alternative names, in lower case */
    struct gw_x509_names uris; /* likewise, as written */
    struct gw_x509_names emails;
    int64_t not_before_s, not_after_s;   /* since 1970 */
    uint8_t thumbprint[GW_SHA256_BYTES]; /* of the DER (x5t#S256, RFC 7515, section 4.1.8) */
};

/* The SHA-256 of the DER. */
void gw_x509_thumbprint(struct gw_str der, uint8_t out[GW_SHA256_BYTES]);

/* Reads one certificate and nothing behind it; all lies in the arena. 0, -EINVAL, or -ENOMEM (then
 * *out_x509 is untouched). */
GW_MUST_CHECK
int gw_x509_read(struct gw_arena *arena, struct gw_str der, struct gw_x509 *out_x509);
