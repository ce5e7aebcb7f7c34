/* XML text with `{{a.b}}` where values go: escaped, and only where text or an attribute's value
 * stands, so that no value becomes a tag. Private to connector/soap. Pure. */
#pragma once

#include "server/core/attr.h"
#include "server/core/error.h"
#include "server/core/str.h"
#include "server/json/value.h"

struct gw_buf;

/* `values` may be NULL. In a path numbers count a list's items, from 0. null becomes nothing. 0, or
 * -EINVAL: a value that is missing or no scalar, or a place that takes none. */
GW_MUST_CHECK
int soap_template_fill(struct gw_buf *out, struct gw_str text, const struct gw_value *values,
                       struct gw_error *error);

/* The value at "a.b.0"; NULL: there is none. The empty path is the value itself. */
const struct gw_value *soap_value_at(const struct gw_value *value, struct gw_str path);
