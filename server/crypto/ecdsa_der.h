/* The two forms of an ECDSA signature: r || s (JOSE; RFC 7518, section 3.4) and the DER sequence
 * that OpenSSL takes (RFC 3279, section 2.2.3). Pure; any thread. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_ECDSA_RAW_MAX_BYTES 132 /* P-521 */
#define GW_ECDSA_DER_MAX_BYTES (3 + 2 * (2 + 1 + 66))

/* `raw` has an even length of 2 to 132. The result lies in `der`. */
struct gw_str gw_ecdsa_to_der(struct gw_str raw, uint8_t der[GW_ECDSA_DER_MAX_BYTES]);

/* Writes 2 * `coordinate_bytes` to `raw`. Returns 0, or -EINVAL if `der` is no such sequence or a
 * number is too long. */
GW_MUST_CHECK
int gw_ecdsa_from_der(struct gw_str der, size_t coordinate_bytes, uint8_t *raw);
