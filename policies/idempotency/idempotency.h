/* A write with an Idempotency-Key takes effect once
 * (draft-ietf-httpapi-idempotency-key-header). See README.md. */
#pragma once

#include "server/filter/filter.h"

extern const struct gw_filter_type gw_idempotency;
