/* Tokens on the wire (RFC 6750, RFC 9449): the credential of a request, and the challenge of a
 * refusal. */
#pragma once

#include "server/core/attr.h"
#include "server/filter/filter.h"

enum bearer_found {
    BEARER_NONE, /* no Authorization, or another scheme */
    BEARER_TOKEN,
    BEARER_DPOP_TOKEN, /* the scheme is DPoP */
    BEARER_MALFORMED,  /* two fields, or nothing behind the scheme */
};

/* The one `Authorization: Bearer` or `DPoP` of the request; *out_token borrows from the field.
 * Whether its characters are those of a token is left to who reads it. */
enum bearer_found bearer_find(const struct gw_exchange *ex, struct gw_str *out_token);

/* 401 with a challenge. `error` and `description` are ASCII without quotes or backslashes. Returns
 * GW_STOP. */
enum gw_verdict bearer_refuse(struct gw_exchange *ex, struct gw_str realm, const char *error,
                              const char *description);
