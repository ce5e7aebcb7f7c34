/* Certificates that were read before: reading one costs far more than its SHA-256.
 *
 * Direct-mapped by thumbprint, so bounded; a newer one takes the place. One worker's. */
#pragma once

#include <stdint.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/crypto/x509.h"

#define KNOWN_MAX_MAPPINGS 64
#define KNOWN_FOR_S 60 /* then it is read, and its issuer verified, anew */

/* What was found of one certificate. */
struct known {
    struct gw_x509 x509;
    uint64_t verified; /* bit n: mapping n's authorities were asked, */
    uint64_t trusted;  /* and this is what they said */
    int64_t until_s;
    struct gw_arena arena; /* what x509 points into */
};

struct known_table;

GW_MUST_CHECK
struct known_table *known_create(void); /* NULL without memory */
void known_destroy(struct known_table *table);

/* The entry for a certificate, read anew if it was not known. Borrowed until the next call. 0,
 * -EINVAL (no certificate that can be read), or -ENOMEM. */
GW_MUST_CHECK
int known_get(struct known_table *table, struct gw_str der, int64_t now_s,
              struct known **out_known);
