/* The system query options of a list or a read ($filter, $select ...). Pure but for the arena. */
#pragma once

#include "server/connector/odata/request.h"

struct gw_buf;

/* Appends "$select=...&$expand=..." from the arguments `select` and `expand`, and for a list also
 * `filter`, `orderby`, `top`, `skip` and `count`. 0 or -EINVAL. */
GW_MUST_CHECK
int odata_query_write(struct gw_buf *out, const struct odata_builder *builder, bool is_list);

/* Appends "name=text", percent-encoded, with '&' before it where it is not the first. */
void odata_query_add(struct gw_buf *out, const char *name, struct gw_str text);
