/* HMAC (RFC 2104) over SHA-2. Any thread. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"

/* Writes gw_digest_bytes(digest) bytes. Returns 0, or -ENOMEM. */
GW_MUST_CHECK
int gw_mac_compute(enum gw_digest digest, struct gw_str key, struct gw_str text, uint8_t *out);
