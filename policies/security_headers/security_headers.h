/* The security_headers policy: what browsers should know of an API's answers. README.md beside this
 * file is its manual. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_security_headers;
