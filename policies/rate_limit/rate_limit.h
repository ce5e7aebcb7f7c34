/* The rate limit as a filter: one atomic question to Redis per request. See README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_rate_limit;
