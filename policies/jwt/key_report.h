/* An issuer's keys as the administrator sees them: JSON, nothing secret. */
#pragma once

#include <stdint.h>

#include "server/core/buf.h"
#include "server/crypto/jwk.h"

/* `"name":"text"`, and a comma before it if it is not the object's first. */
void key_report_text(struct gw_buf *out, const char *name, struct gw_str text);

/* `,"name":seconds` since 1970 with milliseconds; null for 0. */
void key_report_time(struct gw_buf *out, const char *name, uint64_t wall_ns);

/* `,"key_count":N,"skipped":N,"keys":[...]`, each with kid, kty, alg and use; NULL: there is none.
 */
void key_report_set(struct gw_buf *out, const struct gw_jwk_set *set);

/* `,"generation":"<hex>"`. */
void key_report_generation(struct gw_buf *out, uint64_t generation);
