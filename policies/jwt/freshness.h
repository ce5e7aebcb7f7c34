/* How long a fetched answer says that it is fresh (RFC 9111, sections 4.2.1 and 5.2.2). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "server/net/http_field.h"

#define FRESHNESS_UNKNOWN UINT64_MAX

/* The seconds left of max-age (the smallest, if it stands more than once) after Age, at most a
 * year; FRESHNESS_UNKNOWN without a max-age that can be read. no-cache and no-store are not looked
 * at: what we keep is asked for again in any case. */
uint64_t freshness_seconds(const struct gw_field *fields, size_t count);
