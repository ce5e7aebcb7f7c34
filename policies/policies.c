#include "policies/policies.h"

#include <stddef.h>

#include "policies/api_key/api_key.h"
#include "policies/authorise/authorise.h"
#include "policies/body_limit/body_limit.h"
#include "policies/cache/cache.h"
#include "policies/client_certificate/client_certificate.h"
#include "policies/compression/compression.h"
#include "policies/cors/cors.h"
#include "policies/headers/headers.h"
#include "policies/idempotency/idempotency.h"
#include "policies/ip_filter/ip_filter.h"
#include "policies/jwt/jwt.h"
#include "policies/rate_limit/rate_limit.h"
#include "policies/schema/schema.h"
#include "policies/security_headers/security_headers.h"
#include "policies/transform/transform.h"

/* The default chain, in its order; one a line. */
const struct gw_filter_type *const gw_policies[] = {
    &gw_compression,        //
    &gw_security_headers,   //
    &gw_ip_filter,          //
    &gw_body_limit,         //
    &gw_cors,               //
    &gw_jwt,                //
    &gw_api_key,            //
    &gw_client_certificate, //
    &gw_authorise,          //
    &gw_headers,            //
    &gw_rate_limit,         //
    &gw_schema,             //
    &gw_transform,          //
    &gw_cache,              //
    &gw_idempotency,        // the last: what it lets through is sent
    NULL,
};
