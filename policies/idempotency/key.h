/* The value of Idempotency-Key: a structured field's string (RFC 9651, section 3.3.3), as
 * draft-ietf-httpapi-idempotency-key-header asks for.
 *
 * Parameters behind it are read and ignored (RFC 9651, section 3.1.2). Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/arena.h"
#include "server/core/attr.h"
#include "server/core/str.h"

#define KEY_MAX_BYTES 255 /* of the key itself */

/* The key without quotes and escapes, in the arena: 1 to KEY_MAX_BYTES printable ASCII bytes. With
 * `is_lenient` also the bare text that many clients send: letters, digits and - . _ ~ : only. 0;
 * -EINVAL with what is wrong with it, for the caller; or -ENOMEM. */
GW_MUST_CHECK
int key_parse(struct gw_arena *arena, struct gw_str value, bool is_lenient, struct gw_str *out_key,
              const char **out_flaw);
