/* A request's fingerprint: what must be the same when a key is used again. */
#pragma once

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_exchange;

#define PRINT_BYTES 65 /* hexadecimal digits and a NUL */

/* SHA-256 over the method, the target as it was received, the consumer, the media type (without
 * parameters, in lower case), the content coding, and the body, which must be there. 0, or -ENOMEM.
 */
GW_MUST_CHECK
int print_make(const struct gw_exchange *ex, char out[PRINT_BYTES]);
