/* What the builtins for named consumers share. Not for others. */
#pragma once

#include "server/event/group.h"
#include "server/gateway/events_private.h"

/* The consumer that the caller means by the parameter `name`. False: out of memory. */
GW_MUST_CHECK
bool gw_events_group_name(struct gw_exchange *ex, const struct gw_value *parameters,
                          struct gw_str *out_group);
