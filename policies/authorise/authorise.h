/* The policy `authorise`: who was proved may have this operation, or is refused. See README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_authorise;
