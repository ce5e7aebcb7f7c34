/* What a provider says of a token (RFC 7662, section 2.2). Pure but for the arena. */
#pragma once

#include <stdbool.h>

#include "policies/jwt/claims.h"
#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"

/* Reads the answer to a status. 0: *out_claims is what is said of an active token (in the arena),
 * or NULL for one that is not, or is none to be used here (a token_type that is neither Bearer nor
 * DPoP, claims that are not well-formed: then the reason is in *error). -EINVAL with a reason for
 * the log: nothing can be said; -ENOMEM. */
GW_MUST_CHECK
int introspect_answer_read(struct gw_arena *arena, int status, struct gw_str text,
                           const struct claims_form *form, const struct claims **out_claims,
                           struct gw_error *error);

/* Whether the characters are those of a bearer token (RFC 6750, section 2.1): nothing else is sent
 * to a provider. */
bool introspect_is_token(struct gw_str token);
