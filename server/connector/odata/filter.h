/* $filter, made of an object: what a flow builds without ever putting texts together.
 *
 *     {"Plant": "1020", "Quantity": {"gt": 0, "le": {"$decimal": "10.5"}}}
 *     {"OrderStatus": {"in": ["REL", "CNF"]}, "Material": {"startswith": "PUMP"}}
 *     {"$or": [{"Batch": "A"}, {"Batch": "B"}], "$not": {"Blocked": true}}
 *
 * Members of one object hold together (and). Operators: eq ne gt ge lt le in, and on texts
 * contains startswith endswith; `in` of nothing is never true. A name is a property or a path to
 * one ("to_Header/Plant"). Values are literals as in literal.h, so nothing in them can become part
 * of the expression. V2 writes what it lacks with what it has. Pure. */
#pragma once

#include "server/connector/odata/literal.h"

#define ODATA_MAX_TERMS 500 /* comparisons of one filter */

/* Appends the expression, not percent-encoded. An empty object appends nothing. 0, or -EINVAL. */
GW_MUST_CHECK
int odata_filter_write(struct gw_buf *out, enum odata_version version,
                       const struct gw_value *filter, struct gw_error *error);
