/* All parameters of an operation against its contract: path, query, header, cookie.
 *
 * Reads the exchange's request; violations are added to a list. Pure but for the arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "policies/schema/violations.h"
#include "server/contract/operation.h"
#include "server/net/http_field.h"

struct gw_exchange;

/* Checks them all. With `refuses_unknown`, a query parameter that the contract does not name is a
 * violation. */
void parameters_check(const struct gw_exchange *ex, bool refuses_unknown, struct violations *list);

/* Checks `headers` (all of GW_IN_HEADER) against fields: those of a response. */
void parameters_check_headers(const struct gw_schema_set *set, const struct gw_parameter *headers,
                              size_t header_count, const struct gw_field *fields,
                              size_t field_count, struct violations *list);
