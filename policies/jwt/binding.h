/* A token that only the holder of a certificate may use (RFC 8705): its cnf names the SHA-256 of
 * the certificate that its owner proves to have.
 *
 * Asked on every request, as another connection may bring another certificate. Pure but for the
 * arena. */
#pragma once

#include <stdbool.h>

#include "policies/jwt/claims.h"
#include "policies/jwt/jose.h"

/* `certificate`: the client's, DER, possession proved; empty: none. A token whose cnf has x5t#S256
 * is always held to it; one that has none is refused if `is_required`. */
GW_MUST_CHECK
enum jose_verdict binding_check(struct gw_arena *arena, const struct claims *claims,
                                struct gw_str certificate, bool is_required);
