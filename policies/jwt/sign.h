/* Making tokens: for development and tests, by libjwt. Nothing on the request path signs. */
#pragma once

#include <stdint.h>

#include "server/core/attr.h"
#include "server/core/str.h"
#include "server/crypto/signature.h"

struct sign_request {
    const char *issuer, *subject;
    const char *audience; /* NULL: none */
    const char *scope;    /* NULL: none */
    const char *claims;   /* further ones, a JSON object; NULL: none. Never one of those above */
    const char *kid;
    struct gw_str key_pem; /* private, PKCS#8 */
    enum gw_signature_alg alg;
    int64_t issued_s, expires_s;
};

/* Whether libjwt can sign by it: the RS and ES algorithms. */
bool sign_is_offered(enum gw_signature_alg alg);

/* The compact token, to be freed with free(). -EINVAL if the key or the claims do not fit, -ENOMEM.
 */
GW_MUST_CHECK
int sign_token(const struct sign_request *request, char **out_token);
