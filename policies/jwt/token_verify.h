/* A token checked for a person, with the verdict as JSON: what `millgate token verify` does. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct token_verify_request {
    const char *jwks_path;  /* a JWK Set, or one JWK */
    const char *token;      /* "-": from `in` */
    struct gw_str issuer;   /* empty: any */
    struct gw_str audience; /* empty: any */
    uint32_t algorithms;    /* 1 << enum gw_signature_alg; 0: all */
    bool signature_only;    /* the payload may be anything */
};

/* Prints {"valid":true,"header":{},"payload":{},"kid":...} or {"valid":false,"reason":"..."}.
 * Returns 0 (valid), 1 (not), or a negative errno if it could not be told; the reason is on
 * standard error. */
GW_MUST_CHECK
int token_verify_print(const struct token_verify_request *request, FILE *in, FILE *out);
