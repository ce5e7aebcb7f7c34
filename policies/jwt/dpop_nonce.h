/* Nonces for DPoP proofs (RFC 9449, section 9) that need no memory: a moment and its MAC.
 *
 * Whoever has the secret makes and knows them: all workers of all gateways that are configured with
 * the same one. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define DPOP_NONCE_LEN 32 /* characters */

struct dpop_nonces {
    struct gw_str secret;
    int64_t life_s; /* how long one serves */
};

/* Writes DPOP_NONCE_LEN characters and a NUL. 0, or -ENOMEM. */
GW_MUST_CHECK
int dpop_nonce_make(const struct dpop_nonces *nonces, int64_t now_s, char out[DPOP_NONCE_LEN + 1]);

/* Whether it is one of ours, not older than life_s and not from more than that ahead. */
bool dpop_nonce_is_good(const struct dpop_nonces *nonces, struct gw_str nonce, int64_t now_s);
