/* The policy `ip_filter`: from which networks APIs may be called. See README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_ip_filter;
