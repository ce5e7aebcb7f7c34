#include "policies/jwt/sign.h"

#include <errno.h>
#include <jwt.h>

#include "server/core/scope.h"
#include "server/crypto/random.h"

#define ID_BYTES 16

static const jwt_alg_t algs[GW_SIGNATURE_ALG_COUNT] = {
    [GW_RS256] = JWT_ALG_RS256, [GW_RS384] = JWT_ALG_RS384, [GW_RS512] = JWT_ALG_RS512,
    [GW_ES256] = JWT_ALG_ES256, [GW_ES384] = JWT_ALG_ES384, [GW_ES512] = JWT_ALG_ES512,
};

static void scope_jwt(jwt_t **jwt)
{
    jwt_free(*jwt);
}

bool sign_is_offered(enum gw_signature_alg alg)
{
    return algs[alg] != JWT_ALG_NONE;
}

/* Absent values are left out. Returns 0, or an errno. */
static int add_text(jwt_t *jwt, const char *name, const char *value)
{
    return value == NULL ? 0 : jwt_add_grant(jwt, name, value);
}

/* The caller's come first: what is there already libjwt refuses to add. */
static int add_claims(jwt_t *jwt, const struct sign_request *request)
{
    char id[2 * ID_BYTES + 1];

    gw_random_hex(id, ID_BYTES);
    if (request->claims != NULL && jwt_add_grants_json(jwt, request->claims) != 0)
        return EINVAL;
    return add_text(jwt, "iss", request->issuer) | add_text(jwt, "sub", request->subject) |
           add_text(jwt, "aud", request->audience) | add_text(jwt, "scope", request->scope) |
           add_text(jwt, "jti", id) | jwt_add_grant_int(jwt, "iat", (long)request->issued_s) |
           jwt_add_grant_int(jwt, "exp", (long)request->expires_s);
}

int sign_token(const struct sign_request *request, char **out_token)
{
    GW_SCOPED(scope_jwt) jwt_t *jwt = NULL;

    if (!sign_is_offered(request->alg))
        return -EINVAL;
    if (jwt_new(&jwt) != 0)
        return -ENOMEM;
    if (add_claims(jwt, request) != 0 || jwt_add_header(jwt, "kid", request->kid) != 0 ||
        jwt_set_alg(jwt, algs[request->alg], (const unsigned char *)request->key_pem.ptr,
                    (int)request->key_pem.len) != 0)
        return -EINVAL;
    char *token = jwt_encode_str(jwt);
    if (token == NULL)
        return -EINVAL;
    *out_token = token; /* by malloc(), as long as nobody calls jwt_set_alloc() */
    return 0;
}
