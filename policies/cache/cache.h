/* The policy "cache": answers kept and given again (RFC 9111), where the contract says so. See
 * README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_cache;
