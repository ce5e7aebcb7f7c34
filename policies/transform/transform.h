/* The transform policy: fields and query parameters changed on their way to the backend, and fields
 * on their way back. README.md beside this file is its manual. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_transform;
