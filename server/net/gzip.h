/* gzip (RFC 1952) of one piece of memory, both ways. Pure; any thread. */
#pragma once

#include "server/core/attr.h"
#include "server/core/buf.h"
#include "server/core/str.h"

/* Appends. -ENOMEM: no memory, or beyond the buffer's maximum. */
GW_MUST_CHECK
int gw_gzip(struct gw_str bytes, struct gw_buf *out);
/* Appends; the buffer's maximum bounds it. -EINVAL: it is none, or something follows it; -EMSGSIZE:
 * more than the buffer takes. */
GW_MUST_CHECK
int gw_gunzip(struct gw_str bytes, struct gw_buf *out);
