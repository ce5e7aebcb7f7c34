/* The jwt policy: who is calling, proved by a bearer token (RFC 6750, 7519, 8725). README.md beside
 * this file is its manual. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_jwt;
