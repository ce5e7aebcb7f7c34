/* base64 (RFC 4648, section 4), with padding: for credentials in a field. Pure; any thread. */
#pragma once

#include "server/core/buf.h"
#include "server/core/str.h"

/* Appends `bytes` encoded: a multiple of four characters. */
void gw_base64_append(struct gw_buf *out, struct gw_str bytes);
