/* The body_limit policy: no request body larger than allowed. README.md is its manual. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_body_limit;
