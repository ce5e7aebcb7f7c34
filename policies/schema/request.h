/* The request's side of the policy. */
#pragma once

#include "policies/schema/settings.h"
#include "server/filter/filter.h"

enum gw_verdict schema_on_request(void *self, struct gw_exchange *ex);
