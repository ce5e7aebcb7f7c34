/* The cors policy: which web pages may call from a browser (Fetch standard, "CORS protocol").
 * README.md beside this file is its manual. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_cors;
