/* Parameters written out: a JSON value as its style has it in a request (OpenAPI 3.1, "Parameter
 * Object": style, explode). The way back from contract/parameter_values.h. Pure. */
#pragma once

#include "server/contract/operation.h"
#include "server/core/attr.h"
#include "server/json/value.h"

struct gw_buf;

/* Appends to `buf`: in a path the text that replaces "{name}"; in a query or a cookie pairs,
 * "name=value", joined by "&" or "; " (nothing for an empty list); in a header its value. null is
 * written as an empty text. 0, or -EINVAL: this style cannot say this value, or it would change the
 * path's segments ("..", or nothing at all). */
GW_MUST_CHECK
int gw_parameter_append(struct gw_buf *buf, const struct gw_parameter *parameter,
                        const struct gw_value *value);
