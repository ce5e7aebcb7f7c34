/* Was a token revoked? Asked on every request, of records that the worker mirrors.
 *
 *   revocation:jti:<issuer>:<jti>          that token
 *   revocation:subject:<issuer>:<subject>  the subject's tokens issued up to `issued_before`
 *   revocation:issuer:<issuer>             all of the issuer's issued up to then
 *
 * <issuer> is its name in the configuration. Pure but for the arena; the time is given. */
#pragma once

#include <stdint.h>

#include "policies/jwt/claims.h"
#include "server/store/record_set.h"

/* JOSE_OK, JOSE_REVOKED or JOSE_NO_MEMORY. Without records (NULL, or none were ever read) nothing
 * is revoked. Costs nothing while there are none. A token without iat counts as issued before any
 * time. */
GW_MUST_CHECK
enum jose_verdict revocation_judge(const struct gw_record_set *records, struct gw_str issuer,
                                   const struct claims *claims, int64_t now_s,
                                   struct gw_arena *arena);
