/* base64url (RFC 4648, section 5) as JOSE writes it (RFC 7515, section 2): without padding.
 *
 * Decoding is strict: no padding, no white space, nothing outside the alphabet, and no bits set
 * that no byte needs, so that one text stands for one sequence of bytes. Pure; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"

/* How many bytes `text_len` characters decode to; never less than what is written. */
static inline size_t gw_base64url_decoded_bytes(size_t text_len)
{
    return text_len / 4 * 3 + text_len % 4 * 3 / 4;
}

/* How many characters `bytes` encode to. */
static inline size_t gw_base64url_encoded_len(size_t bytes)
{
    return bytes / 3 * 4 + (bytes % 3 * 4 + 2) / 3;
}

/* Writes gw_base64url_decoded_bytes(text.len) bytes to `out`. Returns 0, or -EINVAL: then what
 * stands in `out` means nothing. */
GW_MUST_CHECK
int gw_base64url_decode(struct gw_str text, uint8_t *out);

/* Writes gw_base64url_encoded_len(len) characters to `out`, and no NUL. */
void gw_base64url_encode(const uint8_t *bytes, size_t len, char *out);
