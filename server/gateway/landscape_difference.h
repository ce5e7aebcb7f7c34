/* Where two values first differ. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "server/core/buf.h"
#include "server/json/value.h"

/* Members of the names `ignored` count nowhere. True: they differ, and the JSON Pointer of the
 * place (RFC 6901) was appended: of the first in the order of `a`, or of what only `b` has. */
bool gw_landscape_difference(const struct gw_value *a, const struct gw_value *b,
                             const struct gw_str *ignored, size_t ignored_count,
                             struct gw_buf *out_pointer);
