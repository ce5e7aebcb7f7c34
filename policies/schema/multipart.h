/* multipart/form-data (RFC 7578, RFC 2046 section 5.1), read strictly.
 *
 * Backends differ in how they read what is not quite right, so such a body is refused: a preamble,
 * bare line feeds, a part without a name, names with a backslash or in RFC 8187's form, a transfer
 * encoding. Points into the body; pure but for the arena. */
#pragma once

#include "policies/schema/form.h"

#define MULTIPART_MAX_HEAD_BYTES 4096 /* of one part's fields */

/* The parts as fields, values as they came. Returns 0; -EINVAL (not such a body; *out_flaw is a
 * sentence), -E2BIG (more than GW_PAIRS_MAX parts), -ENOMEM. */
GW_MUST_CHECK
int multipart_read(struct gw_str content_type, struct gw_str body, struct gw_arena *arena,
                   struct form_fields *out_fields, const char **out_flaw);
