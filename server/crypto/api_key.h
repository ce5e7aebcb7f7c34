/* API keys as text: "mgk_<id>_<secret><check>", all but the prefix in lower-case hexadecimal.
 *
 * The id (16 digits) is a name, not a secret. The secret is 32 random bytes (64 digits). The check
 * (8 digits of the SHA-256 of all before it) tells a mistyped key, and a text that only looks like
 * one, from a wrong one without asking anybody. Any thread. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/digest.h"

#define GW_API_KEY_PREFIX "mgk_"
#define GW_API_KEY_ID_LEN 16
#define GW_API_KEY_LEN ((size_t)4 + GW_API_KEY_ID_LEN + 1 + 64 + 8)
#define GW_API_KEY_DIGEST_LEN ((size_t)2 * GW_SHA256_BYTES)

/* A new key. The caller wipes it (gw_secret_wipe()) when it was shown. */
void gw_api_key_make(char out_key[GW_API_KEY_LEN + 1]);

/* The id of a key made by the above; borrows from it. */
struct gw_str gw_api_key_id(const char *key);

/* Whether `text` has the form of a key and its check fits; then *out_id borrows from it. */
GW_MUST_CHECK
bool gw_api_key_read(struct gw_str text, struct gw_str *out_id);

/* What is stored of it: its SHA-256 in hexadecimal, and a NUL. */
void gw_api_key_digest(struct gw_str key, char out[GW_API_KEY_DIGEST_LEN + 1]);
