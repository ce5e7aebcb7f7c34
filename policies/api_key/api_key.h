/* The policy `api_key`: who is calling, proved by a key in a header field. README.md is its manual.
 */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_api_key;
