/* Percent-encoding (RFC 3986, section 2.1); decoding is strict. Pure. */
#pragma once

#include <stdbool.h>

#include "server/core/attr.h"
#include "server/core/str.h"

struct gw_arena;
struct gw_buf;

enum gw_percent_form {
    GW_PERCENT_NONE,  /* the text is as it stands: no escapes */
    GW_PERCENT_PLAIN, /* %XX */
    GW_PERCENT_QUERY, /* the same, and '+' is a space, as every backend's query parser has it */
};

/* `text` decoded: itself if there is nothing to decode, else in the arena. Returns 0, -EILSEQ (an
 * escape is broken, or the result is no UTF-8 or has a NUL), or -ENOMEM. */
GW_MUST_CHECK
int gw_percent_decode(struct gw_str text, enum gw_percent_form form, struct gw_arena *arena,
                      struct gw_str *out_text);

/* Appends `text` with all but the unreserved characters (section 2.3) escaped: a space is "%20". */
void gw_percent_append(struct gw_buf *buf, struct gw_str text);
