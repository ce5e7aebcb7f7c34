/* May the caller have the operation? The alternatives of its security against what was proved.
 *
 * Pure: knows nothing of requests and answers. */
#pragma once

#include <stdint.h>

#include "server/contract/operation.h"

enum authorise_outcome {
    AUTHORISE_ALLOWED,   /* an alternative holds */
    AUTHORISE_ANONYMOUS, /* nobody need be known */
    AUTHORISE_UNPROVED,  /* no alternative has all its credentials */
    AUTHORISE_SCOPE,     /* one has, but a credential lacks a scope */
};

struct authorise_decision {
    enum authorise_outcome outcome;
    const struct gw_identity
        *identity; /* ALLOWED: who counts as the caller, a token's owner first */
    const struct gw_security_alternative *alternative; /* ALLOWED: the one that holds */
    uint64_t expires_at_s; /* ALLOWED: when the first of the credentials ends; 0: never */
    const struct gw_security_scheme *scheme; /* SCOPE: whose scopes */
    const struct gw_identity *lacking;       /* SCOPE: the credential that lacks one */
};

/* Alternatives count in the document's order, but an empty one only when no other holds, so that
 * who is known is not treated as nobody. */
struct authorise_decision authorise_decide(const struct gw_operation *operation,
                                           const struct gw_identity *credentials,
                                           size_t credential_count);

/* The credential for a scheme, or NULL. */
const struct gw_identity *authorise_find(const struct gw_security_scheme *scheme,
                                         const struct gw_identity *credentials,
                                         size_t credential_count);

/* Does the credential have the scope? */
bool authorise_has_scope(const struct gw_identity *credential, struct gw_str scope);
