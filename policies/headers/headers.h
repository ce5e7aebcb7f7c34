/* The headers policy: what a caller says about identities is dropped, what was proved is passed on.
 * README.md is its manual. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_headers;
