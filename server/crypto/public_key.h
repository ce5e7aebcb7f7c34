/* Public keys from PEM (SubjectPublicKeyInfo, RFC 7468). */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_verify_key;

/* An Ed25519 key. -EINVAL: it is none; -ENOMEM. */
GW_MUST_CHECK
int gw_public_key_from_pem(struct gw_str pem, struct gw_verify_key **out_key);
