/* Fields that are for one hop only (RFC 9110, section 7.6.1).
 *
 * They are dropped before policies run, not on the way out: a caller that names a field in
 * Connection would else have it removed after a policy has set it, its identity, say. */
#pragma once

#include "server/http/exchange.h"

/* Removes Connection and what it names, and the other fields of one hop, from the request. */
void gw_hop_fields_strip(struct gw_exchange *ex);
