/* The response's side of the policy: what a backend answers, held against the contract. */
#pragma once

#include "policies/schema/settings.h"
#include "server/filter/filter.h"

enum gw_verdict schema_on_response(void *self, struct gw_exchange *ex);
