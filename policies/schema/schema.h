/* The contract's schemas as a filter: parameters, request bodies, responses. See README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_schema;
