/* Client-Cert (RFC 9440): by this field a proxy that ended TLS tells whose certificate its client
 * has proved. Pure but for the arena. */
#pragma once

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

#define GW_CLIENT_CERT_MAX_BYTES (16 * 1024) /* of the certificate */

/* The field's value: one byte sequence (RFC 9651, section 3.3.5), nothing beside it. The
 * certificate's bytes lie in the arena. Returns 0, -EINVAL (also for base64 that is not canonical,
 * except that the padding may be missing), or -ENOMEM. */
GW_MUST_CHECK
int gw_client_cert_field_read(struct gw_arena *arena, struct gw_str value, struct gw_str *out_der);
