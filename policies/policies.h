/* THE table of policies: what stands here can be named in a configuration. */
#pragma once

struct gw_filter_type;

extern const struct gw_filter_type *const gw_policies[]; /* ends with NULL */
