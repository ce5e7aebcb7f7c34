/* Fields by which proxies tell backends who is calling. From outside they are lies: dropped before
 * anything else sees the request. */
#pragma once

#include "server/core/str.h"
#include "server/http/exchange.h"

/* Whether the two are one name to some backends: case does not count, nor "_" for "-". */
bool gw_field_is_alike(struct gw_str name, struct gw_str other);

/* Whether a field of that name tells of an identity. "_" counts as "-": to many a backend they are
 * the same (RFC 3875, section 4.1.18). */
bool gw_is_identity_field(struct gw_str name);

/* Removes them all from the request. */
void gw_identity_fields_strip(struct gw_exchange *ex);
